import time

import pytest

from tenantdb.catalog import rollouts
from tenantdb.catalog.models import RolloutTenant, Tenant
from tenantdb.catalog.rollouts import Ending
from tenantdb.catalog.states import Outcome, RolloutState, TenantState
from workers.rollout.turn import BATCH, PER_SERVER, Batch, record


def test_the_first_wave_is_handed_out_alone(paper):
    paper.add("a", "b", "c")
    paper.start(("canary", ["b"]), ("100%", ["a", "c"]))
    assert paper.handed_out() == ["b"]
    assert paper.handed_out() == []


def test_the_next_wave_waits_for_every_tenant_of_the_one_before(paper):
    paper.add("a", "b", "c")
    paper.start(("50%", ["a", "b"]), ("100%", ["c"]))
    paper.step()
    paper.end("a")
    assert paper.handed_out() == []
    paper.end("b")
    assert paper.handed_out() == ["c"]


def test_a_batch_holds_tenants_of_one_server(paper):
    paper.add("a", "b", "c", "d")
    paper.start(("100%", ["a", "b", "c", "d"]))
    assert [(batch.server, batch.tenants) for batch in paper.step().batches] == [
        ("s0", ("a", "c")),
        ("s1", ("b", "d")),
    ]


def test_a_server_gets_no_more_than_its_share_at_a_time(paper):
    ids = [f"t{number:03}" for number in range(6 * BATCH * PER_SERVER)]
    paper.add(*ids)
    paper.start(("100%", ids))
    first = paper.step().batches
    assert sorted((batch.server, len(batch.tenants)) for batch in first) == [
        ("s0", BATCH),
        ("s0", BATCH),
        ("s1", BATCH),
        ("s1", BATCH),
    ]
    assert paper.step().batches == ()
    paper.end(*first[0].tenants)
    assert [batch.server for batch in paper.step().batches] == [first[0].server]


def test_a_rollout_ends_when_every_tenant_has_its_end(paper):
    paper.add("a", "b")
    paper.start(("100%", ["a", "b"]))
    paper.step()
    paper.end("a")
    paper.fail("b")
    assert paper.step().state is RolloutState.DONE
    assert paper.counts() == {"done": 1, "failed": 1}


def test_a_fleet_without_tenants_is_done_at_once(paper):
    paper.start()
    assert paper.step().state is RolloutState.DONE


def test_one_failure_too_many_halts_and_the_tenants_at_hand_finish(paper):
    paper.add("a", "b", "c", "d")
    paper.start(("75%", ["a", "b", "c"]), ("100%", ["d"]), max_failures="1")
    paper.step()
    paper.fail("a")
    assert paper.state() == "running"
    paper.fail("b")
    assert paper.state() == "halted"
    paper.end("c")
    assert paper.handed_out() == []
    assert paper.counts() == {"failed": 2, "done": 1, "pending": 1}


def test_a_failed_canary_halts_although_the_budget_would_bear_it(paper):
    paper.add("a", "b")
    paper.start(("canary", ["a"]), ("100%", ["b"]))
    paper.step()
    paper.fail("a")
    assert paper.state() == "halted"


def test_a_busy_tenant_is_handed_out_again_after_a_rest(paper):
    paper.add("a")
    paper.start(("100%", ["a"]))
    paper.step()
    paper.end("a", outcome=Outcome.PENDING, schema=paper.old)
    assert paper.handed_out() == []
    with paper.catalog.begin() as session:
        session.get(RolloutTenant, (paper.rollout, "a")).finished_at = time.time() - 60
    assert paper.handed_out() == ["a"]


def test_an_end_that_is_recorded_stays_when_a_second_worker_had_the_tenant_too(paper):
    paper.add("a")
    paper.start(("100%", ["a"]))
    paper.step()
    paper.end("a")
    with paper.catalog.begin() as session:
        assert rollouts.begin_try(session, paper.rollout, "a") is None
        record(session, paper.rollout, "a", Ending(outcome=Outcome.FAILED))
    assert paper.counts() == {"done": 1}


def test_the_closing_sweep_finds_a_tenant_that_was_created_meanwhile(paper):
    paper.add("a")
    paper.start(("100%", ["a"]))
    paper.step()
    paper.end("a")
    paper.add("late")
    assert paper.handed_out() == ["late"]
    assert paper.waves() == [("100%", 1), ("sweep", 1)]
    paper.end("late")
    assert paper.step().state is RolloutState.DONE


def test_the_closing_sweep_finds_a_tenant_that_was_restored_meanwhile(paper):
    paper.add("a", "b")
    paper.start(("50%", ["a"]), ("100%", ["b"]))
    paper.step()
    paper.end("a")
    paper.step()
    paper.end("b")
    with paper.catalog.begin() as session:
        session.get(Tenant, "a").schema_hash = paper.old
    assert paper.handed_out() == ["a"]


def test_a_second_sweep_joins_the_first(paper):
    paper.start()
    paper.add("x")
    paper.step()
    paper.end("x")
    paper.add("y")
    assert paper.handed_out() == ["y"]
    assert paper.waves() == [("sweep", 2)]


def test_a_tenant_born_with_the_new_schema_has_no_part_in_it(paper):
    paper.add("born", schema=paper.new)
    paper.start()
    assert paper.step().state is RolloutState.DONE
    assert paper.counts() == {}


def test_a_tenant_that_was_deleted_before_its_turn_is_forgotten(paper):
    paper.add("a", state=TenantState.DELETED)
    paper.start(("100%", ["a"]))
    assert paper.step().state is RolloutState.DONE
    assert paper.counts() == {}


@pytest.mark.parametrize("state", [RolloutState.PAUSED, RolloutState.HALTED, RolloutState.DONE])
def test_nothing_is_handed_out_unless_it_runs(paper, state):
    paper.add("a")
    paper.start(("100%", ["a"]))
    with paper.catalog.begin() as session:
        rollouts.change_state(session, paper.rollout, to=state, only_from=[RolloutState.RUNNING])
    assert paper.step().batches == ()


def test_a_tenant_that_was_still_brought_there_while_the_rollout_turned_goes_back_too(paper):
    paper.add("a")
    paper.start(("100%", ["a"]))
    paper.step()
    with paper.catalog.begin() as session:
        row = rollouts.get(session, paper.rollout)
        rollouts.turn_back(session, row)
        row.state = RolloutState.ROLLING_BACK
    paper.end("a")  # too late: it counts as back, but its file is there
    assert paper.handed_out() == ["a"]
    paper.end("a", outcome=Outcome.ROLLED_BACK, schema=paper.old)
    assert paper.step().state is RolloutState.ROLLED_BACK


def test_a_batch_survives_a_message():
    batch = Batch(rollout="r1", server="s0", tenants=("a", "b"))
    assert Batch.of(batch.arguments()) == batch
