"""Foreign keys whose parent has no such key: SQLite then refuses every write to the child, and to the parent.

What counts as a parent's key is SQLite's rule (https://sqlite.org/foreignkeys.html#fk_indexes): the PRIMARY
KEY, or a UNIQUE or a unique index of exactly these columns, each with the column's own collation, without a
condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.errors import Fault, SchemaError
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import ForeignKey, IndexedColumn, Objects, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A foreign key of a table, and the parent that has no such key."""

    table: Table
    key: ForeignKey
    parent: Table

    @property
    def text(self) -> str:
        """What does not match, and what to add."""
        columns = ", ".join(self.key.columns)
        named = ", ".join(self.key.parent_columns)
        if named:
            return (
                f"({columns}) refers to {self.parent.name}({named}), which is no key of it: "
                f"add UNIQUE ({named}) to {self.parent.name}"
            )
        count = len(self.key.columns)
        wanted = "one column" if count == 1 else f"{count} columns"
        return (
            f"({columns}) refers to the PRIMARY KEY of {self.parent.name}, which has none of {wanted}: "
            f"add it, or name the columns of another key"
        )


def mismatches(schema: Objects) -> Iterator[Mismatch]:
    """The foreign keys of a schema whose parent is there and has no such key."""
    return (Mismatch(table=t, key=k, parent=p) for t, k, p in _references(schema) if not _is_key(p, k))


def refuse_lost(before: Objects, after: Objects) -> None:
    """Refuse a change that takes the key of a parent away, under references that count on it.

    A reference that never matched is carried, as one to a table that is not there: real schemas have both,
    and applications that do not enforce foreign keys live well with them. A lint names them.

    Args:
        before: The old schema under its new names.
        after: The new one.

    Raises:
        SchemaError: Tables that could be written before could not be any more.
    """
    matched = {_identity(table, key) for table, key, parent in _references(before) if _is_key(parent, key)}
    faults = [
        Fault(lost.text, table=lost.table.name, column=_column(lost.key))
        for lost in mismatches(after)
        if _identity(lost.table, lost.key) in matched
    ]
    if faults:
        raise SchemaError(faults, source="the new schema")


def _references(schema: Objects) -> Iterator[tuple[Table, ForeignKey, Table]]:
    """Each foreign key whose parent is there, between its table and that parent."""
    for table in schema.tables:
        for key in table.foreign_keys:
            parent = schema.table(key.parent)
            if parent is not None:
                yield table, key, parent


def _is_key(parent: Table, key: ForeignKey) -> bool:
    """Whether the columns that a foreign key refers to are a key of its parent."""
    primary = parent.primary_key
    if not key.parent_columns:
        return primary is not None and len(primary.columns) == len(key.columns)
    wanted = {fold(name) for name in key.parent_columns}
    return any(
        len(columns) == len(key.columns) and all(_is_of(parent, column, wanted) for column in columns)
        for columns in _unique_columns(parent)
    )


def _unique_columns(table: Table) -> Iterator[tuple[IndexedColumn, ...]]:
    """The columns of everything that keeps rows of a table apart, without conditions."""
    if table.primary_key is not None:
        yield table.primary_key.columns
    yield from (unique.columns for unique in table.uniques)
    yield from (index.columns for index in table.indexes if index.unique and index.where is None)


def _is_of(table: Table, entry: IndexedColumn, wanted: set[str]) -> bool:
    """Whether an entry is one of the wanted columns and compares as the column itself does."""
    column = table.column(entry.expression) if entry.is_column else None
    if column is None or fold(column.name) not in wanted:
        return False
    own = fold(column.collation or "BINARY")
    return entry.collation is None or fold(entry.collation) == own


def _identity(table: Table, key: ForeignKey) -> tuple[object, ...]:
    """What makes the foreign keys of two schemas the same."""
    columns, parents = (tuple(fold(name) for name in names) for names in (key.columns, key.parent_columns))
    return fold(table.name), columns, fold(key.parent), parents


def _column(key: ForeignKey) -> str | None:
    """The one column of a foreign key, where it has one."""
    return key.columns[0] if len(key.columns) == 1 else None
