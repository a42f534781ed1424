from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tenantdb.catalog import Catalog, servers, tenants
from tenantdb.catalog.states import TenantState
from tenantdb.errors import TenantExists, TenantNotFound

if TYPE_CHECKING:
    from tenantdb.catalog.models import Tenant


@pytest.fixture
def _local(catalog: Catalog) -> None:
    with catalog.begin() as session:
        servers.add(session, server="local", url="file:///srv/local")


def begin(catalog: Catalog, tenant: str, *, generation: int = 1, path: str | None = None) -> Tenant:
    with catalog.begin() as session:
        return tenants.begin(
            session,
            tenant=tenant,
            server="local",
            path=path or f"{tenant}.db",
            generation=generation,
            schema_hash=None,
        )


def move_on(
    catalog: Catalog, tenant: str, state: TenantState, *only_from: TenantState, token: int = 0
) -> bool:
    with catalog.begin() as session:
        return tenants.set_state(session, tenant=tenant, token=token, state=state, only_from=only_from)


@pytest.mark.usefixtures("_local")
def test_a_new_tenant_begins_at_epoch_one(catalog: Catalog) -> None:
    row = begin(catalog, "acme")
    assert (row.epoch, row.state, row.lease_token) == (1, TenantState.CREATING, 0)


@pytest.mark.parametrize("state", [TenantState.CREATING, TenantState.ACTIVE, TenantState.FROZEN])
@pytest.mark.usefixtures("_local")
def test_an_id_that_is_in_use_is_taken(catalog: Catalog, state: TenantState) -> None:
    begin(catalog, "acme")
    move_on(catalog, "acme", state, TenantState.CREATING)
    with pytest.raises(TenantExists):
        begin(catalog, "acme")


@pytest.mark.usefixtures("_local")
def test_a_deleted_id_is_free_and_its_epoch_goes_on(catalog: Catalog) -> None:
    begin(catalog, "acme")
    move_on(catalog, "acme", TenantState.DELETED, TenantState.CREATING)
    row = begin(catalog, "acme", generation=2, path="new.db")
    assert (row.epoch, row.path, row.state) == (2, "new.db", TenantState.CREATING)


@pytest.mark.usefixtures("_local")
def test_a_state_changes_only_from_where_it_may_and_under_its_token(catalog: Catalog) -> None:
    begin(catalog, "acme")
    assert not move_on(catalog, "acme", TenantState.FROZEN, TenantState.ACTIVE)
    assert not move_on(catalog, "acme", TenantState.ACTIVE, TenantState.CREATING, token=1)
    assert move_on(catalog, "acme", TenantState.ACTIVE, TenantState.CREATING)


@pytest.mark.usefixtures("_local")
def test_a_deleted_tenant_is_found_but_not_there(catalog: Catalog) -> None:
    begin(catalog, "acme")
    move_on(catalog, "acme", TenantState.DELETED, TenantState.CREATING)
    with catalog.reading() as session:
        assert tenants.find(session, "acme") is not None
        with pytest.raises(TenantNotFound):
            tenants.get(session, "acme")
        assert tenants.everyone(session) == []
        assert tenants.count_by_schema(session) == {}
        assert tenants.count_by_state(session) == {TenantState.DELETED: 1}


@pytest.mark.usefixtures("_local")
def test_tenants_are_read_in_pages(catalog: Catalog) -> None:
    for number in range(5):
        begin(catalog, f"t{number}")
    with catalog.reading() as session:
        first = tenants.everyone(session, limit=2)
        rest = tenants.everyone(session, after=first[-1].id)
        assert [row.id for row in [*first, *rest]] == ["t0", "t1", "t2", "t3", "t4"]
        assert tenants.everyone(session, server="other") == []


@pytest.mark.parametrize("tenant", ["' OR 1=1 --", "é\U0001f986", "%", "a" * 128])
@pytest.mark.usefixtures("_local")
def test_ids_are_kept_to_the_letter(catalog: Catalog, tenant: str) -> None:
    begin(catalog, tenant)
    with catalog.reading() as session:
        assert [row.id for row in tenants.everyone(session)] == [tenant]
        assert tenants.get(session, tenant).id == tenant


@pytest.mark.usefixtures("_local")
def test_case_tells_tenants_apart(catalog: Catalog) -> None:
    begin(catalog, "ACME")
    with catalog.reading() as session, pytest.raises(TenantNotFound):
        tenants.get(session, "acme")


@pytest.mark.usefixtures("_local")
def test_a_row_that_was_read_outlives_its_transaction(catalog: Catalog) -> None:
    begin(catalog, "acme")
    with catalog.reading() as session:
        row = tenants.get(session, "acme")
    assert (row.id, row.server_id) == ("acme", "local")
