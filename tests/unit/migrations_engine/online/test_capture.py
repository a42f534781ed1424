from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import sqlite
from migrations_engine.errors import CaptureLost, Unsupported
from migrations_engine.model import quote
from migrations_engine.online import capture
from migrations_engine.online.shape import shape_of, shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Source

    Captured = Callable[[str], Source]

T = "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b);"
ROWS = "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);"


def test_an_insert_notes_the_rowid_that_sqlite_chose(captured: Captured) -> None:
    source = captured(T + ROWS)
    source.conn.execute("INSERT INTO t (a) VALUES ('four')")
    assert source.noted() == [("t", 4)]


def test_unique_columns_may_have_any_name(captured: Captured) -> None:
    odd = 'CREATE TABLE t (id INTEGER PRIMARY KEY, "1st" TEXT, "it\'s" DEFAULT draft NOT NULL);'
    source = captured(
        f"""{odd} CREATE UNIQUE INDEX i ON t ("1st" COLLATE NOCASE, "it's") WHERE "1st" > '';"""
    )
    source.conn.execute("INSERT INTO t VALUES (1, 'a', 'draft')")
    source.conn.execute("INSERT OR REPLACE INTO t VALUES (2, 'A', NULL)")
    assert set(source.noted()) == {("t", 1), ("t", 2)}


def test_an_update_of_the_key_notes_the_old_and_the_new_one(captured: Captured) -> None:
    source = captured(T + ROWS)
    source.conn.execute("UPDATE t SET id = 10 WHERE id = 2")
    assert source.noted() == [("t", 2), ("t", 10)]


def test_an_update_of_anything_else_notes_the_key_once(captured: Captured) -> None:
    source = captured(T + ROWS)
    source.conn.execute("UPDATE t SET b = 10 WHERE id = 2")
    assert source.noted() == [("t", 2)]


def test_a_delete_without_where_notes_every_row(captured: Captured) -> None:
    source = captured(T + ROWS)
    source.conn.execute("DELETE FROM t")
    assert sorted(source.noted()) == [("t", 1), ("t", 2), ("t", 3)]


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        "REPLACE INTO t VALUES (9, 'two', 9)",
        "INSERT OR REPLACE INTO t SELECT 9, 'two', 9",
        "UPDATE OR REPLACE t SET a = 'two' WHERE id = 1",
        "INSERT INTO t VALUES (1, 'x', 7) ON CONFLICT (id) DO NOTHING",
        "INSERT INTO t VALUES (9, 'x', 7)",
        "UPDATE t SET b = 7 WHERE id = 1",
    ],
)
def test_a_row_that_replace_removes_is_noted_with_and_without_recursive_triggers(
    captured: Captured, recursive: str, statement: str
) -> None:
    source = captured(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b UNIQUE ON CONFLICT REPLACE);"
        "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 7)"
    )
    writer = source.open(source.path)
    writer.execute(f"PRAGMA recursive_triggers = {recursive}")
    writer.execute(statement)
    assert sqlite.value(writer, "SELECT count(*) FROM t WHERE id = 2") == ("NOTHING" in statement)
    assert ("t", 2) in source.noted()


def test_a_null_that_replace_turns_into_the_default_collides_as_the_default(captured: Captured) -> None:
    source = captured(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a NOT NULL DEFAULT 'x' UNIQUE);INSERT INTO t VALUES (1, 'x')"
    )
    source.conn.execute("INSERT OR REPLACE INTO t (id, a) VALUES (2, NULL)")
    assert source.noted() == [("t", 1), ("t", 2)]


def test_what_is_computed_from_such_a_default_collides_too(captured: Captured) -> None:
    source = captured(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x',"
        " b AS (a || '!'), c AS (upper(b)) UNIQUE);"
        "INSERT INTO t (id, a) VALUES (1, 'X')"
    )
    source.conn.execute("INSERT OR REPLACE INTO t (id, a) VALUES (2, NULL)")
    assert source.noted() == [("t", 1), ("t", 2)]


