"""One version back: exactly what was, and the writes made since wherever the older schema can hold them."""

from __future__ import annotations

import pytest

import migrations_engine as engine
from migrations_engine import errors, runner, sqlite
from migrations_engine.execution import execute
from migrations_engine.lone import choice
from migrations_engine.reversal import roll_back_in

OLD = {
    "Users": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "email": "TEXT NOT NULL UNIQUE",
        "zip": "TEXT",
        "_indexes": [{"columns": ["zip"], "unique": True, "name": "one_zip"}],
    },
    "Notes": {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users(id)", "body": "TEXT"},
    "Pairs": {"a": "TEXT", "b": "INT", "_primary_key": ["a", "b"], "_options": {"without_rowid": True}},
    "Loose": {"x": "TEXT"},
    "_views": {"v": "CREATE VIEW v AS SELECT zip FROM Users"},
    "_triggers": {
        "t": "CREATE TRIGGER t AFTER DELETE ON Users BEGIN DELETE FROM Notes WHERE user = OLD.id; END"
    },
}
FILLED = """
    INSERT INTO Users VALUES (1, 'a@x', '007'), (7, 'b@x', '8'), (9, 'c@x', NULL);
    DELETE FROM Users WHERE id = 9;
    INSERT INTO Notes VALUES (5, 1, 'one'), (6, 7, 'two'); INSERT INTO Pairs VALUES ('k', 1), ('k', 2);
    INSERT INTO Loose(rowid, x) VALUES (7, 'seven'), (99, 'ninety-nine')
"""


def changed(**tables):
    return {**OLD, **tables}


def users(**columns):
    return {**OLD["Users"], **columns}


@pytest.fixture
def filled(db):
    db.apply(OLD)
    db.run(FILLED)
    return db


