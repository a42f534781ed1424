"""Which present rows a new row collides with: what the capture's BEFORE triggers look for.

A key of plain columns is compared with NEW itself. An expression is never rewritten: over the table it stands
as it is, so that the index serves it, and over the new row it is evaluated in a scratch table of the same
columns, into which the trigger puts the row. In NEW the columns have no affinity (``NEW.n = '2'`` is false
for 2 in an INT column), and what REPLACE will store in place of a NULL is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.changes.carry import rowid_column
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.normalize import defaults
from migrations_engine.online.shape import BINARY, column_collation, may_be_null
from migrations_engine.sql.affinity import affinity
from migrations_engine.sql.lexer import tokenize, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Column, IndexedColumn, Table
    from migrations_engine.online.shape import TableShape, UniqueKey


def conditions(shape: TableShape, scratch: str) -> tuple[str, ...]:
    """Conditions over the table, one a unique key, that find what a new row collides with.

    Args:
        shape: The table.
        scratch: The scratch table that has the new row, where ``scratch_table`` gives one.

    Raises:
        Unsupported: A unique index computes with the rowid, which BEFORE INSERT does not know yet.
    """
    _require_no_rowid(shape)
    return tuple(_condition(shape, unique, scratch) for unique in shape.uniques)


def columns(shape: TableShape) -> tuple[str, ...]:
    """The columns that an UPDATE has to name before it can collide; empty where any update may."""
    if not all(_is_direct(shape, unique) for unique in shape.uniques):
        return ()
    named = {fold(part.expression) for unique in shape.uniques for part in unique.columns}
    names = tuple(name for name in shape.columns if fold(name) in named)
    return names if len(names) == len(named) else ()  # the rowid has more names than one


def scratch_table(shape: TableShape, scratch: str) -> str | None:
    """The statement that makes the scratch table; None where the unique keys need none.

    It has the columns' affinities and collations and computes what the table computes, but refuses nothing.
    """
    if all(_is_direct(shape, unique) for unique in shape.uniques):
        return None
    return f"CREATE TABLE {quote(scratch)} ({', '.join(_bare(shape.table, c) for c in shape.table.columns)})"


def put_row(shape: TableShape, scratch: str) -> tuple[str, ...]:
    """The trigger's statements that make the new row, as it would be stored, the scratch table's only one."""
    names = ", ".join(quote(name) for name in shape.columns)
    values = ", ".join(_as_stored(shape, name) for name in shape.columns)
    return f"DELETE FROM {quote(scratch)}", f"INSERT INTO {quote(scratch)} ({names}) VALUES ({values})"


def _condition(shape: TableShape, unique: UniqueKey, scratch: str) -> str:
    if _is_direct(shape, unique):
        return " AND ".join(_equal_column(shape, part) for part in unique.columns)
    row = f"{quote(scratch)} AS {quote(shape.name)}"
    terms = [_equal_expression(part, row) for part in unique.columns]
    if unique.where is not None:
        terms += [f"({unique.where})", f"(SELECT {unique.where} FROM {row})"]
    return " AND ".join(terms)


def _is_direct(shape: TableShape, unique: UniqueKey) -> bool:
    """Whether it is about stored columns and the rowid alone."""
    direct = {fold(name) for name in (*shape.columns, shape.rowid or "")}
    return unique.is_plain and all(fold(part.expression) in direct for part in unique.columns)


def _equal_column(shape: TableShape, part: IndexedColumn) -> str:
    name, collation = quote(part.expression), quote(part.collation or BINARY)
    return f"{quote(shape.name)}.{name} = {_as_stored(shape, part.expression)} COLLATE {collation}"


def _equal_expression(part: IndexedColumn, row: str) -> str:
    text = quote(part.expression) if part.is_column else part.expression
    return f"({text}) = (SELECT {text} FROM {row}) COLLATE {quote(part.collation or BINARY)}"


def _as_stored(shape: TableShape, name: str) -> str:
    """NEW's column as REPLACE will store it: a NULL in NOT NULL becomes the default."""
    column = shape.table.column(name)
    if column is None or column.default is None or may_be_null(shape.table, name):
        return f"NEW.{quote(name)}"
    return f"coalesce(NEW.{quote(name)}, {defaults.value(column.default)})"


def _bare(table: Table, column: Column) -> str:
    """A column's definition without any constraint."""
    words = [quote(column.name), affinity(column.type, strict=table.strict)]
    words.append(f"COLLATE {quote(column_collation(table, column.name))}")
    if column.generated is not None:
        words.append(f"AS ({column.generated.expression})")
    return " ".join(words)


def _require_no_rowid(shape: TableShape) -> None:
    """Refuse a unique index that computes with the rowid: REPLACE could remove rows that no trigger sees."""
    rowid = rowid_column(shape.table)
    for unique in shape.uniques:
        if rowid is not None and not unique.is_plain and fold(rowid) in set(_names(unique)):
            raise Unsupported(
                f"a unique index of {shape.name} computes with {rowid}, which SQLite does not know before "
                "the row is there: what it replaces cannot be followed. Use the in-place strategy",
                object_name=shape.name,
            )


def _names(unique: UniqueKey) -> Iterator[str]:
    """All words and names in the texts of a unique key, folded."""
    yield from (fold(part.expression) for part in unique.columns if part.is_column)
    texts = [part.expression for part in unique.columns if not part.is_column] + [unique.where or ""]
    yield from (fold(unquote(token.text)) for text in texts for token in tokenize(text))