@pytest.mark.parametrize(
    ("index", "statement"),
    [
        ("(lower(a))", "INSERT OR REPLACE INTO t VALUES (9, 'ONE', 0)"),
        ("(a COLLATE NOCASE)", "INSERT OR REPLACE INTO t VALUES (9, 'One', 0)"),
        ("(b) WHERE a IS NOT NULL", "UPDATE OR REPLACE t SET b = 1 WHERE id = 2"),
        ("(b = '1')", "INSERT OR REPLACE INTO t VALUES (9, 'x', 1)"),
        ("(b + 0, a) WHERE b > 0", "INSERT OR REPLACE INTO t VALUES (9, 'one', '1')"),
    ],
)
def test_rows_that_collide_in_an_expression_or_a_partial_index_are_noted(
    captured: Captured, index: str, statement: str
) -> None:
    source = captured(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INT); CREATE UNIQUE INDEX i ON t {index};"
        "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2)"
    )
    source.conn.execute(statement)
    assert sqlite.value(source.conn, "SELECT count(*) FROM t WHERE id = 1") == 0
    assert ("t", 1) in source.noted()


def test_an_update_that_replaces_its_own_parent_is_noted_though_it_never_ends(captured: Captured) -> None:
    source = captured(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES t (id) ON DELETE CASCADE);"
        "INSERT INTO t VALUES (1, NULL), (2, 1)"
    )
    writer = source.open(source.path)
    writer.execute("PRAGMA foreign_keys = ON")
    writer.execute("UPDATE OR REPLACE t SET id = 1 WHERE id = 2")
    assert sqlite.value(writer, "SELECT count(*) FROM t") == 0
    assert {("t", 1), ("t", 2)} <= set(source.noted())


def test_cascades_are_noted(captured: Captured) -> None:
    source = captured(
        "CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);"
        "INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (10, 1), (20, 2)"
    )
    writer = source.open(source.path)
    writer.execute("PRAGMA foreign_keys = ON")
    writer.execute("DELETE FROM p WHERE id = 1")
    writer.execute("UPDATE p SET id = 3")
    assert {("c", 10), ("c", 20)} <= set(source.noted())


@pytest.mark.parametrize("event", ["INSERT", "UPDATE", "DELETE"])
def test_a_users_trigger_that_ignores_the_rest_hides_nothing(captured: Captured, event: str) -> None:
    source = captured(T + ROWS + f"CREATE TRIGGER u AFTER {event} ON t BEGIN SELECT RAISE(IGNORE); END")
    statements = {
        "INSERT": "INSERT INTO t VALUES (4, 'four', 4)",
        "UPDATE": "UPDATE t SET id = 4 WHERE id = 1",
        "DELETE": "DELETE FROM t WHERE id = 1",
    }
    source.conn.execute(statements[event])
    assert source.noted()[-1] == ("t", 1 if event == "DELETE" else 4)


def test_keys_keep_their_storage_classes(captured: Captured) -> None:
    source = captured("CREATE TABLE t (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID")
    source.conn.execute("INSERT INTO t VALUES (1, '1'), (1.5, x'31'), ('1', 1)")
    assert source.noted() == [("t", 1, "1"), ("t", 1.5, b"1"), ("t", "1", 1)]


def test_names_that_need_quotes_are_followed(captured: Captured) -> None:
    name = """it's "select\""""
    table, key, other = map(quote, (name, "order by", "a'b"))
    source = captured(f"CREATE TABLE {table} ({key} TEXT PRIMARY KEY, {other} UNIQUE) WITHOUT ROWID")
    source.conn.execute(f"INSERT INTO {table} VALUES ('k', 1)")
    source.conn.execute(f"INSERT OR REPLACE INTO {table} VALUES ('l', 1)")
    assert source.noted() == [(name, "k"), (name, "k"), (name, "l")]


def test_a_statement_that_is_taken_back_leaves_no_note(captured: Captured) -> None:
    source = captured(T + ROWS)
    with pytest.raises(apsw.ConstraintError):
        source.conn.execute("INSERT INTO t VALUES (4, 'four', 4), (5, 'one', 5)")
    assert source.noted() == []


