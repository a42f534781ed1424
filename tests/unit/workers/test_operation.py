"""An operation's lease, its heartbeat, its journal and its end."""

import time

import pytest

from tenantdb.catalog import journal, operations, tenants
from tenantdb.catalog.states import OperationKind, OperationState, PhaseEvent
from tenantdb.errors import LeaseLost, OperationFailed, TenantBusy, TenantNotFound
from tests.fleet import Fleet
from workers.operations import operation
from workers.operations.takeover import take_over


@pytest.fixture
def fleet(tmp_path):
    fleet = Fleet(tmp_path)
    fleet.create("t")
    return fleet


def begun(fleet, tenant="t", **options):
    def plan(_session, route, identity):
        return {"path": str(route.path), "by": identity}

    return operation.begin(fleet.catalog, kind=OperationKind.MOVE, tenant=tenant, plan=plan, **options)


def row(fleet, identity):
    with fleet.catalog.reading() as session:
        return operations.find(session, identity)


def seized(fleet, mine):
    """Another worker's operation on the same row, once the lease has lapsed."""
    fleet.lapse(mine.tenant)
    return take_over(fleet.catalog, row(fleet, mine.id))


def test_the_payload_is_recorded_with_the_lease(fleet):
    mine = begun(fleet)
    assert row(fleet, mine.id).payload == {"path": str(fleet.route("t").path), "by": mine.id}
    with fleet.catalog.reading() as session:
        assert tenants.get(session, "t").operation_id == mine.id


def test_a_second_operation_is_refused_while_the_first_runs(fleet):
    mine = begun(fleet)
    with pytest.raises(TenantBusy, match=mine.id):
        begun(fleet)


def test_a_tenant_that_is_not_there_or_frozen_takes_no_operation(fleet):
    with pytest.raises(TenantNotFound):
        begun(fleet, "nobody")
    with fleet.catalog.begin() as session:
        session.connection().exec_driver_sql("UPDATE tenants SET state = 'frozen'")
    with pytest.raises(OperationFailed, match="frozen"):
        begun(fleet)


def test_a_plan_that_fails_leaves_no_lease(fleet):
    def plan(_session, _route, _identity):
        raise OperationFailed("x", reason="no")

    with pytest.raises(OperationFailed):
        operation.begin(fleet.catalog, kind=OperationKind.MOVE, tenant="t", plan=plan)
    assert begun(fleet).tenant == "t"


def test_boundaries_are_journalled_in_order(fleet):
    mine = begun(fleet)
    mine.note("copy", PhaseEvent.ENTERED)
    mine.note("copy", PhaseEvent.LEFT)
    mine.note("drain", PhaseEvent.ENTERED)
    mine.note("drain", PhaseEvent.LEFT)
    mine.end(OperationState.DONE)
    with fleet.catalog.reading() as session:
        found = [(each.phase, each.event.value) for each in journal.entries(session, mine.id)]
    assert found == [("copy", "entered"), ("copy", "left"), ("drain", "entered"), ("drain", "left")]


def expires(fleet):
    with fleet.catalog.reading() as session:
        return tenants.get(session, "t").lease_expires


def test_the_heartbeat_renews_the_lease(fleet):
    mine = begun(fleet, lease_seconds=0.03)
    before = expires(fleet)
    with mine.alive():
        while expires(fleet) == before:
            time.sleep(0.005)
    mine.check()


def test_an_operation_that_was_taken_over_can_write_nothing_more(fleet):
    mine = begun(fleet)
    theirs = seized(fleet, mine)
    assert theirs.token > mine.token
    for act in (lambda: mine.note("copy", PhaseEvent.ENTERED), lambda: mine.end(OperationState.DONE)):
        with pytest.raises(LeaseLost):
            act()
    assert row(fleet, mine.id).state is OperationState.RUNNING


def test_a_heartbeat_that_finds_the_lease_taken_stops_its_operation(fleet):
    mine = begun(fleet)
    seized(fleet, mine)
    mine.renew()
    with pytest.raises(LeaseLost):
        mine.check()


def test_what_is_let_go_can_be_taken_over_at_once(fleet):
    mine = begun(fleet)
    assert take_over(fleet.catalog, row(fleet, mine.id)) is None
    mine.let_go()
    assert take_over(fleet.catalog, row(fleet, mine.id)) is not None
