"""One file brought to a schema: what changes, what stays, and what is refused before anything is touched."""

from __future__ import annotations

import contextlib
import threading

import apsw
import pytest

import migrations_engine as engine
from migrations_engine import errors, sqlite
from migrations_engine.execution import execute

USERS = {
    "Users": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "email": "TEXT NOT NULL UNIQUE",
        "zip": "TEXT",
        "_indexes": [{"columns": ["zip DESC"], "where": "zip IS NOT NULL", "name": "by_zip"}],
    },
    "Notes": {
        "id": "INTEGER PRIMARY KEY",
        "user": "INTEGER REFERENCES Users(id) ON DELETE CASCADE",
        "body": "TEXT",
    },
}
FILLED = (
    "INSERT INTO Users(id, email, zip) VALUES (1, 'a@x', '007'), (7, 'b@x', '8'), (9, 'c@x', NULL);"
    "DELETE FROM Users WHERE id = 9;"
    "INSERT INTO Notes VALUES (5, 1, 'one'), (6, 7, 'two');"
    "PRAGMA user_version = 42; PRAGMA application_id = 7"
)


def with_users(**columns):
    return {**USERS, "Users": {**USERS["Users"], **columns}}


@pytest.fixture
def filled(db):
    db.apply(USERS)
    db.run(FILLED)
    return db


def test_a_new_file_is_made_in_wal_mode(db):
    result = db.apply(USERS)
    assert (result.changed, result.strategy, result.version) == (True, "in-place", 1)
    assert db.run("PRAGMA journal_mode") == [("wal",)]


def test_a_schema_that_is_refused_leaves_no_file_behind(db, schema):
    bad = engine.Schema(views=(engine.model.View(name="v", sql="CREATE VIEW v AS SELEC 1"),))
    with pytest.raises(errors.MigrationError):
        engine.apply(bad, db.path)
    assert not db.path.exists()


def test_a_second_apply_changes_nothing(filled):
    before = filled.path.read_bytes()
    result = filled.apply(USERS)
    assert (result.changed, result.strategy, result.pause) == (False, "none", 0.0)
    assert filled.path.read_bytes() == before


def test_a_column_with_a_constant_default_is_appended_in_place(filled):
    result = filled.apply(with_users(tag="TEXT NOT NULL DEFAULT 'x' CHECK (tag <> '')"))
    assert result.strategy == "in-place"
    assert filled.run("SELECT DISTINCT tag FROM Users") == [("x",)]


@pytest.mark.parametrize(
    "definition",
    [
        "TEXT DEFAULT CURRENT_TIMESTAMP",
        "TEXT DEFAULT (date('now'))",
        "TEXT GENERATED ALWAYS AS (lower(email)) STORED",
        "TEXT UNIQUE",
        "TEXT DEFAULT 1.50",
        "VARCHAR(5) DEFAULT true",
        "DEFAULT -1e3",
    ],
)
def test_a_column_that_sqlite_does_not_append_is_rebuilt(filled, definition):
    result = filled.apply(with_users(x=definition))
    assert (result.strategy, result.rows) == ("rebuild", 2)


@pytest.mark.parametrize(
    "definition", ["TEXT DEFAULT 1.50", "TEXT DEFAULT -0X1f", "REAL DEFAULT 1e3", "BOOL DEFAULT TRUE"]
)
def test_rows_of_before_and_new_ones_have_the_same_default(filled, definition):
    filled.apply(with_users(x=definition))
    filled.run("INSERT INTO Users(email) VALUES ('new@x')")
    assert len(filled.run("SELECT DISTINCT x, typeof(x) FROM Users")) == 1


def test_a_computed_column_is_appended_in_place_with_its_reference(filled):
    document = with_users(low="TEXT AS (lower(email))", boss="INTEGER REFERENCES Users(id)")
    assert filled.apply(document).strategy == "in-place"
    assert filled.run("SELECT low FROM Users WHERE id = 1") == [("a@x",)]


