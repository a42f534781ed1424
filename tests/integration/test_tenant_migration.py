"""One tenant is brought to another schema and back, in place or by a new generation."""

from __future__ import annotations

import contextlib
import json

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.errors import (
    DataDoesNotFit,
    DestructiveChange,
    NoWayBack,
    SchemaError,
    WayBackLossy,
)
from migrations_engine.online import capture
from migrations_engine.online.phases import Boundary
from tenantdb import control
from tenantdb.catalog import generations, tenants
from tenantdb.catalog.states import OperationKind
from tenantdb.errors import TenantBusy
from tests.fleet import NEW, OLD, WIDER, Fleet
from workers.handover.pause import Limits
from workers.hosts import marks_of
from workers.migration.inplace import InPlace, change_in_place, in_place_payload
from workers.migration.migration import migrate
from workers.migration.rollback import rollback
from workers.mover import move
from workers.operations import operation

NARROW = engine.loads('{"notes": {"k": "INTEGER PRIMARY KEY", "v": "TEXT", "n": "INTEGER"}}')


NARROW_PARENTS, WIDER_AND_NARROW, NEW_AND_NARROW = (
    engine.loads(schema.to_json().replace('"name": "TEXT UNIQUE"', '"title": "TEXT"'))
    for schema in (OLD, WIDER, NEW)
)
"""The first destroys data of OLD, and so makes a generation; the others follow it."""

OLD_AND_MORE, NEW_AND_MORE = (
    engine.loads(json.dumps(json.loads(schema.to_json()) | {"more": {"id": "INTEGER PRIMARY KEY"}}))
    for schema in (OLD, NEW)
)


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


@pytest.fixture
def tenant(fleet):
    return fleet.create("t", rows=3)


def migrated(fleet, schema, **options):
    return migrate("t", schema, settings=fleet.settings, **options)


def back(fleet, **options):
    return rollback("t", settings=fleet.settings, **options)


def execute(fleet, sql):
    conn = apsw.Connection(str(fleet.route("t").path))
    conn.execute(sql)
    conn.close()


def at_entry(wanted, act):
    def observe(phase, boundary, /):
        if (phase, boundary) == (wanted, Boundary.ENTERED):
            act()

    return observe


def says(fleet):
    """The schema that the file, its control row and the catalog each claim."""
    route = fleet.route("t")
    conn = apsw.Connection(str(route.path))
    row = control.read(conn)
    conn.close()
    return {engine.introspect(route.path).hash, row.schema_hash, route.schema_hash}


def test_a_small_change_is_made_in_place(fleet, tenant):
    before = fleet.route(tenant)
    result = migrated(fleet, WIDER)
    assert (result.changed, result.strategy) == (True, "in-place")
    assert fleet.route(tenant).path == before.path
    assert says(fleet) == {WIDER.hash}
    assert fleet.findings(tenant) == []


def test_a_change_that_would_pause_for_too_long_makes_a_generation(fleet, tenant):
    result = migrated(fleet, WIDER, limits=Limits(budget=0.0))
    assert result.strategy == "rebuild"
    assert fleet.route(tenant).generation == 2
    assert says(fleet) == {WIDER.hash}


def test_a_change_in_place_that_takes_too_long_is_taken_back(fleet, tenant):
    def endless(conn, _clock):
        conn.execute("CREATE TABLE half_done(x)")
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        conn.execute(f"{numbers} SELECT max(i) FROM n").fetchall()

    begun = operation.begin(
        fleet.catalog,
        kind=OperationKind.MIGRATE,
        tenant=tenant,
        plan=lambda session, *_: in_place_payload(session, tenant),
    )
    marks = marks_of(fleet.settings)
    with pytest.raises(TenantBusy, match="deadline"):
        change_in_place(InPlace(operation=begun, marks=marks, act=endless, limits=Limits(deadline=0.05)))
    assert says(fleet) == {OLD.hash}
    assert fleet.operations(tenant) == ["undone"]
    assert fleet.findings(tenant) == []


def test_a_rebuild_keeps_every_row_and_leaves_the_old_generation_sealed(fleet, tenant):
    before = fleet.route(tenant)
    rows = fleet.rows(tenant, "SELECT k, v, n FROM notes")
    result = migrated(fleet, NEW)
    assert (result.strategy, says(fleet)) == ("rebuild", {NEW.hash})
    assert fleet.rows(tenant, "SELECT k, v, n FROM notes") == rows
    assert fleet.writable(tenant) == [fleet.route(tenant).path]
    assert engine.introspect(before.path).hash == OLD.hash
    assert fleet.findings(tenant) == []


