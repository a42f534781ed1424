from __future__ import annotations

from pathlib import Path

import pytest

from tenantdb import route_cache
from tenantdb.errors import CatalogUnavailable, TenantNotFound
from tenantdb.marks import Marks
from tenantdb.model import Route
from tenantdb.route_cache import RouteCache


class Catalog:
    def __init__(self):
        self.epoch = 1
        self.asked = 0
        self.down = False

    def find(self, tenant):
        self.asked += 1
        if self.down:
            raise CatalogUnavailable("url", reason="down")
        if tenant == "nobody":
            return None
        return Route(
            tenant=tenant,
            server="local",
            path=Path(f"/r/{self.epoch}"),
            generation=1,
            epoch=self.epoch,
            schema_hash=None,
        )


@pytest.fixture
def catalog():
    return Catalog()


@pytest.fixture
def marks(tmp_path):
    return Marks(tmp_path / "marks")


@pytest.fixture
def cache(catalog, marks):
    return RouteCache(find=catalog.find, marks=marks)


def test_the_catalog_is_asked_once(cache, catalog):
    assert cache.current("acme") == cache.current("acme")
    assert catalog.asked == 1


def test_a_changed_word_makes_it_ask_again(cache, catalog, marks):
    cache.current("acme")
    catalog.epoch = 2
    assert cache.current("acme").route.epoch == 1
    marks.changed("acme")
    assert cache.current("acme").route.epoch == 2


def test_lost_marks_make_it_ask_again(cache, catalog, tmp_path):
    cache.current("acme")
    (tmp_path / "marks").unlink()
    cache.current("acme")
    assert catalog.asked == 2


def test_a_change_while_the_catalog_answers_is_not_missed(cache, catalog, marks):
    find = catalog.find

    def find_and_change(tenant):
        found = find(tenant)
        catalog.epoch = 2
        marks.changed(tenant)
        return found

    cache._find = find_and_change
    assert cache.current("acme").route.epoch == 1
    cache._find = find
    assert cache.current("acme").route.epoch == 2


def test_a_known_route_is_used_while_the_catalog_is_down_and_asked_for_once(cache, catalog, marks):
    known = cache.current("acme").route
    catalog.down = True
    marks.changed("acme")
    assert cache.current("acme").route == known
    assert cache.current("acme").route == known
    assert catalog.asked == 2


def test_an_unknown_route_needs_the_catalog(cache, catalog):
    catalog.down = True
    with pytest.raises(CatalogUnavailable):
        cache.current("acme")


def test_learning_asks_even_if_the_route_is_known(cache, catalog):
    cache.current("acme")
    cache.learn("acme")
    assert catalog.asked == 2


def test_an_unknown_tenant_is_never_remembered(cache, catalog):
    for _ in range(2):
        with pytest.raises(TenantNotFound):
            cache.current("nobody")
    assert catalog.asked == 2


def test_the_oldest_routes_are_forgotten_where_there_are_too_many(cache, catalog, monkeypatch):
    monkeypatch.setattr(route_cache, "MAX_ROUTES", 2)
    for tenant in ("a", "b", "c", "c", "b"):
        cache.current(tenant)
    assert catalog.asked == 3
    cache.current("a")
    assert catalog.asked == 4
