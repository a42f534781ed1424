from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

import migrations_engine as engine
from tenantdb import home, overview, templates
from tenantdb.catalog import Catalog, facts, schemas, servers, tenants
from tenantdb.catalog.states import ServerState
from tenantdb.errors import FleetHasSchema, ServerUnusable
from tenantdb.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = engine.loads('{"Users": {"id": "INTEGER PRIMARY KEY"}}')
OTHER = engine.loads('{"Orders": {"id": "INTEGER PRIMARY KEY"}}')


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def begin_tenant(settings: Settings) -> None:
    with Catalog.open(settings).begin() as session:
        tenants.begin(
            session, tenant="acme", server=home.LOCAL, path="p", generation=1, schema_hash=SCHEMA.hash
        )


def test_a_fleet_begins_with_one_server_and_the_empty_schema(settings: Settings) -> None:
    done = home.initialise(settings)
    assert (done.version_before, done.server_added, done.schema_changed) == (None, True, True)
    with Catalog.open(settings).reading() as session:
        assert [row.id for row in servers.everyone(session)] == [home.LOCAL]
        document = schemas.document(session, done.schema)
    assert document is not None
    assert engine.loads(document).hash == done.schema == engine.loads("{}").hash


def test_repeating_it_changes_nothing(settings: Settings) -> None:
    first = home.initialise(settings, schema=SCHEMA)
    with Catalog.open(settings).reading() as session:
        identity = facts.get(session, facts.CATALOG_ID)
    again = home.initialise(settings)
    assert (again.server_added, again.schema_changed, again.schema) == (False, False, first.schema)
    with Catalog.open(settings).reading() as session:
        assert facts.get(session, facts.CATALOG_ID) == identity


def test_a_fleet_without_tenants_may_get_another_schema(settings: Settings) -> None:
    home.initialise(settings, schema=SCHEMA)
    assert home.initialise(settings, schema=OTHER).schema == OTHER.hash


def test_a_fleet_with_tenants_keeps_its_schema(settings: Settings) -> None:
    home.initialise(settings, schema=SCHEMA)
    begin_tenant(settings)
    assert not home.initialise(settings, schema=SCHEMA).schema_changed
    with pytest.raises(FleetHasSchema) as caught:
        home.initialise(settings, schema=OTHER)
    assert (caught.value.has, caught.value.given) == (SCHEMA.hash, OTHER.hash)


def test_a_home_where_sqlite_cannot_work_is_refused(settings: Settings) -> None:
    (settings.home / "servers").mkdir(parents=True)
    (settings.home / "servers/local").write_text("in the way", encoding="utf-8")
    with pytest.raises(ServerUnusable, match="local"):
        home.initialise(settings)


def test_a_template_is_made_once_and_takes_no_writes(settings: Settings) -> None:
    home.initialise(settings)
    path = templates.of_schema(settings, document=SCHEMA.to_json())
    made = path.stat().st_ino
    assert templates.of_schema(settings, document=SCHEMA.to_json()) == path
    assert path.stat().st_ino == made
    assert [each.name for each in settings.layout.templates.iterdir()] == [path.name]
    assert engine.introspect(path).hash == SCHEMA.hash
    with pytest.raises(apsw.ConstraintError, match="not open for writing"):
        apsw.Connection(str(path)).execute("INSERT INTO Users VALUES (1)")


def test_a_template_that_fails_leaves_no_draft(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    home.initialise(settings)
    monkeypatch.setattr(templates.fence, "install_guards", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        templates.of_schema(settings, document=SCHEMA.to_json())
    assert list(settings.layout.templates.iterdir()) == []


def test_a_look_shows_servers_with_tenants_and_room(settings: Settings) -> None:
    home.initialise(settings, schema=SCHEMA)
    begin_tenant(settings)
    catalog = Catalog.open(settings)
    with catalog.begin() as session:
        servers.set_state(session, server=home.LOCAL, state=ServerState.DRAINING)
    seen = overview.look(catalog)
    assert [(each.server.id, each.server.state, each.tenants) for each in seen.servers] == [
        (home.LOCAL, ServerState.DRAINING, 1)
    ]
    assert seen.servers[0].free
    assert (seen.schema, seen.schemas) == (SCHEMA.hash, {SCHEMA.hash: 1})