def test_a_tenant_of_which_most_is_rebuilt_gets_a_file_without_free_pages(fleet):
    tenant = fleet.create("t", rows=3)
    execute(fleet, f"UPDATE notes SET v = '{'x' * 300_000}'")
    insert = "INSERT INTO notes (k, v, n) VALUES (9, 'meanwhile', 1)"
    migrated(fleet, NEW, observer=at_entry("drain", lambda: execute(fleet, insert)))
    assert says(fleet) == {NEW.hash}
    assert fleet.rows(tenant) == [(9, "meanwhile")]
    assert fleet.rows(tenant, "PRAGMA freelist_count") == [(0,)]
    execute(fleet, "INSERT INTO parents (name) VALUES ('counted')")
    assert fleet.rows(tenant, "SELECT n FROM notes WHERE k = -1") == [(1,)]
    assert fleet.findings(tenant) == []
    back(fleet)
    assert says(fleet) == {OLD.hash}


def test_a_tenant_that_has_the_schema_is_left_alone(fleet, tenant):
    assert migrated(fleet, OLD).changed is False
    assert fleet.operations(tenant) == []


def test_rows_that_do_not_fit_are_named_and_nothing_is_made(fleet, tenant):
    execute(fleet, "INSERT INTO notes VALUES (7, NULL, 0), (8, NULL, 0)")
    with pytest.raises(DataDoesNotFit) as caught:
        migrated(fleet, NEW)
    [misfit] = caught.value.misfits
    assert (misfit.table, misfit.count, misfit.sample) == ("notes", 2, (7, 8))
    assert fleet.operations(tenant) == []
    assert len(fleet.files(tenant)) == 1


@pytest.mark.parametrize("phase", ["drain", "cut-over"])
def test_rows_that_stop_to_fit_meanwhile_undo_the_migration(fleet, tenant, phase):
    before = fleet.route(tenant)
    spoil = at_entry(phase, lambda: execute(fleet, "INSERT OR IGNORE INTO notes VALUES (7, NULL, 0)"))
    with pytest.raises(DataDoesNotFit):
        migrated(fleet, NEW, observer=spoil)
    assert fleet.route(tenant) == before
    assert fleet.files(tenant) == [before.path]
    assert says(fleet) == {OLD.hash}
    assert fleet.findings(tenant) == []


def test_data_is_destroyed_with_leave_only_and_by_a_generation(fleet, tenant):
    with pytest.raises(DestructiveChange):
        migrated(fleet, NARROW)
    assert migrated(fleet, NARROW, allow_destructive=True).strategy == "rebuild"
    back(fleet)
    assert says(fleet) == {OLD.hash}
    assert fleet.rows(tenant, "SELECT count(*) FROM notes") == [(4,)]


def test_a_rollback_brings_the_writes_made_since_along(fleet, tenant):
    migrated(fleet, NEW)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (9, 'since', 1)")
    execute(fleet, "UPDATE notes SET v = 'changed' WHERE k = -2")
    execute(fleet, "DELETE FROM notes WHERE k = -3")
    result = back(fleet)
    assert (result.schema, says(fleet)) == (OLD.hash, {OLD.hash})
    rows = dict(fleet.rows(tenant, "SELECT k, v FROM notes"))
    assert (rows[9], rows[-2], -3 in rows) == ("since", "changed", False)
    assert fleet.route(tenant).generation == 3
    assert fleet.findings(tenant) == []


def test_a_rollback_gives_back_what_the_way_there_has_changed(fleet, tenant):
    lossy = engine.loads(OLD.to_json().replace('"v": "TEXT"', '"v": "INTEGER"'))
    execute(fleet, "UPDATE notes SET v = '007' WHERE k = -2")
    migrated(fleet, lossy, allow_destructive=True)
    assert fleet.rows(tenant, "SELECT v FROM notes WHERE k = -2") == [(7,)]
    back(fleet)
    assert fleet.rows(tenant, "SELECT v FROM notes WHERE k = -2") == [("007",)]


def test_what_the_old_schema_cannot_hold_is_listed_and_discarded_with_leave_only(fleet, tenant):
    migrated(fleet, NEW)
    execute(fleet, "INSERT INTO notes (k, v, n, extra) VALUES (9, 'since', 1, 'precious')")
    before = fleet.route(tenant)
    with pytest.raises(WayBackLossy) as caught:
        back(fleet)
    assert "notes.extra" in caught.value.losses[0]
    assert fleet.route(tenant) == before
    back(fleet, discard_since=True)
    assert fleet.rows(tenant) == [(9, "since")]