def test_names_are_changed_in_place_through_views_and_triggers(filled):
    old = {
        **USERS,
        "_views": {"v": "CREATE VIEW v AS SELECT zip FROM Users"},
        "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON Notes BEGIN UPDATE Users SET zip = 1; END"},
    }
    filled.apply(old)
    new = {
        "People": {
            "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
            "email": "TEXT NOT NULL UNIQUE",
            "post": "TEXT",
            "_indexes": [{"columns": ["post DESC"], "where": "post IS NOT NULL", "name": "by_zip"}],
            "_renamed_from": "Users",
            "_renames": {"post": "zip"},
        },
        "Notes": {**USERS["Notes"], "user": "INTEGER REFERENCES People(id) ON DELETE CASCADE"},
        "_views": {"v": "CREATE VIEW v AS SELECT post FROM People"},
        "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON Notes BEGIN UPDATE People SET post = 1; END"},
    }
    assert filled.apply(new).strategy == "in-place"
    assert filled.run("SELECT id, post FROM People") == [(1, "007"), (7, "8")]
    assert filled.apply(new).changed is False


def test_swapped_tables_are_rebuilt_as_one_change(db):
    db.apply({"A": {"a": "TEXT"}, "B": {"b": "INT"}})
    db.run("INSERT INTO A VALUES ('was a'); INSERT INTO B VALUES (2)")
    db.apply({"A": {"b": "INT", "_renamed_from": "B"}, "B": {"a": "TEXT", "_renamed_from": "A"}})
    assert (db.run("SELECT * FROM A"), db.run("SELECT * FROM B")) == ([(2,)], [("was a",)])


def test_a_rename_goes_together_with_a_change_of_type(filled):
    new = with_users(plz="INTEGER", _renames={"plz": "zip"}, _indexes=[])
    del new["Users"]["zip"]
    filled.apply(new, allow_destructive=True)
    assert filled.run("SELECT plz, typeof(plz) FROM Users") == [(7, "integer"), (8, "integer")]


