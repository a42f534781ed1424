from __future__ import annotations

from pathlib import Path

import pytest

from tenantdb.errors import CatalogUnavailable, TenantDamaged, TenantFrozen
from tenantdb.handles.standing import ElsewhereError, Standing, confirm, damage_confirmed, settle, standing
from tenantdb.model import Control, FileState, Route
from tenantdb.route_cache import Known


def route(*, epoch=5, state="active", path="/r/g1.db"):
    return Route(
        tenant="acme",
        server="local",
        path=Path(path),
        generation=1,
        epoch=epoch,
        schema_hash=None,
        state=state,
    )


def row(state=FileState.OPEN, *, epoch=5, tenant="acme"):
    return Control(
        tenant=tenant, generation=1, epoch=epoch, state=state, operation=None, token=0, schema_hash=None
    )


class Catalog:
    """Answers with one route, and counts."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    def learn(self, _tenant):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return Known(self.answer, 2)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (row(), Standing.HOME),
        (row(FileState.BORN), Standing.BORN),
        (row(FileState.RETIRED), Standing.RETIRED),
        (row(epoch=4), Standing.OLDER),
        (row(epoch=6), Standing.NEWER),
        (row(FileState.RETIRED, epoch=4), Standing.OLDER),
    ],
)
def test_how_a_file_stands_to_its_route(found, expected):
    assert standing(found, route()) is expected


@pytest.mark.parametrize("found", [None, row(tenant="other"), row(tenant="ACME")])
def test_a_file_that_is_not_the_tenants_is_damage(found):
    with pytest.raises(TenantDamaged):
        standing(found, route())


def test_a_file_at_home_is_served_without_asking_the_catalog():
    catalog = Catalog(CatalogUnavailable("x", reason="down"))
    assert settle(row(), Known(route(), 1), catalog) is Standing.HOME
    assert catalog.asked == 0


@pytest.mark.parametrize("state", [FileState.BORN, FileState.RETIRED])
def test_a_file_that_is_not_open_counts_if_the_catalog_still_names_it(state):
    catalog = Catalog(route())
    assert settle(row(state), Known(route(), 1), catalog) is Standing[state.name]
    assert catalog.asked == 1


@pytest.mark.parametrize(
    "found", [row(FileState.BORN), row(FileState.RETIRED), row(epoch=4), row(epoch=6), row(tenant="x"), None]
)
def test_a_file_that_does_not_fit_an_outdated_route_sends_elsewhere(found):
    moved = route(epoch=6, path="/r/g2.db")
    with pytest.raises(ElsewhereError) as caught:
        settle(found, Known(route(), 1), Catalog(moved))
    assert caught.value.known.route == moved


def test_a_file_older_than_the_route_is_never_served():
    with pytest.raises(TenantDamaged, match="epoch 4, older than its route at 5"):
        settle(row(epoch=4), Known(route(), 1), Catalog(route()))


def test_a_file_newer_than_the_route_freezes_the_tenant():
    with pytest.raises(TenantFrozen) as caught:
        settle(row(epoch=6), Known(route(), 1), Catalog(route()))
    assert (caught.value.file_epoch, caught.value.route_epoch) == (6, 5)


def test_a_tenant_that_was_frozen_is_not_served():
    frozen = route(state="frozen")
    with pytest.raises(TenantFrozen):
        settle(row(), Known(frozen, 1), Catalog(frozen))


def test_without_the_catalog_a_file_that_is_not_open_is_not_served():
    with pytest.raises(CatalogUnavailable):
        settle(row(FileState.RETIRED), Known(route(), 1), Catalog(CatalogUnavailable("x", reason="down")))


def test_a_damaged_file_that_the_route_has_left_sends_elsewhere():
    moved = route(epoch=6, path="/r/g2.db")
    with pytest.raises(ElsewhereError), damage_confirmed(Known(route(), 1), Catalog(moved)):
        raise TenantDamaged("acme", path="/r/g1.db", reason="gone")


def test_confirming_what_is_still_so_passes():
    confirm(Known(route(), 1), Catalog(route()))
