"""Which virtual tables live on through a change of schema, so that what is written to them is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import fold
from migrations_engine.normalize import statements

if TYPE_CHECKING:
    from migrations_engine.model import Objects, VirtualTable


def lasting(old: Objects, new: Objects) -> tuple[VirtualTable, ...]:
    """The virtual tables that are the same in both schemas."""
    known = {fold(table.name): statements.virtual_table(table) for table in new.virtual_tables}
    return tuple(
        table
        for table in old.virtual_tables
        if known.get(fold(table.name)) == statements.virtual_table(table)
    )
