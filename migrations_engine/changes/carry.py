"""What each column of a new table takes from the old row: names and expressions, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.model import Column, Table, fold, quote
from migrations_engine.normalize import defaults
from migrations_engine.sql.affinity import affinity, rewrites

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROWID_NAMES = ("rowid", "_rowid_", "oid")
"""SQLite's names of the rowid; a column that is called so hides that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """How the rows of one table go into another; all names are bare.

    Attributes:
        values: (column of the new table, expression over a row of the old one) for all that is written; a
            column that is missing here is generated or takes its default.
        match: (column of the new table, column of the old one) that find the same row on both sides; empty
            where nothing does.
        exact: (column of the new table, column of the old one) whose values come out just as they were.
    """

    values: tuple[tuple[str, str], ...]
    match: tuple[tuple[str, str], ...]
    exact: tuple[tuple[str, str], ...]

    def insert(self, source: str, target: str, *, schema: str = "main") -> str:
        """The statement that copies all rows; ABORT overrides ON CONFLICT clauses that would drop rows.

        In the order of the keys that they are stored by: an index that has all columns would give another.
        """
        names = ", ".join(quote(name) for name, _ in self.values)
        expressions = ", ".join(expression for _, expression in self.values)
        rows = f"SELECT {expressions} FROM {schema}.{quote(source)} NOT INDEXED"
        return f"INSERT OR ABORT INTO main.{quote(target)} ({names}) {rows}"


def between(old: Table, new: Table, *, columns: Mapping[str, str], fills: Mapping[str, str]) -> Carry:
    """How the rows of ``old`` go into ``new``.

    Args:
        old: The table that has the rows.
        new: The table that gets them.
        columns: Folded new name -> old name, of every column that stays.
        fills: Folded new name -> expression over the old row, of the columns whose fill acts.
    """
    stored = [column for column in new.columns if column.generated is None]
    values = [(c.name, _expression(c, columns, fills)) for c in stored]
    given = [(name, expression) for name, expression in values if expression is not None]
    rowid = _rowid(old, new, {fold(name) for name, _ in given})
    if rowid is not None:
        given.append((rowid[0], quote(rowid[1])))
    if not given:  # every column is new, and there is no rowid to hold on to: one default stands for the row
        given = [(stored[0].name, defaults.value(stored[0].default))]
    kept = {key: name for key, name in columns.items() if key not in fills}
    return Carry(
        values=tuple(given),
        match=_match(old, new, kept, rowid),
        exact=tuple((c.name, kept[fold(c.name)]) for c in stored if _is_exact(old, new, c, kept)),
    )


def rowid_name(table: Table) -> str | None:
    """A name by which the rowid of a table can be read and written; None where there is none."""
    if table.without_rowid:
        return None
    return rowid_column(table) or _free_alias(table)


def rowid_column(table: Table) -> str | None:
    """The column that is the rowid; None where no column is."""
    key = table.primary_key
    return key.columns[0].expression if key is not None and key.is_rowid else None


def key_columns(table: Table) -> tuple[str, ...]:
    """The bare names that tell the rows of a table apart: its rowid, or its primary key where it has none."""
    if table.without_rowid:
        return _primary(table)
    name = rowid_name(table)
    return () if name is None else (name,)


def _expression(column: Column, columns: Mapping[str, str], fills: Mapping[str, str]) -> str | None:
    key = fold(column.name)
    if key in fills:
        return f"({fills[key]})"
    return quote(columns[key]) if key in columns else None


def _rowid(old: Table, new: Table, given: set[str]) -> tuple[str, str] | None:
    """(new name, old name) that carry the rowid; None where a column does, or where there is none."""
    source, target = rowid_name(old), rowid_name(new)
    if source is None or target is None or fold(target) in given:
        return None
    return target, source


def _match(
    old: Table, new: Table, kept: Mapping[str, str], rowid: tuple[str, str] | None
) -> tuple[tuple[str, str], ...]:
    if rowid is not None:
        return (rowid,)
    # Whichever side has a declared key that the other side knows too; the new one's comes first, because the
    # changes that a rollback reads are noted there.
    theirs = {fold(before): key for key, before in kept.items()}
    names = {fold(column.name): column.name for column in new.columns}
    ours = key_columns(new)
    if ours and all(fold(name) in kept for name in ours):
        return tuple((name, kept[fold(name)]) for name in ours)
    others = key_columns(old)
    if others and all(fold(name) in theirs for name in others):
        return tuple((names[theirs[fold(name)]], name) for name in others)
    return ()


def _is_exact(old: Table, new: Table, column: Column, kept: Mapping[str, str]) -> bool:
    """Whether a column's values cannot change on the way: same storage, no new meaning as the rowid."""
    before = old.column(kept[fold(column.name)]) if fold(column.name) in kept else None
    if before is None:
        return False
    if _is(column, rowid_column(new)) and not _is(before, rowid_column(old)):
        return False
    return not rewrites(affinity(before.type, strict=old.strict), affinity(column.type, strict=new.strict))


def _is(column: Column, name: str | None) -> bool:
    return name is not None and fold(column.name) == fold(name)


def _primary(table: Table) -> tuple[str, ...]:
    key = table.primary_key
    return tuple(part.expression for part in key.columns) if key is not None else ()


def _free_alias(table: Table) -> str | None:
    return _first_free(fold(column.name) for column in table.columns)


def _first_free(names: Iterable[str]) -> str | None:
    taken = set(names)
    return next((name for name in ROWID_NAMES if name not in taken), None)
