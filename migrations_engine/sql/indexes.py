"""The grammar of CREATE INDEX."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.model import Index, IndexedColumn, quote
from migrations_engine.sql import clauses, heads
from migrations_engine.sql.cursor import Cursor

if TYPE_CHECKING:
    from migrations_engine.model import Table


def parse_index(sql: str) -> Index:
    """The index that a CREATE INDEX statement makes.

    Raises:
        Malformed: It is no single CREATE INDEX statement.
    """
    cursor = Cursor(sql)
    cursor.expect("CREATE")
    unique = cursor.accept("UNIQUE")
    cursor.expect("INDEX")
    name = heads.object_name(cursor)
    cursor.expect("ON")
    table = cursor.name()
    columns = clauses.indexed_columns(cursor)
    where = None
    if cursor.accept("WHERE"):
        where = cursor.expression() or cursor.fail("nothing stands behind WHERE")
    cursor.finish()
    return Index(name=name, table=table, columns=columns, unique=unique, where=where)


def resolve(index: Index, table: Table) -> Index:
    """The index with the declared spelling of its table and columns."""
    columns = tuple(_resolve(column, table) for column in index.columns)
    return replace(index, table=table.name, columns=columns)


def _resolve(entry: IndexedColumn, table: Table) -> IndexedColumn:
    """An entry with its column's declared spelling; a name that is no column is a string to SQLite."""
    if not entry.is_column:
        return entry
    column = table.column(entry.expression)
    if column is None:
        return replace(entry, expression=quote(entry.expression), is_column=False)
    return replace(entry, expression=column.name)
