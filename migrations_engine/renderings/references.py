"""Foreign keys with both their ends found, as far as both are in the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrations_engine.model import ForeignKey, Objects, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key, the table that it stands on, its parent and the parent's columns as declared."""

    key: ForeignKey
    table: Table
    parent: Table
    parent_columns: tuple[str, ...]


class Unresolved(ValueError):
    """A foreign key whose other end is not there; the message says what is missing."""


def resolve(key: ForeignKey, table: Table, schema: Objects) -> Reference:
    """Find the other end of a foreign key.

    Raises:
        Unresolved: The parent or one of its columns is not in the schema.
    """
    parent = schema.table(key.parent)
    if parent is None:
        raise Unresolved(f"{key.parent} is not in the schema")
    own_key = parent.primary_key.columns if parent.primary_key else ()
    wanted = key.parent_columns or tuple(column.expression for column in own_key)
    if len(wanted) != len(key.columns):
        raise Unresolved(f"{parent.name} has no primary key of {len(key.columns)} columns")
    found = [parent.column(name) for name in wanted]
    columns = tuple(column.name for column in found if column is not None)
    if len(columns) != len(wanted):
        raise Unresolved(f"{parent.name} has no columns {', '.join(wanted)}")
    return Reference(key=key, table=table, parent=parent, parent_columns=columns)