def test_a_way_back_survives_a_move(fleet, tenant):
    migrated(fleet, NEW)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (9, 'before the move', 1)")
    note = at_entry("drain", lambda: execute(fleet, "INSERT INTO notes (k, v, n) VALUES (10, 'in it', 1)"))
    move(tenant, to="b", settings=fleet.settings, observer=note)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (11, 'after it', 1)")
    back(fleet)
    assert fleet.rows(tenant) == [(9, "before the move"), (10, "in it"), (11, "after it")]
    assert fleet.route(tenant).server == "b"


def test_a_change_in_place_is_taken_back_in_place(fleet, tenant):
    migrated(fleet, WIDER)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (9, 'since', 1)")
    back(fleet)
    assert says(fleet) == {OLD.hash}
    assert (fleet.route(tenant).generation, fleet.rows(tenant)) == (1, [(9, "since")])
    assert fleet.findings(tenant) == []


def test_a_new_generation_ends_the_way_back_that_lay_in_the_file(fleet, tenant):
    migrated(fleet, OLD_AND_MORE)
    execute(fleet, "INSERT INTO more VALUES (1)")
    migrated(fleet, NEW_AND_MORE)
    back(fleet)
    assert says(fleet) == {OLD_AND_MORE.hash}
    assert fleet.rows(tenant, "SELECT id FROM more") == [(1,)]
    with pytest.raises(NoWayBack):
        back(fleet)
    assert fleet.findings(tenant) == []


@pytest.mark.parametrize("moves", [False, True], ids=["", "moved"])
@pytest.mark.parametrize("second", [WIDER_AND_NARROW, NEW_AND_NARROW], ids=["in place", "rebuild"])
def test_two_changes_go_one_back_and_no_write_is_lost(fleet, tenant, second, moves):
    migrated(fleet, NARROW_PARENTS, allow_destructive=True)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (9, 'after the first', 1)")
    migrated(fleet, second)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (10, 'after the second', 1)")
    if moves:
        move(tenant, to="b", settings=fleet.settings)
    rows = fleet.rows(tenant)
    back(fleet)
    assert (says(fleet), fleet.rows(tenant)) == ({NARROW_PARENTS.hash}, rows)
    with pytest.raises(NoWayBack):
        back(fleet)
    assert (says(fleet), fleet.rows(tenant)) == ({NARROW_PARENTS.hash}, rows)
    assert fleet.findings(tenant) == []


def test_writes_that_were_not_noted_are_not_left_behind(fleet, tenant):
    migrated(fleet, NEW)
    execute(fleet, "INSERT INTO notes (k, v, n) VALUES (9, 'since', 1)")
    with contextlib.closing(apsw.Connection(str(fleet.route(tenant).path))) as conn:
        capture.remove(conn)
    with pytest.raises(NoWayBack, match="no record"):
        back(fleet)
    assert (says(fleet), fleet.rows(tenant)) == ({NEW.hash}, [(9, "since")])
    assert fleet.operations(tenant)[0] == "undone"


def test_a_tenant_can_go_forward_again_after_a_rollback(fleet, tenant):
    for _ in range(2):
        migrated(fleet, NEW)
        back(fleet)
    assert says(fleet) == {OLD.hash}
    assert fleet.route(tenant).generation == 5
    assert fleet.findings(tenant) == []


def test_there_is_no_way_back_before_the_first_change_or_after_it_was_used(fleet, tenant):
    with pytest.raises(NoWayBack):
        back(fleet)
    migrated(fleet, NEW)
    back(fleet)
    with pytest.raises(NoWayBack):
        back(fleet)
    with fleet.catalog.reading() as session:
        assert tenants.get(session, tenant).operation_id is None


def test_the_versions_in_the_file_tell_the_whole_way(fleet, tenant):
    migrated(fleet, NEW)
    back(fleet)
    history = engine.history(fleet.route(tenant).path)
    assert [version.schema_hash for version in history] == [OLD.hash, NEW.hash, OLD.hash]
    assert history[-1].strategy == "rollback"


def test_generations_are_recorded_with_their_schemas(fleet, tenant):
    migrated(fleet, NEW)
    with fleet.catalog.reading() as session:
        lives = [(row.state.value, row.schema_hash) for row in generations.of_tenant(session, tenant)]
    assert lives == [("archived", OLD.hash), ("open", NEW.hash)]


def test_a_rebuild_that_drops_a_table_others_refer_to_is_refused_and_undone(fleet):
    both = engine.loads('{"p": {"x": "INTEGER PRIMARY KEY"}, "c": {"x": "INTEGER REFERENCES p(x)"}}')
    fleet.create("t")
    migrated(fleet, both, allow_destructive=True)
    before = fleet.route("t")

    with pytest.raises(SchemaError, match="p, which this change drops"):
        migrated(fleet, engine.loads('{"c": {"x": "INTEGER REFERENCES p(x)"}}'), allow_destructive=True)

    assert fleet.route("t") == before
    assert fleet.findings("t") == []