@pytest.mark.parametrize(
    ("users", "reference", "more"),
    [
        ({"_renamed_from": "Users", "id": "INTEGER PRIMARY KEY"}, "People(id)", {}),
        ({"_renamed_from": "Users", "id": "INTEGER PRIMARY KEY"}, "People(id)", {"note": "TEXT"}),
        ({"_renames": {"key": "id"}, "key": "INTEGER PRIMARY KEY"}, "Users(key)", {}),
    ],
)
def test_a_parent_that_is_rebuilt_under_other_names_takes_its_children_along(db, users, reference, more):
    notes = {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users(id)"}
    db.apply({"Users": {"id": "INTEGER PRIMARY KEY", "zip": "TEXT"}, "Notes": notes})
    db.run("INSERT INTO Users VALUES (7, '8'); INSERT INTO Notes VALUES (5, 7)")
    parent, _, _ = reference.partition("(")
    notes = {**notes, "user": f"INTEGER REFERENCES {reference}", **more}
    result = db.apply({parent: {**users, "zip": "VARCHAR(9)"}, "Notes": notes})
    assert (result.strategy, result.rows) == ("rebuild", 2)
    assert db.run(f"SELECT * FROM {parent}") == [(7, "8")]
    assert db.run("SELECT id, user FROM Notes") == [(5, 7)]
    engine.rollback(db.path)
    assert db.run("SELECT * FROM Users") == [(7, "8")]
    assert db.run('SELECT "table", "to" FROM pragma_foreign_key_list(\'Notes\')') == [("Users", "id")]


def test_a_rename_that_a_broken_trigger_keeps_from_alter_table_takes_the_children_along(filled):
    broken = {"broken": "CREATE TRIGGER broken AFTER UPDATE ON Notes BEGIN SELECT * FROM nowhere; END"}
    filled.apply({**USERS, "_triggers": broken})
    people = {"_renamed_from": "Users", **USERS["Users"]}
    notes = {**USERS["Notes"], "user": "INTEGER REFERENCES People(id) ON DELETE CASCADE"}
    assert filled.apply({"People": people, "Notes": notes, "_triggers": broken}).changed
    assert filled.run("SELECT email, body FROM People p JOIN Notes n ON n.user = p.id") == [
        ("a@x", "one"),
        ("b@x", "two"),
    ]


def test_columns_that_swap_their_names_cannot_be_changed_in_place(filled):
    swapped = with_users(email="TEXT", zip="TEXT NOT NULL UNIQUE", _renames={"email": "zip", "zip": "email"})
    swapped["Users"].pop("_indexes")
    filled.apply({**USERS, "Users": {k: v for k, v in USERS["Users"].items() if k != "_indexes"}})
    with pytest.raises(errors.Unsupported, match="another column has that name"):
        filled.apply(swapped, strategy="in-place")


def test_a_rebuild_keeps_rowids_counters_and_header(filled):
    filled.apply({**USERS, "Loose": {"a": "TEXT"}})
    filled.run("INSERT INTO Loose(rowid, a) VALUES (7, 'x'), (99, 'y')")
    users = with_users(zip="TEXT NOT NULL DEFAULT ''", _fill={"zip": "coalesce(zip, '')"})
    filled.apply({**users, "Loose": {"a": "TEXT COLLATE NOCASE"}})
    assert filled.run("SELECT rowid, a FROM Loose") == [(7, "x"), (99, "y")]
    assert filled.counters() == {"Users": 9}
    assert [filled.run(f"PRAGMA {p}")[0][0] for p in ("user_version", "application_id")] == [42, 7]


def test_a_rebuild_makes_no_trigger_fire_and_no_cascade_run(filled):
    trigger = {
        "t": "CREATE TRIGGER t AFTER INSERT ON Users BEGIN INSERT INTO Notes(body) VALUES ('fired'); END"
    }
    filled.apply({**USERS, "_triggers": trigger})
    filled.apply({**with_users(email="TEXT NOT NULL UNIQUE COLLATE NOCASE"), "_triggers": trigger})
    assert filled.run("SELECT count(*) FROM Notes") == [(2,)]
    filled.run("INSERT INTO Users(email) VALUES ('new')")
    assert filled.run("SELECT count(*) FROM Notes WHERE body = 'fired'") == [(1,)]


def test_a_view_and_a_trigger_that_name_a_rebuilt_table_go_on_working(filled):
    others = {
        "_views": {"v": "CREATE VIEW v AS SELECT email FROM Users"},
        "_triggers": {
            "t": "CREATE TRIGGER t AFTER DELETE ON Notes BEGIN DELETE FROM Users WHERE id = OLD.user; END"
        },
    }
    filled.apply({**USERS, **others})
    filled.apply({**with_users(zip="TEXT CHECK (zip <> 'no')"), **others})
    filled.run("DELETE FROM Notes WHERE id = 5")
    assert filled.run("SELECT * FROM v") == [("b@x",)]


def test_a_kept_table_neither_blocks_nor_follows_the_application(filled):
    filled.apply({**USERS, "Notes": {**USERS["Notes"], "body": "TEXT COLLATE NOCASE"}})
    filled.run("PRAGMA foreign_keys = ON; DELETE FROM Users WHERE id = 1")
    assert filled.run("SELECT id FROM Notes") == [(6,)]
    assert filled.run("SELECT count(*) FROM _tenantdb_old_2_1") == [(2,)]


def test_on_conflict_clauses_of_the_new_table_drop_no_rows(filled):
    filled.run("INSERT INTO Notes VALUES (8, 1, 'one')")
    document = {**USERS, "Notes": {**USERS["Notes"], "body": "TEXT UNIQUE ON CONFLICT REPLACE"}}
    with pytest.raises(errors.DataDoesNotFit, match=r"UNIQUE \(body\): 2 rows \(keys 5, 8\)"):
        filled.apply(document)


def test_a_return_to_an_older_schema_is_a_change(filled):
    filled.apply(with_users(tag="TEXT"))
    assert filled.apply(USERS, allow_destructive=True).changed
    assert [v.schema_hash[:8] for v in engine.history(filled.path)][::2] == [filled.hash[:8]] * 2


def test_drift_is_planned_from_the_real_structure(filled):
    filled.run("ALTER TABLE Notes ADD COLUMN stray TEXT; DROP INDEX by_zip")
    filled.apply(USERS, allow_destructive=True)
    assert filled.hash == engine.introspect(filled.path).hash
    assert [v.strategy for v in engine.history(filled.path)] == ["in-place", "found", "rebuild"]


def test_a_file_that_nobody_applied_to_gets_its_structure_as_first_version(db):
    db.run("CREATE TABLE T(a); INSERT INTO T VALUES (1)")
    db.apply({"T": {"a": "", "b": "INT"}})
    assert [v.strategy for v in engine.history(db.path)] == ["found", "in-place"]


def test_destruction_needs_leave(filled):
    before = filled.picture()
    document = with_users(zip="INTEGER")
    del document["Notes"]
    with pytest.raises(errors.DestructiveChange) as refused:
        filled.apply(document)
    assert refused.value.objects == ["table Notes", "values of Users.zip as stored"]
    assert filled.picture() == before


def test_rows_that_do_not_fit_are_named_and_nothing_is_changed(filled):
    filled.run("INSERT INTO Users(email) VALUES ('z')")
    before = filled.picture()
    with pytest.raises(errors.DataDoesNotFit, match=r"Users: NOT NULL \(zip\): 1 row \(keys 10\)"):
        filled.apply(with_users(zip="TEXT NOT NULL"))
    assert filled.picture() == before


def test_rows_that_lose_their_parents_are_refused(filled):
    before = filled.picture()
    document = {"Notes": USERS["Notes"]}
    with pytest.raises(errors.DataDoesNotFit, match=r"Notes: FOREIGN KEY \(user\) REFERENCES Users: 2 rows"):
        filled.apply(document, allow_destructive=True)
    assert filled.picture() == before


def test_a_reference_that_loses_its_table_is_refused_even_without_rows(filled):
    filled.run("DELETE FROM Notes")
    with pytest.raises(errors.SchemaError, match="Notes: it refers to Users, which this change drops"):
        filled.apply({"Notes": USERS["Notes"]}, allow_destructive=True)


def test_orphans_of_before_are_no_reason_to_refuse(filled):
    filled.run("INSERT INTO Notes VALUES (11, 999, 'orphan')")
    filled.apply({**USERS, "Notes": {**USERS["Notes"], "body": "TEXT COLLATE NOCASE"}})
    assert filled.run("SELECT user FROM Notes WHERE id = 11") == [(999,)]


def test_a_reference_that_dangled_before_may_go_on(db):
    db.apply({"C": {"p": "INT REFERENCES Gone(id)", "x": "TEXT"}})
    assert db.apply({"C": {"p": "INT REFERENCES Gone(id)", "x": "TEXT COLLATE NOCASE"}}).changed


def test_a_pause_that_is_too_long_is_refused_before_anything_is_changed(filled):
    before = filled.picture()
    with pytest.raises(errors.PauseTooLong) as refused:
        filled.apply(with_users(zip="TEXT COLLATE NOCASE"), max_pause=0.0)
    assert refused.value.predicted > refused.value.allowed == 0.0
    assert filled.picture() == before


def test_in_place_alone_refuses_what_needs_a_rebuild(filled):
    with pytest.raises(errors.Unsupported, match="Users cannot be changed in place"):
        filled.apply(with_users(zip="TEXT NOT NULL DEFAULT ''"), strategy="in-place")


@pytest.mark.parametrize("call", [engine.apply, engine.plan])
def test_a_strategy_that_there_is_not_is_refused_and_makes_no_file(db, schema, call):
    with pytest.raises(errors.UnknownStrategy, match="'junk'; available: auto, in-place, rebuild"):
        call(schema(USERS), db.path, strategy="junk")
    assert not db.path.exists()


def test_a_strategy_that_there_is_not_is_refused_where_nothing_would_change(filled):
    with pytest.raises(ValueError, match="junk"):
        filled.apply(USERS, strategy="junk")


def test_a_rebuild_can_be_asked_for(filled):
    result = filled.apply(with_users(tag="TEXT"), strategy="rebuild")
    assert (result.strategy, result.rows) == ("rebuild", 2)
    columns = [name for (name,) in filled.run("SELECT name FROM pragma_table_info('Users')")]
    assert columns == ["id", "email", "zip", "tag"]


def test_a_file_that_another_process_holds_is_busy(filled, monkeypatch):
    monkeypatch.setattr("migrations_engine.runner.BUSY_SECONDS", 0.05)
    filled.run("BEGIN IMMEDIATE")
    with pytest.raises(errors.DatabaseBusy) as busy:
        filled.apply(with_users(tag="TEXT"))
    filled.run("ROLLBACK")
    assert busy.value.retryable


def test_a_reader_outside_of_wal_mode_delays_the_commit(filled):
    filled.run("PRAGMA journal_mode = DELETE")
    filled.run("BEGIN; SELECT * FROM Users")
    threading.Timer(0.3, lambda: filled.run("ROLLBACK")).start()
    assert filled.apply(with_users(tag="TEXT")).changed
    assert filled.run("PRAGMA journal_mode") == [("delete",)]


def test_a_tenant_file_is_left_to_its_fleet(filled):
    filled.run("CREATE TABLE _tenantdb_control(id, tenant); INSERT INTO _tenantdb_control VALUES (1, 'acme')")
    for act in (lambda: filled.apply(with_users(tag="TEXT")), lambda: engine.rollback(filled.path)):
        with pytest.raises(errors.FleetFile, match="tenant acme"):
            act()


def test_a_virtual_table_that_stays_hinders_nobody(filled):
    docs = {"_virtual_tables": {"docs": "CREATE VIRTUAL TABLE docs USING fts5(body)"}}
    filled.apply({**USERS, **docs})
    filled.run("INSERT INTO docs(rowid, body) VALUES (3, 'hello')")
    filled.apply({**with_users(zip="TEXT COLLATE NOCASE"), **docs})
    assert filled.run("SELECT rowid FROM docs('hello')") == [(3,)]


def test_a_virtual_table_that_differs_cannot_be_changed_in_place(filled):
    docs = {"_virtual_tables": {"docs": "CREATE VIRTUAL TABLE docs USING fts5(body)"}}
    filled.apply({**USERS, **docs})
    other = {"_virtual_tables": {"docs": "CREATE VIRTUAL TABLE docs USING fts5(body, title)"}}
    with pytest.raises(errors.Unsupported, match="--strategy auto") as refused:
        filled.apply({**USERS, **other}, strategy="in-place")
    assert refused.value.object_name == "docs"
    assert filled.apply({**USERS, **other}).strategy == "rebuild"


def test_the_settings_of_a_connection_come_back_after_a_failure(filled):
    with contextlib.closing(sqlite.connect(filled.path)) as conn:
        conn.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(ZeroDivisionError), execute.prepared(conn):
            raise ZeroDivisionError
        assert sqlite.value(conn, "PRAGMA foreign_keys") == 1
        assert sqlite.value(conn, "PRAGMA legacy_alter_table") == 0


def test_a_change_inside_an_older_transaction_is_refused(filled):
    with contextlib.closing(sqlite.connect(filled.path)) as conn:
        conn.execute("PRAGMA foreign_keys = ON; BEGIN")
        with pytest.raises(errors.MigrationError, match="transaction"), execute.prepared(conn):
            pytest.fail("it was allowed to begin")


def test_a_reader_sees_the_old_structure_to_the_end_of_its_snapshot(filled, child):
    reader = child(_READER, str(filled.path))
    assert reader.line() == "3"
    filled.apply(with_users(tag="TEXT", zip="TEXT COLLATE NOCASE"))
    reader.say()
    assert reader.end().split() == ["3", "4"]


_READER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None)
conn.execute("begin")
count = lambda: len(conn.execute("select * from Users").description)
print(count(), flush=True)
sys.stdin.readline()
print(count())
conn.execute("commit")
print(count())
"""


def test_other_processes_lose_no_row_while_a_table_is_rebuilt(filled, child):
    writer = child(_WRITER, str(filled.path))
    assert writer.line() == "ready"
    for turn in range(6):
        filled.apply(with_users(zip=("TEXT COLLATE NOCASE", "TEXT")[turn % 2]))
    written = int(writer.end())
    assert filled.run("SELECT count(*) FROM Notes WHERE body = 'w'") == [(written,)]


_WRITER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
print("ready", flush=True)
for n in range(150):
    conn.execute("insert into Notes(user, body) values (1, 'w')")
    conn.execute("update Users set zip = ? where id = 1", (str(n),))
print(n + 1)
"""


