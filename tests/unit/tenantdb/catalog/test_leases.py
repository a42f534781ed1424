from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tenantdb.catalog import Catalog, leases, tenants

if TYPE_CHECKING:
    from tenantdb.settings import Settings

NOW = 1_000_000.0


class Clock:
    """The time that leases see."""

    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(leases, "time", made)
    return made


def take(catalog: Catalog, operation: str, *, owner: str = "me", seconds: float = 30) -> int | None:
    with catalog.begin() as session:
        return leases.take(session, tenant="acme", owner=owner, seconds=seconds, operation=operation)


def seize(catalog: Catalog, operation: str, *, owner_is_dead: bool = False) -> int | None:
    with catalog.begin() as session:
        return leases.seize(
            session,
            tenant="acme",
            owner="recovery",
            seconds=30,
            operation=operation,
            owner_is_dead=owner_is_dead,
        )


@pytest.mark.usefixtures("acme", "clock")
def test_a_free_tenant_gives_a_new_token(catalog: Catalog) -> None:
    assert take(catalog, "op1") == 1
    with catalog.reading() as session:
        row = tenants.get(session, "acme")
    assert (row.lease_token, row.lease_owner, row.operation_id) == (1, "me", "op1")
    assert row.lease_expires == NOW + 30


@pytest.mark.usefixtures("acme", "clock")
def test_a_second_operation_gets_none_while_the_first_lives(catalog: Catalog) -> None:
    take(catalog, "op1")
    assert take(catalog, "op2") is None


def test_an_unknown_tenant_gives_none(catalog: Catalog) -> None:
    assert take(catalog, "op1") is None


@pytest.mark.usefixtures("acme")
def test_a_lapsed_lease_is_not_free_for_another_operation(catalog: Catalog, clock: Clock) -> None:
    take(catalog, "op1")
    clock.now += 31
    assert take(catalog, "op2") is None
    assert take(catalog, "op1") == 2


@pytest.mark.usefixtures("acme")
def test_recovery_seizes_a_lapsed_lease_and_raises_the_token(catalog: Catalog, clock: Clock) -> None:
    assert take(catalog, "op1") == 1
    assert seize(catalog, "op1") is None
    clock.now += 31
    assert seize(catalog, "op1") == 2
    assert seize(catalog, "op1") is None  # it lives again


@pytest.mark.usefixtures("acme", "clock")
def test_recovery_need_not_wait_for_an_owner_that_is_dead(catalog: Catalog) -> None:
    take(catalog, "op1")
    assert seize(catalog, "op1", owner_is_dead=True) == 2


@pytest.mark.usefixtures("acme", "clock")
def test_recovery_seizes_only_the_operation_that_it_means(catalog: Catalog) -> None:
    take(catalog, "op1")
    assert seize(catalog, "op0", owner_is_dead=True) is None


@pytest.mark.usefixtures("acme")
def test_the_old_token_can_do_nothing_after_a_seizure(catalog: Catalog, clock: Clock) -> None:
    take(catalog, "op1")
    clock.now += 31
    seize(catalog, "op1")
    with catalog.begin() as session:
        assert not leases.holds(session, tenant="acme", token=1)
        assert not leases.renew(session, tenant="acme", token=1, seconds=30)
        assert not leases.release(session, tenant="acme", token=1)
        assert leases.holds(session, tenant="acme", token=2)


@pytest.mark.usefixtures("acme")
def test_a_late_owner_whom_nobody_replaced_may_renew(catalog: Catalog, clock: Clock) -> None:
    take(catalog, "op1")
    clock.now += 300
    with catalog.begin() as session:
        assert leases.renew(session, tenant="acme", token=1, seconds=30)
        assert tenants.get(session, "acme").lease_expires == clock.now + 30


@pytest.mark.usefixtures("acme", "clock")
def test_a_released_tenant_is_free_and_its_token_never_comes_back(catalog: Catalog) -> None:
    take(catalog, "op1")
    with catalog.begin() as session:
        assert leases.release(session, tenant="acme", token=1)
        assert not leases.release(session, tenant="acme", token=1)
        assert not leases.renew(session, tenant="acme", token=1, seconds=30)
    assert take(catalog, "op2") == 2


FIGHT = """
import sys
from tenantdb.catalog import Catalog, leases
from tenantdb.settings import Settings

catalog = Catalog.open(Settings(home=sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for turn in range(40):
    operation = f"{sys.argv[2]}-{turn}"
    with catalog.begin() as session:
        token = leases.take(session, tenant="acme", owner=sys.argv[2], seconds=60, operation=operation)
    if token is None:
        continue
    with open(sys.argv[3], "r+") as alone:
        assert alone.read() == "", "two workers hold one lease"
        alone.write(operation)
        alone.flush()
        alone.truncate(0)
    print(token, flush=True)
    with catalog.begin() as session:
        assert leases.release(session, tenant="acme", token=token)
"""


@pytest.mark.usefixtures("acme")
def test_of_several_processes_one_has_the_lease(settings: Settings, catalog: Catalog, child: Any) -> None:
    alone = settings.home / "alone"
    alone.touch()
    fighters = [child(FIGHT, str(settings.home), f"w{number}", str(alone)) for number in range(3)]
    for fighter in fighters:
        assert fighter.line() == "ready"
    for fighter in fighters:
        fighter.say("go")
    tokens = [int(line) for fighter in fighters for line in fighter.end().split()]
    assert len(tokens) == len(set(tokens)) == max(tokens) > 0
    with catalog.reading() as session:
        assert tenants.get(session, "acme").lease_token == max(tokens)
