import time

import pytest

from tenantdb.catalog import rollouts
from tenantdb.catalog.models import RolloutTenant, Tenant
from tenantdb.catalog.rollouts import Ending
from tenantdb.catalog.states import Outcome, RolloutState, TenantState
from workers.turn import BATCH, PER_SERVER, Batch, record


def test_the_first_wave_is_handed_out_alone(fleet):
    fleet.add("a", "b", "c")
    fleet.start(("canary", ["b"]), ("100%", ["a", "c"]))
    assert fleet.handed_out() == ["b"]
    assert fleet.handed_out() == []


def test_the_next_wave_waits_for_every_tenant_of_the_one_before(fleet):
    fleet.add("a", "b", "c")
    fleet.start(("50%", ["a", "b"]), ("100%", ["c"]))
    fleet.step()
    fleet.end("a")
    assert fleet.handed_out() == []
    fleet.end("b")
    assert fleet.handed_out() == ["c"]


def test_a_batch_holds_tenants_of_one_server(fleet):
    fleet.add("a", "b", "c", "d")
    fleet.start(("100%", ["a", "b", "c", "d"]))
    assert [(batch.server, batch.tenants) for batch in fleet.step().batches] == [
        ("s0", ("a", "c")),
        ("s1", ("b", "d")),
    ]


def test_a_server_gets_no_more_than_its_share_at_a_time(fleet):
    ids = [f"t{number:03}" for number in range(6 * BATCH * PER_SERVER)]
    fleet.add(*ids)
    fleet.start(("100%", ids))
    first = fleet.step().batches
    assert sorted((batch.server, len(batch.tenants)) for batch in first) == [
        ("s0", BATCH),
        ("s0", BATCH),
        ("s1", BATCH),
        ("s1", BATCH),
    ]
    assert fleet.step().batches == ()
    fleet.end(*first[0].tenants)
    assert [batch.server for batch in fleet.step().batches] == [first[0].server]


def test_a_rollout_ends_when_every_tenant_has_its_end(fleet):
    fleet.add("a", "b")
    fleet.start(("100%", ["a", "b"]))
    fleet.step()
    fleet.end("a")
    fleet.fail("b")
    assert fleet.step().state is RolloutState.DONE
    assert fleet.counts() == {"done": 1, "failed": 1}


def test_a_fleet_without_tenants_is_done_at_once(fleet):
    fleet.start()
    assert fleet.step().state is RolloutState.DONE


def test_one_failure_too_many_halts_and_the_tenants_at_hand_finish(fleet):
    fleet.add("a", "b", "c", "d")
    fleet.start(("75%", ["a", "b", "c"]), ("100%", ["d"]), max_failures="1")
    fleet.step()
    fleet.fail("a")
    assert fleet.state() == "running"
    fleet.fail("b")
    assert fleet.state() == "halted"
    fleet.end("c")
    assert fleet.handed_out() == []
    assert fleet.counts() == {"failed": 2, "done": 1, "pending": 1}


def test_a_failed_canary_halts_although_the_budget_would_bear_it(fleet):
    fleet.add("a", "b")
    fleet.start(("canary", ["a"]), ("100%", ["b"]))
    fleet.step()
    fleet.fail("a")
    assert fleet.state() == "halted"


def test_a_busy_tenant_is_handed_out_again_after_a_rest(fleet):
    fleet.add("a")
    fleet.start(("100%", ["a"]))
    fleet.step()
    fleet.end("a", outcome=Outcome.PENDING, schema=fleet.old)
    assert fleet.handed_out() == []
    with fleet.catalog.begin() as session:
        session.get(RolloutTenant, (fleet.rollout, "a")).finished_at = time.time() - 60
    assert fleet.handed_out() == ["a"]


def test_an_end_that_is_recorded_stays_when_a_second_worker_had_the_tenant_too(fleet):
    fleet.add("a")
    fleet.start(("100%", ["a"]))
    fleet.step()
    fleet.end("a")
    with fleet.catalog.begin() as session:
        assert rollouts.begin_try(session, fleet.rollout, "a") is None
        record(session, fleet.rollout, "a", Ending(outcome=Outcome.FAILED))
    assert fleet.counts() == {"done": 1}


def test_the_closing_sweep_finds_a_tenant_that_was_created_meanwhile(fleet):
    fleet.add("a")
    fleet.start(("100%", ["a"]))
    fleet.step()
    fleet.end("a")
    fleet.add("late")
    assert fleet.handed_out() == ["late"]
    assert fleet.waves() == [("100%", 1), ("sweep", 1)]
    fleet.end("late")
    assert fleet.step().state is RolloutState.DONE


def test_the_closing_sweep_finds_a_tenant_that_was_restored_meanwhile(fleet):
    fleet.add("a", "b")
    fleet.start(("50%", ["a"]), ("100%", ["b"]))
    fleet.step()
    fleet.end("a")
    fleet.step()
    fleet.end("b")
    with fleet.catalog.begin() as session:
        session.get(Tenant, "a").schema_hash = fleet.old
    assert fleet.handed_out() == ["a"]


def test_a_second_sweep_joins_the_first(fleet):
    fleet.start()
    fleet.add("x")
    fleet.step()
    fleet.end("x")
    fleet.add("y")
    assert fleet.handed_out() == ["y"]
    assert fleet.waves() == [("sweep", 2)]


def test_a_tenant_born_with_the_new_schema_has_no_part_in_it(fleet):
    fleet.add("born", schema=fleet.new)
    fleet.start()
    assert fleet.step().state is RolloutState.DONE
    assert fleet.counts() == {}


def test_a_tenant_that_was_deleted_before_its_turn_is_forgotten(fleet):
    fleet.add("a", state=TenantState.DELETED)
    fleet.start(("100%", ["a"]))
    assert fleet.step().state is RolloutState.DONE
    assert fleet.counts() == {}


@pytest.mark.parametrize("state", [RolloutState.PAUSED, RolloutState.HALTED, RolloutState.DONE])
def test_nothing_is_handed_out_unless_it_runs(fleet, state):
    fleet.add("a")
    fleet.start(("100%", ["a"]))
    with fleet.catalog.begin() as session:
        rollouts.change_state(session, fleet.rollout, to=state, only_from=[RolloutState.RUNNING])
    assert fleet.step().batches == ()


def test_a_tenant_that_was_still_brought_there_while_the_rollout_turned_goes_back_too(fleet):
    fleet.add("a")
    fleet.start(("100%", ["a"]))
    fleet.step()
    with fleet.catalog.begin() as session:
        row = rollouts.get(session, fleet.rollout)
        rollouts.turn_back(session, row)
        row.state = RolloutState.ROLLING_BACK
    fleet.end("a")  # too late: it counts as back, but its file is there
    assert fleet.handed_out() == ["a"]
    fleet.end("a", outcome=Outcome.ROLLED_BACK, schema=fleet.old)
    assert fleet.step().state is RolloutState.ROLLED_BACK


def test_a_batch_survives_a_message():
    batch = Batch(rollout="r1", server="s0", tenants=("a", "b"))
    assert Batch.of(batch.arguments()) == batch
