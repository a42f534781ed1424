import pytest

from tenantdb.catalog import rollouts
from tenantdb.catalog.states import Outcome
from tenantdb.errors import RolloutState as WrongState
from workers.operations.owner import Owner
from workers.rollout.coordinator import _take_over

MYSELF = str(Owner.myself())
DEAD = str(Owner(boot=Owner.myself().boot, namespace=Owner.myself().namespace, pid=2**22 + 1, started="1"))
ELSEWHERE = "another-boot/pid:[1]/7/70"


def lease(paper, owner, *, seconds=60.0):
    with paper.catalog.begin() as session:
        return rollouts.take_lease(session, paper.rollout, owner=owner, seconds=seconds)


def owner(paper):
    with paper.catalog.reading() as session:
        return rollouts.get(session, paper.rollout).lease_owner


@pytest.fixture
def handed_out(paper):
    """A rollout whose only tenant was handed out by somebody."""
    paper.add("a")
    paper.start(("100%", ["a"]))
    paper.step()
    return paper


def test_a_driver_keeps_its_lease_as_often_as_it_takes_it(handed_out):
    assert lease(handed_out, MYSELF)
    assert lease(handed_out, MYSELF)


def test_a_second_driver_gets_no_lease_while_the_first_one_s_lasts(handed_out):
    lease(handed_out, ELSEWHERE)
    assert not lease(handed_out, MYSELF)
    with pytest.raises(WrongState):
        _take_over(handed_out.catalog, handed_out.rollout, MYSELF)
    assert handed_out.counts() == {"running": 1}


def test_a_lapsed_lease_is_taken_over_with_its_tenants(handed_out):
    lease(handed_out, ELSEWHERE, seconds=-1)
    _take_over(handed_out.catalog, handed_out.rollout, MYSELF)
    assert owner(handed_out) == MYSELF
    assert handed_out.counts() == {"pending": 1}


def test_the_lease_of_a_process_that_is_gone_from_this_host_is_not_waited_out(handed_out):
    lease(handed_out, DEAD)
    _take_over(handed_out.catalog, handed_out.rollout, MYSELF)
    assert owner(handed_out) == MYSELF


def test_only_its_owner_gives_a_lease_back(handed_out):
    lease(handed_out, MYSELF)
    with handed_out.catalog.begin() as session:
        rollouts.release_lease(session, handed_out.rollout, owner=ELSEWHERE)
    assert owner(handed_out) == MYSELF
    with handed_out.catalog.begin() as session:
        rollouts.release_lease(session, handed_out.rollout, owner=MYSELF)
    assert owner(handed_out) is None


def test_a_tenant_nobody_works_on_is_taken_back_once_it_is_forgotten(handed_out):
    with handed_out.catalog.begin() as session:
        assert rollouts.take_back_forgotten(session, handed_out.rollout, before=0.0) == 0
        assert rollouts.take_back_forgotten(session, handed_out.rollout, before=2**40) == 1
    assert handed_out.counts() == {"pending": 1}


def test_a_tenant_that_an_operation_holds_is_not_forgotten(handed_out):
    with handed_out.catalog.begin() as session:
        session.get(rollouts.Tenant, "a").operation_id = "op"
        assert rollouts.take_back_forgotten(session, handed_out.rollout, before=2**40) == 0
    assert handed_out.counts()[Outcome.RUNNING] == 1
