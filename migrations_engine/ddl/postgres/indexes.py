"""CREATE INDEX: the same order as in SQLite, NULLs included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.ddl.postgres.expressions import fixed, translated, translated_condition
from migrations_engine.ddl.postgres.names import column_identifier, identifier
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.relations import TableScope, named_column
from migrations_engine.ddl.postgres.tables import MOST_KEYS, not_null
from migrations_engine.ddl.postgres.types import collation_name

if TYPE_CHECKING:
    from migrations_engine.ddl.postgres.relations import Types
    from migrations_engine.model import Index, IndexedColumn, Table


def create_index(index: Index, table: Table, types: Types, *, name: str) -> str:
    """The CREATE INDEX statement of an index.

    Args:
        index: The index.
        table: Its table.
        types: The types of the schema's columns.
        name: The name that it gets.

    Raises:
        Refused: An expression or a collation in it has no equal.
    """
    if len(index.columns) > MOST_KEYS:
        raise Refused(f"an index of more than {MOST_KEYS} columns")
    scope = TableScope(table, types)
    unique = "UNIQUE " if index.unique else ""
    entries = fixed(", ".join(_entry(entry, scope) for entry in index.columns))
    where = fixed(f" WHERE {translated_condition(index.where, scope)}") if index.where else ""
    return f"CREATE {unique}INDEX {identifier(name)} ON {identifier(table.name)} ({entries}){where}"


def _entry(entry: IndexedColumn, scope: TableScope) -> str:
    """One entry; SQLite has NULLs before all else, PostgreSQL behind it."""
    text, nullable = _column(entry, scope) if entry.is_column else (_expression(entry, scope), True)
    words = [text]
    if entry.descending:
        words.append("DESC NULLS LAST" if nullable else "DESC")
    elif nullable:
        words.append("NULLS FIRST")
    return " ".join(words)


def _column(entry: IndexedColumn, scope: TableScope) -> tuple[str, bool]:
    column = named_column(scope.table, entry.expression)
    found = scope.types.of(scope.table, column)
    text = column_identifier(column.name)
    if entry.collation and found.kind == "text" and collation_name(entry.collation) != found.collation:
        text += f' COLLATE "{collation_name(entry.collation)}"'
    return text, not not_null(scope.table, column.name)


def _expression(entry: IndexedColumn, scope: TableScope) -> str:
    value = translated(entry.expression, scope)
    if value.is_constant:
        raise Refused(f"an index on the literal {value.sql}")
    collation = (
        f' COLLATE "{collation_name(entry.collation)}"' if entry.collation and value.kind == "text" else ""
    )
    return f"({value.sql}){collation}"
