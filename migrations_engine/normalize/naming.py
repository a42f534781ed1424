"""Rule: an index without a name is named for its table and columns, and a hash where that is not enough."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from migrations_engine.model import Index, Table, fold
from migrations_engine.normalize import plain, tables
from migrations_engine.normalize.scopes import table_scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


UNNAMED: Final = "\0"
"""Stands for a name that is to be given; SQLite has none with a NUL, but it has the empty one."""


def base_name(index: Index) -> str:
    """``idx_<table>_<columns>``; an expression is written as ``expr``."""
    columns = (column.expression if column.is_column else "expr" for column in index.columns)
    return "_".join(("idx", index.table, *columns))


def hashed_name(index: Index, table: Table) -> str:
    """The base name with 8 hex digits of the hash of the index's canonical definition."""
    definition = replace(tables.index(index, table_scope(table)), name="")
    return f"{base_name(index)}_{hashlib.sha256(plain.text(definition).encode()).hexdigest()[:8]}"


def is_default(index: Index, table: Table) -> bool:
    """Whether an index of a sound schema has the name that it would be given without one."""
    return index.name == (base_name(index) if _has_columns_only(index) else hashed_name(index, table))


def _has_columns_only(index: Index) -> bool:
    return all(column.is_column for column in index.columns)


def named(indexes: Sequence[tuple[Index, Table]], taken: Iterable[str]) -> list[Index]:
    """Give every index without a name its name; those that would share one all get their hash.

    Args:
        indexes: All indexes of a schema with their tables; those called ``UNNAMED`` are to be given theirs.
        taken: Names that tables and views have.
    """
    wanted = Counter(fold(name) for name in taken)
    for index, _ in indexes:
        if index.name != UNNAMED:
            wanted[fold(index.name)] += 1
        elif _has_columns_only(index):
            wanted[fold(base_name(index))] += 1
    return [
        index if index.name != UNNAMED else _renamed(index, _name(index, table, wanted))
        for index, table in indexes
    ]


def _renamed(index: Index, name: str) -> Index:
    return Index(name=name, table=index.table, columns=index.columns, unique=index.unique, where=index.where)


def _name(index: Index, table: Table, wanted: Counter[str]) -> str:
    """The name for an index that has none."""
    base = base_name(index)
    return base if _has_columns_only(index) and wanted[fold(base)] == 1 else hashed_name(index, table)
