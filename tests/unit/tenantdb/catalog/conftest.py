"""A catalog of its own for each test, on a real file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tenantdb.catalog import Catalog, servers, tenants
from tenantdb.catalog.states import TenantState
from tenantdb.catalog.upgrade import upgrade
from tenantdb.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home")
    made.layout.servers.mkdir(parents=True)
    upgrade(made)
    return made


@pytest.fixture
def catalog(settings: Settings) -> Iterator[Catalog]:
    opened = Catalog.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def acme(catalog: Catalog) -> str:
    """A tenant that is active on the server ``local``, its lease free."""
    with catalog.begin() as session:
        servers.add(session, server="local", url="file:///srv/local")
        tenants.begin(
            session, tenant="acme", server="local", path="aa/bb/g1.db", generation=1, schema_hash="h1"
        )
        tenants.set_state(
            session,
            tenant="acme",
            token=0,
            state=TenantState.ACTIVE,
            only_from=[TenantState.CREATING],
        )
    return "acme"
