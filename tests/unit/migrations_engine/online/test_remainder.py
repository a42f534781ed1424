from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import loads, sqlite
from migrations_engine.online import mapping, remainder

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Source

    Captured = Callable[[str], Source]

COUNTED = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a);"
NOTING = "CREATE TABLE n (a); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO n VALUES (NEW.a); END;"


def test_a_counter_comes_over_though_its_highest_row_was_deleted(captured: Captured) -> None:
    source = captured(COUNTED)
    copy = source.copy()
    source.conn.execute("INSERT INTO t VALUES (7, 1); DELETE FROM t")
    copy.drain()
    remainder.carry_over(source.conn, copy.conn, copy.mappings, admit=sqlite.immediate)
    copy.conn.execute("INSERT INTO t (a) VALUES (1)")
    assert copy.rows("SELECT id FROM t") == [(8,)]


def test_a_counter_follows_its_table_to_a_new_name(captured: Captured) -> None:
    source = captured(COUNTED + "INSERT INTO t VALUES (7, 1)")
    new = '{"u": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "a": "", "_renamed_from": "t"}}'
    copy = source.copy(mapping.between(source.schema, loads(new)))
    copy.conn.execute("DROP TABLE t; CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, a)")
    remainder.carry_over(source.conn, copy.conn, copy.mappings, admit=sqlite.immediate)
    assert copy.rows("SELECT name, seq FROM sqlite_sequence WHERE name NOT LIKE '%tenantdb%'") == [("u", 7)]


def test_header_values_come_over(captured: Captured) -> None:
    source = captured(COUNTED)
    copy = source.copy()
    source.conn.execute("PRAGMA user_version = 5; PRAGMA application_id = 1234")
    remainder.carry_over(source.conn, copy.conn, copy.mappings, admit=sqlite.immediate)
    assert copy.rows("PRAGMA user_version") + copy.rows("PRAGMA application_id") == [(5,), (1234,)]


def test_differences_are_named_until_they_are_carried_over(captured: Captured) -> None:
    source = captured(COUNTED)
    copy = source.copy()
    source.conn.execute("PRAGMA user_version = 5; INSERT INTO t VALUES (7, 1); DELETE FROM t")
    found = remainder.differences(source.conn, copy.conn, copy.mappings)
    assert found == (
        "user_version is 5 at the source and 0 at the copy",
        "the counter of t is not that of the source",
    )
    remainder.carry_over(source.conn, copy.conn, copy.mappings, admit=sqlite.immediate)
    assert remainder.differences(source.conn, copy.conn, copy.mappings) == ()


def test_users_triggers_are_laid_aside_and_made_again_in_their_order(captured: Captured) -> None:
    more = "CREATE TRIGGER aa AFTER INSERT ON t BEGIN INSERT INTO n VALUES ('aa'); END;"
    source = captured(COUNTED + NOTING + more)
    statements = remainder.user_triggers(source.conn)
    copy = source.copy()
    assert remainder.user_triggers(copy.conn) == ()
    remainder.create_triggers(copy.conn, statements)
    copy.conn.execute("INSERT INTO t VALUES (1, 'x')")
    assert copy.rows("SELECT a FROM n") == [("aa",), ("x",)]
    assert remainder.user_triggers(copy.conn) == statements


def test_a_capture_that_stands_already_still_fires_before_triggers_made_after_it(captured: Captured) -> None:
    source = captured(COUNTED)
    remainder.create_triggers(
        source.conn, ["CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT RAISE(IGNORE); END"]
    )
    source.conn.execute("INSERT INTO t VALUES (1, 1)")
    assert source.noted() == [("t", 1)]