def test_a_damaged_file_is_called_so(db):
    db.path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(errors.DatabaseDamaged):
        db.apply(USERS)


def test_a_file_that_is_sealed_cannot_be_written(filled):
    filled.run("PRAGMA wal_checkpoint(TRUNCATE)")
    filled.close()
    with filled.path.open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")
    with pytest.raises(PermissionError):
        filled.apply(with_users(tag="TEXT"))


def test_an_open_connection_of_this_process_sees_the_new_structure(filled):
    conn = apsw.Connection(str(filled.path))
    conn.execute("SELECT zip FROM Users").fetchall()
    filled.apply(with_users(tag="TEXT DEFAULT 'x'", zip="TEXT COLLATE NOCASE"))
    assert conn.execute("SELECT tag FROM Users WHERE id = 1").fetchall() == [("x",)]


def test_a_key_without_a_type_that_becomes_text_is_found_again_after_the_copy(db):
    db.apply({"T": {"a": "", "_primary_key": ["a"], "_options": {"without_rowid": True}}})
    db.run("INSERT INTO T VALUES (0), (x'00'), ('x')")
    db.apply({"T": {"a": "TEXT", "_primary_key": ["a"]}}, allow_destructive=True)
    assert db.run("SELECT a FROM T ORDER BY 1") == [("0",), ("x",), (b"\0",)]
