"""Which error of PEP 249 each fault is, and what it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw
import pytest

from tenantdb.dialect import dbapi, errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def conn() -> Iterator[dbapi.Connection]:
    connection = dbapi.connect(":memory:")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT UNIQUE, n INTEGER NOT NULL DEFAULT 0)")
    connection.execute("INSERT INTO t(id, b) VALUES (1, 'x')")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("sql", "code", "name"),
    [
        ("INSERT INTO t(b) VALUES ('x')", 2067, "SQLITE_CONSTRAINT_UNIQUE"),
        ("INSERT INTO t(id) VALUES (1)", 1555, "SQLITE_CONSTRAINT_PRIMARYKEY"),
        ("INSERT INTO t(n) VALUES (NULL)", 1299, "SQLITE_CONSTRAINT_NOTNULL"),
    ],
)
def test_a_refused_change_carries_the_extended_code(
    conn: dbapi.Connection, sql: str, code: int, name: str
) -> None:
    with pytest.raises(dbapi.IntegrityError) as caught:
        conn.execute(sql)
    assert (caught.value.sqlite_errorcode, caught.value.sqlite_errorname) == (code, name)


def test_a_syntax_error_tells_its_place(conn: dbapi.Connection) -> None:
    with pytest.raises(dbapi.OperationalError, match="syntax error") as caught:
        conn.execute("SELECT 1 FORM t")
    assert caught.value.offset == len("SELECT 1 FORM ")
    assert caught.value.sqlite_errorname == "SQLITE_ERROR"


@pytest.mark.parametrize(
    ("sql", "parameters", "kind"),
    [
        ("SELECT ?", (), dbapi.ProgrammingError),
        ("SELECT ?", (1, 2), dbapi.ProgrammingError),
        ("SELECT :a", {}, dbapi.ProgrammingError),
        ("SELECT ?", 5, dbapi.ProgrammingError),
        ("SELECT ?", (object(),), dbapi.ProgrammingError),
        ("SELECT ?", (2**63,), dbapi.DataError),
        ("SELECT ?", ("\ud800",), dbapi.DataError),
        ("SELECT zeroblob(2000000000)", (), dbapi.DataError),
        ("SELECT 1\0", (), dbapi.ProgrammingError),
        ("SELECT abs(-9223372036854775808)", (), dbapi.OperationalError),
        ("SELECT * FROM nothing", (), dbapi.OperationalError),
        ("INSERT INTO t(id) VALUES ('text')", (), dbapi.IntegrityError),
    ],
)
def test_each_fault_is_of_its_kind(
    conn: dbapi.Connection, sql: str, parameters: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        conn.execute(sql, parameters).fetchall()
    assert type(caught.value) is kind


def test_text_that_is_no_utf8_is_a_fault_of_the_data(conn: dbapi.Connection) -> None:
    conn.execute("UPDATE t SET b = CAST(x'ff61' AS TEXT)")
    with pytest.raises(dbapi.DataError, match="utf-8"):
        conn.execute("SELECT b FROM t").fetchall()
    assert conn.execute("SELECT CAST(b AS BLOB) FROM t").fetchone() == (b"\xffa",)


def test_an_error_between_rows_is_mapped_too(conn: dbapi.Connection) -> None:
    cursor = conn.execute("SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))")
    assert cursor.fetchone() == (1,)
    with pytest.raises(dbapi.OperationalError, match="overflow"):
        cursor.fetchone()


def test_a_callbacks_own_error_comes_out_as_it_is(conn: dbapi.Connection) -> None:
    class Refused(Exception):
        pass

    def refuse() -> None:
        raise Refused from ValueError("the cause")

    conn.create_function("refuse", 0, refuse)
    with pytest.raises(Refused) as caught:
        conn.execute("SELECT refuse()")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_type_error_of_a_callback_is_not_taken_for_one_of_ours(conn: dbapi.Connection) -> None:
    conn.create_function("plus_one", 1, lambda value: value + 1)
    with pytest.raises(TypeError):
        conn.execute("SELECT plus_one('x')")


def test_what_the_authorizer_raises_comes_out_as_it_is(conn: dbapi.Connection) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError("not here")

    conn.raw.authorizer = refuse
    with pytest.raises(PermissionError, match="not here"):
        conn.execute("SELECT 1")


def test_what_the_authorizer_denies_is_an_error_of_the_database(conn: dbapi.Connection) -> None:
    conn.raw.authorizer = lambda *_: apsw.SQLITE_DENY
    with pytest.raises(dbapi.OperationalError) as caught:
        conn.execute("SELECT 1")
    assert caught.value.sqlite_errorname == "SQLITE_AUTH"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "not.db"
    path.write_bytes(b"this is a letter, not a database " * 100)
    with pytest.raises(dbapi.DatabaseError) as caught:
        dbapi.connect(path).execute("SELECT * FROM sqlite_schema")
    assert caught.value.sqlite_errorname == "SQLITE_NOTADB"


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(dbapi.OperationalError) as caught:
        dbapi.connect(tmp_path / "nowhere" / "file.db")
    assert caught.value.sqlite_errorcode == apsw.SQLITE_CANTOPEN


@pytest.mark.parametrize("kind", [vars(apsw)[name] for name in vars(apsw) if name.endswith("Error")])
def test_every_error_of_the_driver_has_a_kind(kind: type[apsw.Error]) -> None:
    assert isinstance(errors.translated(kind("said")), dbapi.Error)


def test_the_tree_is_that_of_pep_249() -> None:
    assert issubclass(dbapi.Warning, Exception)
    assert issubclass(dbapi.InterfaceError, dbapi.Error)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"):
        assert issubclass(getattr(dbapi, f"{name}Error"), dbapi.DatabaseError)
