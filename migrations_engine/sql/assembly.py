"""A table put together from its parts, in the one order that the engine holds them in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from migrations_engine.model import (
    NO_HINTS,
    Check,
    ForeignKey,
    Hints,
    IndexedColumn,
    PrimaryKey,
    Table,
    Unique,
    fold,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrations_engine.sql.columns import ColumnParts

_Constraint = TypeVar("_Constraint", Unique, ForeignKey)


class Contradiction(ValueError):
    """Parts that make no table: two primary keys, say, or a key on a column that is not there."""


@dataclass(slots=True, kw_only=True)
class TableParts:
    """What was read of one table, constraint by constraint as written."""

    name: str
    columns: list[ColumnParts] = field(default_factory=list)
    primary_key: PrimaryKey | None = None
    uniques: list[Unique] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    strict: bool = False
    without_rowid: bool = False
    comment: str | None = None
    hints: Hints = NO_HINTS


def assemble(parts: TableParts) -> Table:
    """Make the table: constraints of columns join those of the table, names get their declared spelling.

    Raises:
        Contradiction: The parts make no table.
    """
    columns = tuple(part.column for part in parts.columns)
    declared = {fold(column.name): column.name for column in columns}
    return Table(
        name=parts.name,
        columns=columns,
        primary_key=_primary_key(parts, declared),
        uniques=_uniques(parts, declared),
        checks=(*(check for part in parts.columns for check in part.checks), *parts.checks),
        foreign_keys=_foreign_keys(parts, declared),
        strict=parts.strict,
        without_rowid=parts.without_rowid,
        comment=parts.comment,
        hints=parts.hints,
    )


def _primary_key(parts: TableParts, declared: Mapping[str, str]) -> PrimaryKey | None:
    """The one primary key, with the mark that says whether it is the rowid."""
    inline = [part for part in parts.columns if part.primary_key is not None]
    if len(inline) + (parts.primary_key is not None) > 1:
        raise Contradiction("a table has one PRIMARY KEY only")
    key = inline[0].primary_key if inline else parts.primary_key
    if key is None:
        return None
    columns = tuple(_declared(column, declared, "PRIMARY KEY") for column in key.columns)
    # SQLite's oldest quirk: INTEGER PRIMARY KEY DESC behind a column is no rowid, PRIMARY KEY(id DESC) is.
    rowid = (
        len(columns) == 1
        and not parts.without_rowid
        and not (inline and columns[0].descending)
        and _is_integer(parts, columns[0].expression)
    )
    if rowid:
        columns = (IndexedColumn(expression=columns[0].expression),)
    return replace(key, columns=columns, is_rowid=rowid)


def _is_integer(parts: TableParts, name: str) -> bool:
    """Whether a column's type is exactly INTEGER, which alone makes a rowid."""
    declared = next(part.column.type for part in parts.columns if part.column.name == name)
    if len(declared) > 2 and declared[0] in "\"'`[":
        declared = declared[1:-1]
    return fold(declared) == "integer"


def _uniques(parts: TableParts, declared: Mapping[str, str]) -> tuple[Unique, ...]:
    """All UNIQUE constraints; those that fit behind a column first, in the order of columns."""
    every = [unique for part in parts.columns for unique in part.uniques]
    for unique in parts.uniques:
        columns = tuple(_declared(column, declared, "UNIQUE") for column in unique.columns)
        every.append(replace(unique, columns=columns))
    return _by_column(parts, [(_inline_column(unique), unique) for unique in every])


def _inline_column(unique: Unique) -> str | None:
    """The column behind which a UNIQUE can be written."""
    first = unique.columns[0]
    plain = len(unique.columns) == 1 and not first.collation and not first.descending
    return first.expression if plain else None


def _foreign_keys(parts: TableParts, declared: Mapping[str, str]) -> tuple[ForeignKey, ...]:
    """All foreign keys; those of one column first, in the order of columns."""
    every = [key for part in parts.columns for key in part.foreign_keys]
    every += [
        replace(key, columns=tuple(_resolve(name, declared, "FOREIGN KEY") for name in key.columns))
        for key in parts.foreign_keys
    ]
    return _by_column(parts, [(key.columns[0] if len(key.columns) == 1 else None, key) for key in every])


def _by_column(parts: TableParts, placed: list[tuple[str | None, _Constraint]]) -> tuple[_Constraint, ...]:
    """Constraints in the order of the columns that they can stand behind; the others last, as written."""
    if len(placed) > 1:
        order = {part.column.name: index for index, part in enumerate(parts.columns)}
        last = len(order)
        placed.sort(key=lambda entry: last if entry[0] is None else order[entry[0]])
    return tuple(constraint for _, constraint in placed)


def _declared(column: IndexedColumn, declared: Mapping[str, str], what: str) -> IndexedColumn:
    """An entry of a key with the column's declared spelling."""
    if not column.is_column:
        raise Contradiction(f"{what} takes columns only, not the expression {column.expression!r}")
    name = _resolve(column.expression, declared, what)
    if name == column.expression and not column.as_string:
        return column
    return replace(column, expression=name, as_string=False)


def _resolve(name: str, declared: Mapping[str, str], what: str) -> str:
    """A column's declared spelling."""
    found = declared.get(fold(name))
    if found is None:
        raise Contradiction(f"{what} names the unknown column {name!r}")
    return found
