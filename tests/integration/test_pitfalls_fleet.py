"""What is known to go wrong in fleets, each with the mechanism that prevents it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

import migrations_engine as engine
from migrations_engine.execution import compiling
from tenantdb import addresses, get_tenant_db, routing
from tenantdb.catalog import servers
from tests.fleet import NEW, OLD, WIDER, Fleet
from workers import doctor
from workers.migration import migration


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    made = Fleet(tmp_path)
    monkeypatch.setenv("TENANTDB_HOME", str(made.settings.home))
    yield made
    routing.close()


def migrated(fleet, tenant, schema, **options):
    return migration.migrate(tenant, schema, settings=fleet.settings, **options)


@pytest.mark.parametrize("newer", [NEW, WIDER])
def test_a_return_to_an_older_schema_is_no_schema_that_is_there_already(fleet, newer):
    fleet.create("t", rows=3)
    assert migrated(fleet, "t", newer).changed
    assert migrated(fleet, "t", OLD, allow_destructive=True).changed
    assert engine.introspect(fleet.route("t").path).hash == OLD.hash
    assert migrated(fleet, "t", newer).changed
    assert engine.introspect(fleet.route("t").path).hash == newer.hash == fleet.route("t").schema_hash


def test_a_file_that_drifted_is_planned_from_what_it_really_is(fleet, outsider):
    fleet.create("drifted", rows=3)
    fleet.create("straight", rows=3)
    outsider(fleet.route("drifted").path).run("DROP TRIGGER counted")
    for tenant in ("straight", "drifted"):
        assert migrated(fleet, tenant, NEW).changed
        assert engine.introspect(fleet.route(tenant).path).hash == NEW.hash
    assert list(doctor.examine(fleet.settings)) == []


def test_a_plan_is_compiled_once_for_a_pair_of_schemas(fleet, monkeypatch):
    calls = []

    def counted(old, new, **options):
        calls.append((old.hash, new.hash))
        return compiling.compiled(old, new, **options)

    monkeypatch.setattr(migration, "compiled", counted)
    migration._compiled_once.cache_clear()
    for tenant in ("a1", "a2", "a3"):
        fleet.create(tenant)
        migrated(fleet, tenant, WIDER)
    assert calls == [(OLD.hash, WIDER.hash)]


def test_a_server_that_joins_moves_nobody(fleet, tmp_path):
    names = [f"t{number}" for number in range(6)]
    before = {name: fleet.route(fleet.create(name)) for name in names}
    url = (tmp_path / "joined").as_uri()
    addresses.prepare("joined", url)
    with fleet.catalog.begin() as session:
        servers.add(session, server="joined", url=url)
    assert {name: fleet.route(name) for name in names} == before


def test_a_writer_has_the_lock_before_it_reads_so_its_snapshot_is_never_stale(fleet, outsider):
    other = outsider(fleet.route(fleet.create("t")).path)
    other.run("PRAGMA busy_timeout = 0")
    with get_tenant_db("t").write() as conn:
        before = conn.execute(text("SELECT n FROM notes WHERE k = -1")).scalar()
        assert other.run("UPDATE notes SET n = n + 1") == {"error": "database is locked"}
        conn.execute(text("UPDATE notes SET n = :n"), {"n": before + 1})
    assert other.run("UPDATE notes SET n = n + 1 RETURNING n") == {"rows": [[2]]}


def test_a_new_table_of_a_migration_is_guarded_at_once(fleet, outsider):
    fleet.create("t")
    with_table = engine.loads(OLD.to_json().rstrip().removesuffix("}") + ', "more": {"x": "INT"}}')
    migrated(fleet, "t", with_table)
    path = fleet.route("t").path
    other = outsider(path)
    other.run("UPDATE _tenantdb_control SET state = 'retired'")
    assert "not open for writing" in other.run("INSERT INTO more VALUES (1)")["error"]
