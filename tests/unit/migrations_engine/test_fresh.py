"""A fresh file has all that belongs to the old one, and nothing that stays behind with it."""

import json
from contextlib import closing

import apsw
import pytest

import migrations_engine as engine
from migrations_engine import sqlite
from migrations_engine.errors import Unsupported
from migrations_engine.execution import fresh
from migrations_engine.execution.compiling import compiled
from migrations_engine.online import capture, mapping
from migrations_engine.planning.estimate import estimated

OLD = {
    "people": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT", "_indexes": ["name"]},
    "notes": {"k": "INTEGER PRIMARY KEY", "v": "TEXT"},
    "_triggers": {
        name: f"CREATE TRIGGER {name} AFTER INSERT ON people BEGIN INSERT INTO notes(v) VALUES('{name}'); END"
        for name in ("first", "other")
    },
}
NEW = OLD | {"people": OLD["people"] | {"name": "TEXT NOT NULL"}}


class Old:
    """A file that is to get another schema."""

    def __init__(self, folder):
        self.path, self.target = folder / "old.db", folder / "fresh.db"
        self.conn = None

    def make(self, document=OLD, *settings):
        with closing(apsw.Connection(str(self.path))) as conn:
            for setting in settings:
                conn.execute(f"PRAGMA {setting}").fetchall()
        engine.apply(engine.loads(json.dumps(document)), self.path)
        self.conn = sqlite.connect(self.path)
        return self

    def run(self, sql):
        return self.conn.execute(sql).fetchall()

    def plan(self, document=NEW):
        found = compiled(engine.introspect(self.path), engine.loads(json.dumps(document)), strategy="rebuild")
        return estimated(found, self.conn)

    def write(self, document=NEW, **options):
        """Write the fresh file; gives the report."""
        self.target.touch()
        return fresh.rows(self.conn, self.target, self.plan(document), **options)

    def read(self, sql):
        """What a query says of the fresh file."""
        with closing(apsw.Connection(str(self.target))) as conn:
            return conn.execute(sql).fetchall()


@pytest.fixture
def old(tmp_path):
    found = Old(tmp_path)
    yield found
    if found.conn is not None:
        found.conn.close()


@pytest.fixture
def filled(old):
    old.make().run("INSERT INTO people (name) VALUES ('ann'), ('bob')")
    return old


def test_rows_and_structure_are_there(filled):
    filled.write()
    assert filled.read("SELECT id, name FROM people") == [(1, "ann"), (2, "bob")]
    assert engine.introspect(filled.target).hash == engine.loads(json.dumps(NEW)).hash


def test_no_trigger_fires_for_a_copied_row(filled):
    notes = filled.run("SELECT k, v FROM notes")
    filled.write()
    assert filled.read("SELECT k, v FROM notes") == notes


def test_triggers_fire_in_the_order_in_which_they_did(filled):
    filled.write()
    for path in (filled.path, filled.target):
        with closing(apsw.Connection(str(path))) as conn:
            conn.execute("DELETE FROM notes; INSERT INTO people (name) VALUES ('eve')")
    assert filled.read("SELECT v FROM notes ORDER BY k") == filled.run("SELECT v FROM notes ORDER BY k")


def test_a_counter_never_gives_a_number_twice(filled):
    filled.run("DELETE FROM people WHERE id = 2")
    filled.write()
    assert filled.read("INSERT INTO people (name) VALUES ('eve') RETURNING id") == [(3,)]


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("page_size = 8192", "page_size"),
        ("auto_vacuum = INCREMENTAL", "auto_vacuum"),
        ("encoding = 'UTF-16be'", "encoding"),
        ("user_version = 7", "user_version"),
        ("application_id = 77", "application_id"),
    ],
)
def test_the_header_is_that_of_the_old_file(old, setting, name):
    old.make(OLD, setting).run("INSERT INTO people (name) VALUES ('Zoë')")
    old.write()
    assert old.read(f"PRAGMA {name}") == old.run(f"PRAGMA {name}")
    assert old.read("SELECT name FROM people") == [("Zoë",)]
    assert old.read("PRAGMA integrity_check") == [("ok",)]


def test_what_analyze_knew_of_tables_and_indexes_is_known_still(filled):
    filled.run("ANALYZE")
    known = "SELECT tbl, idx, stat FROM sqlite_stat1 WHERE tbl IN ('people', 'notes') ORDER BY 1, 2"
    filled.write()
    assert filled.read(known) == filled.run(known) != []


def test_the_versions_come_along(filled):
    filled.write()
    assert [v.schema_hash for v in engine.history(filled.target)] == [
        v.schema_hash for v in engine.history(filled.path)
    ]


