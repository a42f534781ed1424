"""Which present rows a new row collides with: the conditions of the capture's BEFORE triggers.

No expression of an index is rewritten. Over the table it stands as it is, so that the index serves it; over
the new row it is evaluated in a subquery in which the new row stands as a table of the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.carry import rowid_column
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.online.shape import BINARY
from migrations_engine.sql.lexer import tokenize, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Column, IndexedColumn, Table
    from migrations_engine.online.shape import TableShape, UniqueKey


def on_insert(shape: TableShape) -> tuple[str, ...]:
    """Conditions over the table, one a unique key, that find what NEW collides with.

    Raises:
        Unsupported: A unique index computes with the rowid, which BEFORE INSERT does not know yet.
    """
    _require_no_rowid(shape)
    return tuple(condition for unique in shape.uniques for condition in _conditions(shape, unique))


def on_update(shape: TableShape) -> tuple[str, ...]:
    """The same for an update; the row itself, which is noted anyway, does not count."""
    table = quote(shape.name)
    itself = " AND ".join(f"{table}.{quote(name)} IS OLD.{quote(name)}" for name in shape.key)
    return tuple(f"{condition} AND NOT ({itself})" for condition in on_insert(shape))


def columns(shape: TableShape) -> tuple[str, ...]:
    """The columns that an UPDATE has to name before it can collide; empty where any update may."""
    if any(_is_derived(shape, unique) or _has_rowid(shape, unique) for unique in shape.uniques):
        return ()
    named = {fold(part.expression) for unique in shape.uniques for part in unique.columns}
    return tuple(name for name in shape.columns if fold(name) in named)


def _conditions(shape: TableShape, unique: UniqueKey) -> Iterator[str]:
    table = shape.table
    if not _is_derived(shape, unique):
        yield " AND ".join(_equal_column(shape, part) for part in unique.columns)
        return
    yield _derived(shape, unique, _new_row(table))
    # A NULL that REPLACE turns into a default goes through a second probe: in one probe for both, coalesce()
    # would take the column's affinity away from the expressions.
    if any(_default(column) for column in table.columns):
        yield _derived(shape, unique, _defaulted_row(table))


def _is_derived(shape: TableShape, unique: UniqueKey) -> bool:
    """Whether it depends on anything but stored columns."""
    stored = {fold(name) for name in shape.columns}
    return not unique.is_plain or not (
        _has_rowid(shape, unique) or all(fold(part.expression) in stored for part in unique.columns)
    )


def _has_rowid(shape: TableShape, unique: UniqueKey) -> bool:
    return shape.rowid is not None and any(part.expression == shape.rowid for part in unique.columns)


def _equal_column(shape: TableShape, part: IndexedColumn) -> str:
    """The column equals NEW's, as REPLACE will store it: a NULL in NOT NULL becomes the default."""
    name = quote(part.expression)
    default = _default(shape.table.column(part.expression))
    new = f"NEW.{name}" if default is None else f"coalesce(NEW.{name}, {default})"
    return f"{quote(shape.name)}.{name} = {new} COLLATE {quote(part.collation or BINARY)}"


def _derived(shape: TableShape, unique: UniqueKey, new_row: str) -> str:
    row = f"{new_row} AS {quote(shape.name)}"
    terms = [_equal_expression(part, row) for part in unique.columns]
    if unique.where is not None:
        terms += [f"({unique.where})", f"(SELECT {unique.where} FROM {row})"]
    return " AND ".join(terms)


def _equal_expression(part: IndexedColumn, row: str) -> str:
    text = quote(part.expression) if part.is_column else part.expression
    return f"({text}) = (SELECT {text} FROM {row}) COLLATE {quote(part.collation or BINARY)}"


def _new_row(table: Table) -> str:
    """NEW as a table of its columns."""
    return f"(SELECT {', '.join(f'NEW.{quote(c.name)} AS {quote(c.name)}' for c in table.columns)})"


def _defaulted_row(table: Table) -> str:
    """NEW as REPLACE would store it: defaults in place of NULLs that are not allowed, and what follows."""
    row = f"(SELECT {', '.join(_defaulted(c) for c in table.columns)})"
    # SQLite computed NEW's generated columns before the defaults. Those that build on each other need as many
    # rounds as there are of them.
    for _ in [column for column in table.columns if column.generated is not None]:
        row = f"(SELECT {', '.join(_computed(c) for c in table.columns)} FROM {row})"
    return row


def _defaulted(column: Column) -> str:
    name, default = quote(column.name), _default(column)
    return f"NEW.{name} AS {name}" if default is None else f"coalesce(NEW.{name}, {default}) AS {name}"


def _computed(column: Column) -> str:
    name = quote(column.name)
    return name if column.generated is None else f"({column.generated.expression}) AS {name}"


def _default(column: Column | None) -> str | None:
    return column.default if column is not None and column.not_null is not None else None


def _require_no_rowid(shape: TableShape) -> None:
    """Refuse a unique index that computes with the rowid: REPLACE could remove rows that no trigger sees."""
    rowid = rowid_column(shape.table)
    for unique in shape.uniques:
        if rowid is not None and not unique.is_plain and fold(rowid) in _names(unique):
            raise Unsupported(
                f"a unique index of {shape.name} computes with {rowid}, which SQLite does not know before "
                "the row is there: what it replaces cannot be followed. Use the in-place strategy",
                object_name=shape.name,
            )


def _names(unique: UniqueKey) -> set[str]:
    """All words and names in the texts of a unique key, folded."""
    texts = [part.expression for part in unique.columns] + ([unique.where] if unique.where else [])
    return {fold(unquote(token.text)) for text in texts for token in tokenize(text)}
