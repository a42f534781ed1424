"""What a cursor runs, hands out and tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tenantdb.dialect import dbapi

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def conn() -> Iterator[dbapi.Connection]:
    connection = dbapi.connect(":memory:")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT)")
    connection.executemany("INSERT INTO t(b) VALUES (?)", [("a",), ("b",), ("c",)])
    connection.commit()
    yield connection
    connection.close()


def test_rows_come_in_the_order_and_number_asked_for(conn: dbapi.Connection) -> None:
    cursor = conn.execute("SELECT id FROM t ORDER BY id")
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []


def test_fetchmany_takes_arraysize_where_it_is_not_told(conn: dbapi.Connection) -> None:
    cursor = conn.execute("SELECT id FROM t ORDER BY id")
    assert cursor.fetchmany() == [(1,)]
    cursor.arraysize = 5
    assert cursor.fetchmany() == [(2,), (3,)]


def test_a_cursor_is_iterable(conn: dbapi.Connection) -> None:
    assert list(conn.execute("SELECT id FROM t ORDER BY id")) == [(1,), (2,), (3,)]


@pytest.mark.parametrize("condition", ["1", "0"])
def test_the_description_does_not_depend_on_rows(conn: dbapi.Connection, condition: str) -> None:
    cursor = conn.execute(f"SELECT id, b AS other, 1 FROM t WHERE {condition}")
    cursor.fetchall()
    assert cursor.description is not None
    assert [column[:2] for column in cursor.description] == [
        ("id", "INTEGER"),
        ("other", "TEXT"),
        ("1", None),
    ]
    assert all(len(column) == 7 for column in cursor.description)


def test_a_statement_without_columns_has_no_description(conn: dbapi.Connection) -> None:
    cursor = conn.execute("SELECT 1")
    cursor.execute("INSERT INTO t(b) VALUES ('d')")
    assert cursor.description is None
    assert cursor.fetchall() == []


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("UPDATE t SET b = 'z' WHERE id < 3", 2),
        ("UPDATE t SET b = 'z' WHERE id > 99", 0),
        ("DELETE FROM t", 3),
        ("REPLACE INTO t VALUES (1, 'z')", 1),
        ("INSERT OR IGNORE INTO t VALUES (1, 'z')", 0),
        ("  -- why\n /* how */ UPDATE t SET b = 'z'", 3),
        ("WITH x AS (SELECT 1 AS id) DELETE FROM t WHERE id IN (SELECT id FROM x)", 1),
        ("UPDATE t SET b = 'z' RETURNING id", 3),
        ("SELECT * FROM t", -1),
        ("WITH x AS (SELECT 1) SELECT * FROM x", -1),
        ("CREATE TABLE u(x)", -1),
        ("PRAGMA user_version = 3", -1),
    ],
)
def test_rowcount_tells_what_a_change_changed(conn: dbapi.Connection, sql: str, rows: int) -> None:
    conn.execute("DELETE FROM t WHERE id = 99")
    assert conn.execute(sql).rowcount == rows


def test_rowcount_leaves_out_what_triggers_changed(conn: dbapi.Connection) -> None:
    conn.execute("CREATE TABLE log(x)")
    conn.execute("CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1), (2); END")
    assert conn.executemany("INSERT INTO t(b) VALUES (?)", [("d",), ("e",)]).rowcount == 2


def test_an_insert_tells_its_rowid(conn: dbapi.Connection) -> None:
    cursor = conn.execute("INSERT INTO t(id, b) VALUES (41, 'x')")
    conn.execute("INSERT INTO t(id, b) VALUES (77, 'y')")
    assert cursor.lastrowid == 41


def test_a_change_is_complete_although_its_rows_are_not_read(conn: dbapi.Connection) -> None:
    cursor = conn.execute("UPDATE t SET b = 'new' RETURNING id")
    assert cursor.fetchone() == (1,)
    conn.commit()
    assert conn.execute("SELECT count(*) FROM t WHERE b = 'new'").fetchone() == (3,)
    assert cursor.fetchall() == [(2,), (3,)]


def test_executemany_runs_once_for_each_set(conn: dbapi.Connection) -> None:
    cursor = conn.executemany("UPDATE t SET b = :b WHERE id = :id", ({"b": "z", "id": n} for n in (1, 2, 99)))
    assert cursor.rowcount == 2
    assert conn.execute("SELECT b FROM t ORDER BY id").fetchall() == [("z",), ("z",), ("c",)]


def test_executemany_does_nothing_with_a_statement_that_returns_rows(conn: dbapi.Connection) -> None:
    with pytest.raises(dbapi.ProgrammingError, match="no rows"):
        conn.executemany("INSERT INTO t(b) VALUES (?) RETURNING id", [("d",), ("e",)])
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (3,)


def test_executemany_passes_on_what_the_sets_raise(conn: dbapi.Connection) -> None:
    def sets() -> Iterator[tuple[str]]:
        yield ("d",)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        conn.executemany("INSERT INTO t(b) VALUES (?)", sets())


def test_the_second_of_two_statements_keeps_the_first_from_running(conn: dbapi.Connection) -> None:
    with pytest.raises(dbapi.ProgrammingError, match="DROP TABLE t"):
        conn.execute("DELETE FROM t; DROP TABLE t")
    assert conn.execute("SELECT count(*) FROM t").fetchone() == (3,)


@pytest.mark.parametrize("rest", [";", " ; ", "; -- done", "; /* done */ ;\n", ";-- done\n"])
def test_blanks_and_comments_are_no_second_statement(conn: dbapi.Connection, rest: str) -> None:
    cursor = conn.execute(f"SELECT id FROM t ORDER BY id{rest}")
    assert cursor.fetchall() == [(1,), (2,), (3,)]
    assert cursor.description is not None


@pytest.mark.parametrize("sql", ["", "  ", "-- nothing", ";"])
def test_a_blank_text_does_nothing(conn: dbapi.Connection, sql: str) -> None:
    assert conn.execute(sql).fetchall() == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        (True, 1),
        (2**63 - 1, 2**63 - 1),
        (0.1, 0.1),
        (float("inf"), float("inf")),
        (float("nan"), None),
        ("text with \0 and é", "text with \0 and é"),
        (b"\0\xff", b"\0\xff"),
        (bytearray(b"x"), b"x"),
        (dbapi.Binary(b"x"), b"x"),
    ],
)
def test_values_come_back(conn: dbapi.Connection, given: Any, stored: Any) -> None:
    assert conn.execute("SELECT ?", (given,)).fetchone() == (stored,)


def test_a_query_sees_its_rows_while_another_runs(conn: dbapi.Connection) -> None:
    first = conn.execute("SELECT id FROM t ORDER BY id")
    assert first.fetchone() == (1,)
    assert conn.execute("SELECT b FROM t ORDER BY id").fetchone() == ("a",)
    assert first.fetchone() == (2,)


def test_a_closed_cursor_refuses(conn: dbapi.Connection) -> None:
    cursor = conn.execute("SELECT 1")
    cursor.close()
    cursor.close()
    with pytest.raises(dbapi.ProgrammingError, match="closed"):
        cursor.execute("SELECT 1")
    with pytest.raises(dbapi.ProgrammingError, match="closed"):
        cursor.fetchone()


def test_a_statement_may_begin_again_after_a_change_of_the_schema(conn: dbapi.Connection) -> None:
    cursor = conn.execute("SELECT * FROM t")
    cursor.fetchall()
    conn.execute("ALTER TABLE t ADD COLUMN c")
    cursor.execute("SELECT * FROM t")
    assert cursor.description is not None
    assert [column[0] for column in cursor.description] == ["id", "b", "c"]
    assert cursor.fetchone() == (1, "a", None)