def test_a_writer_sees_the_rowid_of_its_own_row(captured: Captured) -> None:
    source = captured(T)
    source.conn.execute("INSERT INTO t (id) VALUES (77)")
    assert source.conn.last_insert_rowid() == 77
    assert source.conn.changes() == 1


def test_a_unique_index_that_computes_with_the_rowid_is_refused(make_source: Captured) -> None:
    source = make_source(T + "CREATE UNIQUE INDEX i ON t (id % 10)")
    with pytest.raises(Unsupported, match="does not know before the row is there"):
        source.capture()


def test_installing_again_keeps_what_is_noted(captured: Captured) -> None:
    source = captured(T)
    source.conn.execute("INSERT INTO t VALUES (1, 1, 1)")
    source.capture()
    assert source.noted() == [("t", 1)]


def test_a_capture_that_was_damaged_is_made_whole_and_keeps_its_notes(captured: Captured) -> None:
    source = captured(T + "CREATE TABLE w (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID")
    source.conn.execute("INSERT INTO t VALUES (1, 1, 1)")
    source.conn.execute("DROP TRIGGER _tenantdb_log_i_t")
    source.capture()
    assert capture.installed(source.conn, shapes(source.schema))
    assert source.noted() == [("t", 1)]


def test_a_log_is_widened_for_a_wider_key(make_source: Captured) -> None:
    source = make_source(T + "CREATE TABLE w (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID")
    narrow, wide = shapes(source.schema)
    with sqlite.immediate(source.conn):
        capture.install(source.conn, [narrow])
        capture.install(source.conn, [narrow, wide])
    source.conn.execute("INSERT INTO w VALUES (1, 2)")
    assert source.noted() == [("w", 1, 2)]


def test_a_log_that_notes_by_another_key_is_not_overwritten(captured: Captured) -> None:
    source = captured("CREATE TABLE t (a NOT NULL PRIMARY KEY, b)")
    source.conn.execute("INSERT INTO t VALUES ('k', 1)")
    other = shape_of(source.schema.tables[0], key=["a"])
    with pytest.raises(Unsupported, match="by another key"):
        capture.install(source.conn, [other])
    assert source.noted() == [("t", 1)]


def test_a_log_that_misses_a_table_is_refused_by_a_replay(captured: Captured) -> None:
    source = captured(T)
    source.conn.execute("DROP TRIGGER _tenantdb_log_d_t")
    with pytest.raises(CaptureLost) as raised:
        source.copy().drain()
    assert raised.value.table == "t"


def test_removing_leaves_nothing_of_it(captured: Captured) -> None:
    source = captured(T + "CREATE UNIQUE INDEX i ON t (lower(b))")
    for _ in range(2):
        with sqlite.immediate(source.conn):
            capture.remove(source.conn)
    left = sqlite.rows(source.conn, "SELECT name FROM sqlite_schema WHERE name LIKE '%tenantdb%'")
    assert left == []


def test_two_logs_stand_side_by_side(captured: Captured) -> None:
    source = captured(T)
    with sqlite.immediate(source.conn):
        capture.install(source.conn, shapes(source.schema), log="_tenantdb_other")
    source.conn.execute("INSERT INTO t VALUES (1, 1, 1)")
    assert sqlite.rows(source.conn, "SELECT tbl, k0 FROM _tenantdb_other") == [("t", 1)] == source.noted()


def test_the_watermark_is_the_last_note_and_pending_counts_those_behind_one(captured: Captured) -> None:
    source = captured(T)
    assert capture.watermark(source.conn) == 0
    source.conn.execute("INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)")
    assert capture.watermark(source.conn) == 2
    assert capture.pending(source.conn, after=1) == 1


def test_a_mark_is_a_note_of_nothing(captured: Captured) -> None:
    source = captured(T)
    with sqlite.immediate(source.conn):
        assert capture.mark(source.conn) == 1
    assert source.copy().drain().keys == 0