def test_change_log_and_way_back_stay_with_the_old_file(filled):
    engine.apply(engine.loads(json.dumps(OLD | {"more": {"id": "INTEGER PRIMARY KEY"}})), filled.path)
    with sqlite.immediate(filled.conn):
        capture.install(
            filled.conn, [each.source for each in mapping.identities(engine.introspect(filled.path))]
        )
    filled.run("INSERT INTO people (name) VALUES ('eve')")
    report = filled.write(NEW | {"more": {"id": "INTEGER PRIMARY KEY"}})
    assert report.watermark == capture.watermark(filled.conn) > 0
    assert filled.read("SELECT name FROM sqlite_schema WHERE name LIKE '\\_tenantdb%' ESCAPE '\\'") == []


def test_what_an_earlier_attempt_left_is_overwritten(filled):
    filled.write()
    filled.run("DELETE FROM people WHERE id = 1")
    filled.write()
    assert filled.read("SELECT id FROM people") == [(2,)]


def test_it_is_owned_before_it_has_any_row(filled):
    seen = []
    filled.write(own=lambda conn: seen.append(conn.execute("SELECT count(*) FROM people").fetchall()))
    assert seen == [[(0,)]]


def test_what_its_owner_writes_stays(filled):
    filled.write(
        own=lambda conn: conn.execute("CREATE TABLE _tenantdb_mine(x); INSERT INTO _tenantdb_mine VALUES (1)")
    )
    assert filled.read("SELECT x FROM _tenantdb_mine") == [(1,)]


def test_guards_of_its_owner_let_the_rows_pass_and_stand_afterwards(filled):
    guard = (
        "CREATE TRIGGER _tenantdb_guard_i BEFORE INSERT ON people BEGIN SELECT RAISE(ABORT, 'guarded'); END"
    )
    filled.write(own=lambda conn: conn.execute(guard))
    assert filled.read("SELECT count(*) FROM people") == [(2,)]
    with pytest.raises(apsw.ConstraintError, match="guarded"):
        filled.read("INSERT INTO people (name) VALUES ('eve')")


def test_it_is_of_one_instant_whatever_is_written_meanwhile(filled):
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
    filled.run(f"{numbers} INSERT INTO notes (v) SELECT i FROM n")
    before = filled.run("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM notes)")

    def write(_done, _total):
        with closing(apsw.Connection(str(filled.path))) as conn:
            conn.execute("INSERT INTO people (name) VALUES ('meanwhile')")

    filled.write(progress=write)
    assert filled.read("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM notes)") == before
    assert filled.run("SELECT count(*) FROM people") > [(before[0][0],)]


def test_nobody_else_can_write_to_it_before_it_is_whole(filled):
    told = []

    def write(_done, _total):
        with pytest.raises(apsw.ReadOnlyError):
            filled.read("INSERT INTO notes (v) VALUES ('second home')")
        told.append(True)

    filled.write(progress=write)
    assert told
    filled.read("INSERT INTO notes (v) VALUES ('now')")


def test_whoever_is_told_how_far_it_is_can_end_it(filled):
    class Ended(Exception):
        pass

    def end(_done, _total):
        raise Ended

    with pytest.raises(Ended):
        filled.write(progress=end)


def test_it_can_be_ended_in_the_middle_of_a_statement(filled, monkeypatch):
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
    filled.run(f"{numbers} INSERT INTO people (name) SELECT i FROM n")
    monkeypatch.setattr(fresh, "_STEPS", 1000)
    told = []

    class Ended(Exception):
        pass

    def end(done, _total):
        told.append(done)
        raise Ended

    with pytest.raises(Ended):
        filled.write(progress=end)
    assert told == [0]
    assert filled.write().pages > 0


def test_rows_that_do_not_fit_are_left_to_the_other_way(filled):
    filled.run("INSERT INTO people (name) VALUES (NULL)")
    with pytest.raises(Unsupported):
        filled.write()


def test_a_file_of_which_most_is_rebuilt_is_written_fresh(filled):
    filled.run(f"UPDATE people SET name = '{'x' * 1_000_000}'")
    assert fresh.is_quicker(filled.conn, filled.plan())


def test_a_file_of_which_little_is_rebuilt_is_copied(filled):
    filled.run(f"UPDATE notes SET v = '{'x' * 1_000_000}'")
    assert not fresh.is_quicker(filled.conn, filled.plan())


@pytest.mark.parametrize(
    "statement", ["CREATE VIRTUAL TABLE f USING fts5(x)", "CREATE VIRTUAL TABLE r USING rtree(id, a, b)"]
)
def test_a_file_with_virtual_tables_is_copied(filled, statement):
    filled.run(f"UPDATE people SET name = '{'x' * 1_000_000}'")
    filled.run(statement)
    document = json.loads(engine.introspect(filled.path).to_json()) | {"people": NEW["people"]}
    assert not fresh.is_quicker(filled.conn, filled.plan(document))
