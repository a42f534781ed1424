"""What can be said of a column at a glance: whether it may be empty, which keys it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.model import Column, IndexedColumn, Table


def is_required(column: Column, table: Table) -> bool:
    """Whether no row holds NULL in the column: NOT NULL, the rowid, or a key where SQLite wants one."""
    if column.not_null is not None:
        return True
    key = table.primary_key
    # SQLite's oldest quirk: a primary key of an ordinary table takes NULL.
    return in_primary_key(column, table) and bool(
        key and (key.is_rowid or table.without_rowid or table.strict)
    )


def in_primary_key(column: Column, table: Table) -> bool:
    """Whether the column is one of the primary key's."""
    return table.primary_key is not None and fold(column.name) in folded(table.primary_key.columns)


def is_unique(column: Column, table: Table) -> bool:
    """Whether a UNIQUE stands on this column alone."""
    return any(folded(unique.columns) == [fold(column.name)] for unique in table.uniques)


def identify(names: Sequence[str], table: Table) -> bool:
    """Whether at most one row has the same values in all of these columns."""
    wanted = {fold(name) for name in names}
    keys = [unique.columns for unique in table.uniques]
    keys += [index.columns for index in table.indexes if index.unique and index.where is None]
    keys += [table.primary_key.columns] if table.primary_key else []
    return any(wanted.issuperset(folded(key)) for key in keys)


def folded(columns: Sequence[IndexedColumn]) -> list[str]:
    """The folded names of a key's columns."""
    return [fold(column.expression) for column in columns]