CHANGES = {
    "a cast": {"Users": users(zip="INTEGER")},
    "a dropped column": {"Users": {"id": OLD["Users"]["id"], "email": OLD["Users"]["email"]}, "_views": {}},
    "a dropped table": {"Notes": None, "_triggers": {}},
    "an appended column": {"Users": users(tag="TEXT DEFAULT 'x'")},
    "an appended column with a bare word": {"Users": users(tag="TEXT DEFAULT draft", kind='"a" DEFAULT "b"')},
    "a computed column": {"Users": users(low="TEXT AS (lower(email)) STORED")},
    "a column with a moving default": {"Users": users(at="TEXT DEFAULT CURRENT_TIMESTAMP")},
    "a filled column": {"Users": users(slug="TEXT NOT NULL", _fill={"slug": "lower(email)"})},
    "a renamed table": {
        "Users": None,
        "People": users(_renamed_from="Users"),
        "Notes": {**OLD["Notes"], "user": "INTEGER REFERENCES People(id)"},
        "_views": {},
        "_triggers": {},
    },
    "a renamed column": {"Loose": {"y": "TEXT", "_renames": {"y": "x"}}},
    "a swap": {
        "Loose": {**OLD["Notes"], "_renamed_from": "Notes"},
        "Notes": {"x": "TEXT", "_renamed_from": "Loose"},
        "_triggers": {},
    },
    "another key": {"Pairs": {**OLD["Pairs"], "_primary_key": ["b", "a"]}},
    "a table with a rowid": {"Pairs": {"a": "TEXT", "b": "INT", "_primary_key": ["a", "b"]}},
    "no autoincrement": {"Users": users(id="INTEGER PRIMARY KEY")},
    "strictness": {"Loose": {"x": "TEXT", "_options": {"strict": True}}},
    "other objects": {"_views": {"w": "CREATE VIEW w AS SELECT 1"}, "_triggers": {}, "New": {"n": "INT"}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_without_writes_since_everything_is_as_it_was(filled, change):
    before = filled.picture()
    document = {name: entry for name, entry in changed(**change).items() if entry is not None}
    assert filled.apply(document, allow_destructive=True).changed
    assert filled.picture() != before
    engine.rollback(filled.path)
    assert filled.picture() == before
    assert filled.run("PRAGMA integrity_check") == [("ok",)]


def test_writes_made_since_come_along(filled):
    filled.apply(changed(Users=users(zip="INTEGER")), allow_destructive=True)
    filled.run("UPDATE Users SET email = 'new@x' WHERE id = 1; INSERT INTO Users VALUES (20, 'd@x', 44)")
    filled.run("DELETE FROM Users WHERE id = 7")
    engine.rollback(filled.path)
    assert filled.run("SELECT * FROM Users") == [(1, "new@x", "007"), (20, "d@x", "44")]
    assert filled.run("SELECT id FROM Notes") == [(5,)]


def test_an_id_that_was_given_out_since_never_comes_again(filled):
    filled.apply(changed(Users=users(zip="INTEGER")), allow_destructive=True)
    filled.run("INSERT INTO Users(email) VALUES ('d@x'); DELETE FROM Users WHERE email = 'd@x'")
    engine.rollback(filled.path)
    assert filled.counters() == {"Users": 10}


def test_a_dropped_column_keeps_its_values_in_rows_that_were_written_since(filled):
    filled.apply(changed(**CHANGES["a dropped column"]), allow_destructive=True)
    filled.run(
        "UPDATE Users SET email = 'new@x' WHERE id = 1; INSERT INTO Users(id, email) VALUES (30, 'e@x')"
    )
    engine.rollback(filled.path)
    assert filled.run("SELECT * FROM Users") == [(1, "new@x", "007"), (7, "b@x", "8"), (30, "e@x", None)]


def test_a_replaced_row_counts_as_written(filled):
    filled.apply(changed(Users=users(zip="INTEGER")), allow_destructive=True)
    filled.run("REPLACE INTO Users(id, email, zip) VALUES (50, 'a@x', 5)")
    engine.rollback(filled.path)
    assert filled.run("SELECT id, email FROM Users ORDER BY id") == [(7, "b@x"), (50, "a@x")]


def test_a_row_that_got_another_key_is_followed(filled):
    filled.apply(changed(Pairs={**OLD["Pairs"], "b": "INT NOT NULL", "c": "TEXT UNIQUE"}))
    filled.run("UPDATE Pairs SET a = 'moved' WHERE b = 2")
    engine.rollback(filled.path)
    assert filled.run("SELECT * FROM Pairs") == [("k", 1), ("moved", 2)]


def lossy(db):
    with pytest.raises(errors.WayBackLossy) as refused:
        engine.rollback(db.path)
    return refused.value.losses


def test_values_that_the_older_schema_has_no_column_for_are_listed_first(filled):
    filled.apply(changed(Users=users(tag="TEXT", zip="TEXT COLLATE NOCASE")))
    filled.run("UPDATE Users SET tag = 'vip' WHERE id = 7")
    before = filled.picture()
    assert lossy(filled) == ["Users.tag: 1 row with values that the older schema cannot hold (keys 7)"]
    assert filled.picture() == before


def test_leave_to_discard_drops_only_what_cannot_be_held(filled):
    filled.apply(changed(Users=users(tag="TEXT", zip="TEXT COLLATE NOCASE")))
    filled.run("UPDATE Users SET tag = 'vip', email = 'new@x' WHERE id = 7")
    assert len(engine.rollback(filled.path, discard_since=True).losses) == 1
    assert filled.run("SELECT * FROM Users WHERE id = 7") == [(7, "new@x", "8")]


def test_rows_that_an_older_rule_refuses_are_listed_and_go_back_to_what_they_were(filled):
    filled.apply(changed(Users=users(email="TEXT", _indexes=[])))
    filled.run("UPDATE Users SET zip = '8', email = 'n@x' WHERE id = 1")
    filled.run("INSERT INTO Users VALUES (40, NULL, '40')")
    assert lossy(filled) == [
        "Users: 1 row that the older schema refuses (keys 40)",
        "Users.email: 1 row with values that the older schema cannot hold (keys 1)",
        "Users.zip: 1 row with values that the older schema cannot hold (keys 1)",
    ]
    engine.rollback(filled.path, discard_since=True)
    assert filled.run("SELECT * FROM Users") == [(1, "a@x", "007"), (7, "b@x", "8")]


def steps_back(db, *, rows):
    """What SQLite does for a rollback with ``rows`` writes since, half of which an older rule refuses."""
    db.apply({"t": {"id": "INTEGER PRIMARY KEY", "v": "TEXT CHECK (v <> 'no')"}})
    numbers = (
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) INSERT OR REPLACE INTO t SELECT i, "
    )
    db.run(f"{numbers} 'x' FROM n", rows)
    db.apply({"t": {"id": "INTEGER PRIMARY KEY", "v": "TEXT COLLATE NOCASE"}})
    db.run(f"{numbers} iif(i % 2, 'no', 'y') FROM n", rows)
    looks = []
    with execute.prepared(db.conn), sqlite.immediate(db.conn):
        db.conn.set_progress_handler(lambda: bool(looks.append(1)), 100)
        losses = roll_back_in(db.conn, discard_since=True).losses
        db.conn.set_progress_handler(None)
    assert len(losses) == 1, losses
    return len(looks)


def test_going_back_takes_as_much_longer_as_more_was_written(db):
    few, many = (steps_back(db, rows=rows) for rows in (100, 1000))
    assert many < 20 * few


def test_a_value_that_the_older_type_would_rewrite_is_listed(filled):
    filled.apply({**OLD, "Loose": {"x": "INTEGER"}, "Pairs": OLD["Pairs"]}, allow_destructive=True)
    engine.rollback(filled.path)
    filled.apply({**OLD, "Loose": {"x": "INTEGER"}}, allow_destructive=True)
    filled.run("INSERT INTO Loose VALUES (1.5)")
    engine.rollback(filled.path)
    assert filled.run("SELECT x FROM Loose WHERE x = '1.5'") == [("1.5",)]


def test_rows_of_a_table_that_is_new_are_listed(filled):
    filled.apply(changed(New={"n": "INT"}))
    filled.run("INSERT INTO New VALUES (1), (2)")
    assert lossy(filled) == ["New: 2 rows of a table that the older schema does not have"]


def test_rows_whose_parents_were_deleted_since_are_listed(filled):
    without_notes = {name: entry for name, entry in OLD.items() if name not in ("Notes", "_triggers")}
    filled.apply(without_notes, allow_destructive=True)
    filled.run("DELETE FROM Users WHERE id = 7")
    assert lossy(filled) == ["Notes: 1 row without parents (FOREIGN KEY (user) REFERENCES Users)"]
    engine.rollback(filled.path, discard_since=True)
    assert filled.run("SELECT id FROM Notes") == [(5,)]


@pytest.mark.parametrize("change", [{"Notes": {"id": "INTEGER PRIMARY KEY", "user": "INT"}}, {"Notes": None}])
def test_rows_that_lacked_their_parents_before_come_back_as_they_were(filled, change):
    filled.run("INSERT INTO Notes (user) VALUES (77), (78)")
    before = filled.picture()
    document = {name: entry for name, entry in changed(**change, _triggers={}).items() if entry is not None}
    filled.apply(document, allow_destructive=True)
    engine.rollback(filled.path)
    assert filled.picture() == before


def test_writes_that_no_key_tells_apart_are_all_listed(filled):
    other_key = {
        "a": "TEXT",
        "b": "BIGINT",
        "k": "TEXT PRIMARY KEY",
        "_options": {"without_rowid": True},
        "_fill": {"k": "a || b", "b": "b + 1"},
    }
    filled.apply(changed(Pairs=other_key))
    filled.run("INSERT INTO Pairs(a, b, k) VALUES ('z', 26, 'z')")
    (loss,) = lossy(filled)
    assert loss.startswith("Pairs: all writes since")


def test_a_table_that_triggers_cannot_follow_is_compared_row_by_row(filled):
    index = {"columns": ["id + 1"], "unique": True, "name": "odd"}
    odd = users(zip="TEXT COLLATE NOCASE", _indexes=[index])
    before = filled.picture()
    filled.apply(changed(Users=odd))
    engine.rollback(filled.path)
    assert filled.picture() == before
    filled.apply(changed(Users=odd))
    filled.run("UPDATE Users SET email = 'new@x' WHERE id = 1")
    engine.rollback(filled.path)
    assert filled.run("SELECT email FROM Users ORDER BY id") == [("new@x",), ("b@x",)]


def test_only_one_way_back_is_kept(filled):
    filled.apply(changed(Users=users(zip="INTEGER")), allow_destructive=True)
    filled.apply(changed(Users=users(zip="INTEGER", tag="TEXT")))
    engine.rollback(filled.path)
    with pytest.raises(errors.NoWayBack, match="only one version back"):
        engine.rollback(filled.path)
    assert [v.way_back for v in engine.history(filled.path)] == ["none", "dropped", "used", "used"]


def test_the_first_version_has_no_way_back(filled):
    with pytest.raises(errors.NoWayBack, match="no earlier version"):
        engine.rollback(filled.path)


def test_cleanup_drops_what_is_kept(filled):
    filled.apply(changed(Users=users(zip="INTEGER")), allow_destructive=True)
    assert engine.cleanup(filled.path)
    assert not engine.cleanup(filled.path)
    left = filled.run("SELECT name FROM sqlite_schema WHERE name LIKE '\\_tenantdb%' ESCAPE '\\'")
    assert left == []
    with pytest.raises(errors.NoWayBack, match="cleaned up"):
        engine.rollback(filled.path)


def test_a_structure_that_was_changed_by_hand_is_not_rolled_back(filled):
    filled.apply(changed(Users=users(tag="TEXT")))
    filled.run("CREATE TABLE stray(a)")
    with pytest.raises(errors.NoWayBack, match="by other means"):
        engine.rollback(filled.path)


def test_a_structure_that_nobody_applied_comes_back(db):
    db.run("CREATE TABLE T(a TEXT, b REFERENCES T); INSERT INTO T VALUES ('1', 1)")
    text = db.run("SELECT sql FROM sqlite_schema")
    before = db.picture()
    db.apply({"T": {"a": "INT"}}, allow_destructive=True)
    engine.rollback(db.path)
    assert db.picture() == before
    assert db.run("SELECT sql FROM sqlite_schema WHERE name = 'T'") == text


def test_there_is_no_file_to_roll_back(tmp_path):
    with pytest.raises(FileNotFoundError):
        runner.roll_back(tmp_path / "nothing.db")
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.parametrize(
    "now", [{}, {"_indexes": [{"columns": ["zip"], "name": "one_zip"}]}], ids=["gone", "loose"]
)
def test_rows_that_came_to_share_a_key_go_back_to_what_they_were(filled, now):
    columns = {name: text for name, text in OLD["Users"].items() if name != "_indexes"}
    assert filled.apply(changed(Users={**columns, **now})).strategy == "rebuild"
    filled.run("INSERT INTO Users VALUES (10, 'd@x', '8'); UPDATE Users SET zip = '8' WHERE id = 1")
    filled.run("INSERT INTO Users VALUES (11, 'e@x', '9')")
    with pytest.raises(errors.WayBackLossy, match=r"keys 10"):
        engine.rollback(filled.path)
    engine.rollback(filled.path, discard_since=True)
    assert filled.run("SELECT id, zip FROM Users ORDER BY id") == [(1, "007"), (7, "8"), (11, "9")]


def test_a_unique_index_that_only_changes_its_name_is_made_where_the_table_lies(filled):
    index = [{"columns": ["zip"], "unique": True, "name": "another"}]
    assert filled.apply(changed(Users=users(_indexes=index))).strategy == "in-place"


def test_a_big_table_goes_in_slices_after_its_way_back_and_both_are_told(filled, monkeypatch):
    monkeypatch.setattr(choice, "SMALL_BYTES", 0)
    filled.apply(changed(Users=users(zip="INTEGER"), New={"n": "INT"}), allow_destructive=True)
    filled.run("UPDATE Users SET email = 'new@x' WHERE id = 1; INSERT INTO Users VALUES (20, 'd@x', 44)")
    told = []
    engine.rollback(filled.path, progress=told.append)
    assert [(p.rows, p.total) for p in told if p.phase == "merge"] == [(0, 2), (1, 2), (2, 2)]
    assert [p.rows for p in told if p.phase == "clear"][-1] == 3
    assert filled.run("SELECT * FROM Users") == [(1, "new@x", "007"), (7, "b@x", "8"), (20, "d@x", "44")]
    assert filled.run("SELECT name FROM sqlite_schema WHERE name LIKE '\\_tenantdb\\_old%' ESCAPE '\\'") == []
    assert filled.run("PRAGMA integrity_check") == [("ok",)]


def test_what_a_watcher_raises_ends_a_rollback(filled):
    filled.apply(changed(Users=users(zip="INTEGER")), allow_destructive=True)
    filled.run("UPDATE Users SET email = 'new@x' WHERE id = 1")
    before = filled.picture()

    def stop(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.rollback(filled.path, progress=stop)
    assert filled.picture() == before
    engine.rollback(filled.path)
    assert filled.run("SELECT * FROM Users WHERE id = 1") == [(1, "new@x", "007")]
