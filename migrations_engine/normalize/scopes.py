"""Which names can be meant in a place: the columns of a table, or everything in a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migrations_engine.model import fold
from migrations_engine.normalize.collations import collation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrations_engine.model import Objects, Table

ROWID_NAMES: Final = frozenset(("rowid", "_rowid_", "oid"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The folded names of a table, its columns and its rowid; the canonical collations of the columns."""

    names: frozenset[str]
    collations: Mapping[str, str | None]


def table_scope(table: Table) -> Scope:
    """What the expressions of a table's definition can name."""
    collations = {fold(column.name): collation(column.collation) for column in table.columns}
    hidden = frozenset() if table.without_rowid else ROWID_NAMES
    return Scope(names=hidden.union(collations, (fold(table.name),)), collations=collations)


def schema_names(objects: Objects) -> frozenset[str]:
    """What the text of a view or a trigger can name, as far as the schema knows it."""
    return ROWID_NAMES.union(
        (fold(table.name) for table in objects.tables),
        (fold(view.name) for view in objects.views),
        (fold(table.name) for table in objects.virtual_tables),
        (fold(column.name) for table in objects.tables for column in table.columns),
    )
