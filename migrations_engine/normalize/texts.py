"""Rule: a double-quoted word that names nothing is a string, and is written as one.

Left as it is, it would become a column as soon as one of that name is added.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.model import fold
from migrations_engine.normalize import names
from migrations_engine.normalize.scopes import table_scope
from migrations_engine.sql import lexer
from migrations_engine.sql.lexer import kind, pieces, unquote
from migrations_engine.sql.parentheses import stripped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Column, Index, IndexedColumn, Table


def settled(table: Table) -> Table:
    """The table with such words in single quotes, in all expressions of its definition; the hash stays."""
    if not any('"' in text for text in _expressions(table)):
        return table
    scope = table_scope(table).names
    return replace(
        table,
        columns=tuple(_column(column, scope) for column in table.columns),
        checks=tuple(replace(c, expression=single_quoted(c.expression, scope)) for c in table.checks),
        indexes=tuple(_index(index, scope) for index in table.indexes),
    )


def single_quoted(text: str, scope: frozenset[str]) -> str:
    """An expression with strings in single quotes, all else as written.

    Args:
        text: The expression.
        scope: The folded names that a double-quoted word can mean.
    """
    if '"' not in text:
        return text
    parts = pieces(text)
    tokens = parts[1::2]
    for at, token in enumerate(tokens):
        if token and kind(token) == "quoted" and not names.is_name(tokens, at, scope):
            parts[2 * at + 1] = names.string(unquote(token))
    return "".join(parts)


def strings(table: Table) -> frozenset[str]:
    """The strings in the expressions of a settled table, folded: in its file they may be double-quoted."""
    return frozenset(
        fold(unquote(token))
        for expression in _expressions(table)
        for token in lexer.texts(expression)
        if kind(token) == "string"
    )


def _column(column: Column, scope: frozenset[str]) -> Column:
    made = column.generated
    if made is None:
        return column
    return replace(column, generated=replace(made, expression=single_quoted(made.expression, scope)))


def _index(index: Index, scope: frozenset[str]) -> Index:
    return replace(
        index,
        columns=tuple(_entry(entry, scope) for entry in index.columns),
        where=index.where and single_quoted(index.where, scope),
    )


def _entry(entry: IndexedColumn, scope: frozenset[str]) -> IndexedColumn:
    # A string alone is a column's name to SQLite, in any quotes: it can only stay as it is.
    if entry.is_column or len(stripped(lexer.texts(entry.expression))) == 1:
        return entry
    return replace(entry, expression=single_quoted(entry.expression, scope))


def _expressions(table: Table) -> Iterator[str]:
    yield from (check.expression for check in table.checks)
    yield from (column.generated.expression for column in table.columns if column.generated)
    for index in table.indexes:
        yield from (entry.expression for entry in index.columns if not entry.is_column)
        yield index.where or ""
