from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine.errors import Unsupported
from migrations_engine.online.shape import TableShape, shape_of, shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Source


@pytest.fixture
def shaped(make_source: Callable[[str], Source]) -> Callable[[str], TableShape]:
    return lambda statements: shapes(make_source(statements).schema)[0]


@pytest.mark.parametrize(
    ("table", "key", "rowid"),
    [
        ("t (id INTEGER PRIMARY KEY, a)", ("id",), None),
        ("t (a TEXT PRIMARY KEY, b)", ("rowid",), "rowid"),
        ("t (id INT PRIMARY KEY)", ("rowid",), "rowid"),
        ("t (a, b)", ("rowid",), "rowid"),
        ("t (RowId, b)", ("_rowid_",), "_rowid_"),
        ("t (rowid, _ROWID_, b)", ("oid",), "oid"),
        ("t (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID", ("b", "a"), None),
        ("t (rowid, _rowid_, oid, a NOT NULL PRIMARY KEY)", ("a",), None),
        ("t (rowid, _rowid_, oid INTEGER PRIMARY KEY)", ("oid",), None),
    ],
)
def test_rows_are_named_by_the_rowid_or_where_there_is_none_by_the_key(
    shaped: Callable[[str], TableShape], table: str, key: tuple[str, ...], rowid: str | None
) -> None:
    shape = shaped(f"CREATE TABLE {table}")
    assert (shape.key, shape.rowid) == (key, rowid)


@pytest.mark.parametrize("columns", ["rowid, _rowid_, oid", "rowid, _rowid_, oid PRIMARY KEY"])
def test_a_table_whose_rows_nothing_names_is_refused(
    shaped: Callable[[str], TableShape], columns: str
) -> None:
    with pytest.raises(Unsupported, match="Give it a primary key"):
        shaped(f"CREATE TABLE t ({columns})")


def test_generated_columns_are_not_stored(shaped: Callable[[str], TableShape]) -> None:
    assert shaped("CREATE TABLE t (a, b AS (a), c AS (a) STORED, d)").columns == ("a", "d")


def test_every_unique_key_counts_but_the_one_that_names_the_rows(
    shaped: Callable[[str], TableShape],
) -> None:
    shape = shaped(
        "CREATE TABLE t (a PRIMARY KEY, b UNIQUE, c COLLATE NOCASE, rowid, UNIQUE (a, b), UNIQUE (rowid, b));"
        "CREATE UNIQUE INDEX i ON t (c, lower(b)) WHERE a > 1; CREATE INDEX j ON t (b)"
    )
    found = [[(p.expression, p.collation) for p in unique.columns] for unique in shape.uniques]
    assert found == [
        [("a", "BINARY")],
        [("b", "BINARY")],
        [("a", "BINARY"), ("b", "BINARY")],
        [("rowid", "BINARY"), ("b", "BINARY")],
        [("c", "NOCASE"), ("lower(b)", "BINARY")],
    ]


def test_a_key_that_contains_the_rowid_cannot_collide_on_its_own(
    shaped: Callable[[str], TableShape],
) -> None:
    assert shaped("CREATE TABLE t (id INTEGER PRIMARY KEY, a, UNIQUE (id, a))").uniques == ()


def test_a_key_is_compared_under_the_collation_in_which_it_is_unique(
    shaped: Callable[[str], TableShape],
) -> None:
    shape = shaped("CREATE TABLE t (a, b COLLATE NOCASE, PRIMARY KEY (a COLLATE NOCASE, b)) WITHOUT ROWID")
    assert shape.key_terms == ('"a" COLLATE "NOCASE"', '"b"')


def test_rows_can_be_named_by_another_key_and_then_the_rowid_is_a_unique_key_like_any_other(
    shaped: Callable[[str], TableShape],
) -> None:
    shape = shape_of(shaped("CREATE TABLE t (a NOT NULL PRIMARY KEY, b)").table, key=["a"])
    assert shape.key == ("a",)
    assert [[part.expression for part in unique.columns] for unique in shape.uniques] == [["rowid"]]
