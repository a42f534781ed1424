from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenantdb.catalog import Catalog, leases, routes, tenants
from tenantdb.catalog.states import TenantState
from tenantdb.model import Route


def flip(catalog: Catalog, **changed: Any) -> bool:
    named = {
        "tenant": "acme",
        "token": 1,
        "from_epoch": 1,
        "server": "local",
        "path": "aa/bb/g2.db",
        "generation": 2,
        "epoch": 2,
        "schema_hash": "h2",
    }
    with catalog.begin() as session:
        return routes.flip(session, **{**named, **changed})


def find(catalog: Catalog) -> Route | None:
    with catalog.reading() as session:
        return routes.find(session, "acme")


@pytest.fixture
def leased(catalog: Catalog, acme: str) -> str:
    with catalog.begin() as session:
        assert leases.take(session, tenant=acme, owner="me", seconds=30, operation="op") == 1
    return acme


@pytest.mark.usefixtures("acme")
def test_a_route_is_absolute_on_its_server(catalog: Catalog) -> None:
    assert find(catalog) == Route(
        tenant="acme",
        server="local",
        path=Path("/srv/local/aa/bb/g1.db"),
        generation=1,
        epoch=1,
        schema_hash="h1",
        backend="sqlite",
        state="active",
    )


def test_an_unknown_tenant_has_no_route(catalog: Catalog) -> None:
    assert find(catalog) is None


@pytest.mark.parametrize(
    ("state", "has_route"),
    [(TenantState.CREATING, False), (TenantState.DELETED, False), (TenantState.FROZEN, True)],
)
@pytest.mark.usefixtures("acme")
def test_only_what_is_served_has_a_route(catalog: Catalog, state: TenantState, *, has_route: bool) -> None:
    with catalog.begin() as session:
        tenants.set_state(session, tenant="acme", token=0, state=state, only_from=[TenantState.ACTIVE])
    assert (find(catalog) is not None) is has_route


@pytest.mark.usefixtures("leased")
def test_a_flip_changes_the_whole_route(catalog: Catalog) -> None:
    assert flip(catalog)
    found = find(catalog)
    assert found is not None
    assert (found.path.name, found.generation, found.epoch, found.schema_hash) == ("g2.db", 2, 2, "h2")


@pytest.mark.usefixtures("leased")
def test_a_flip_happens_once(catalog: Catalog) -> None:
    assert flip(catalog)
    assert not flip(catalog)


@pytest.mark.parametrize("named", [{"token": 0}, {"token": 2}, {"from_epoch": 0}, {"tenant": "other"}])
@pytest.mark.usefixtures("leased")
def test_a_flip_under_another_token_or_epoch_changes_nothing(catalog: Catalog, named: dict[str, Any]) -> None:
    before = find(catalog)
    assert not flip(catalog, **named)
    assert find(catalog) == before


@pytest.mark.usefixtures("leased")
def test_an_epoch_only_grows(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="only grows"):
        flip(catalog, epoch=1)


@pytest.mark.usefixtures("acme")
def test_routes_are_listed_by_server(catalog: Catalog) -> None:
    with catalog.reading() as session:
        assert [route.tenant for route in routes.everyone(session)] == ["acme"]
        assert [route.tenant for route in routes.everyone(session, server="local")] == ["acme"]
        assert routes.everyone(session, server="other") == []
