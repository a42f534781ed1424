"""Whose rows a plan can part from their parents: only these are worth a foreign_key_check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import fold

if TYPE_CHECKING:
    from migrations_engine.model import Objects, Table
    from migrations_engine.planning.plan import Plan, TableAction


def at_risk(plan: Plan, side: Objects) -> list[str]:
    """The tables whose rows can lose their parents: they change themselves, or a parent does.

    Args:
        plan: What is done.
        side: ``plan.old`` or ``plan.new``, whose tables are asked for.
    """
    risky = [action for action in plan.tables if not _keeps_references(action)]
    touched = {fold(t.name) for a in risky for t in (a.old, a.new) if t is not None}
    if not touched:
        return []
    keys = [key for schema in (plan.old, plan.new) for t in schema.tables for key in _keys(t)]
    children = {child for child, parent in keys if parent in touched}
    return [table.name for table in side.tables if fold(table.name) in touched | children]


def _keys(table: Table) -> list[tuple[str, str]]:
    """The foreign keys of a table as child and parent, folded."""
    return [(fold(table.name), fold(key.parent)) for key in table.foreign_keys]


def _keeps_references(action: TableAction) -> bool:
    """Whether all rows stay as they lie, with their keys and references, under the same names."""
    old, new = action.old, action.new
    if action.way != "alter" or old is None or new is None:
        return False
    names = {fold(column): column for column in (c.name for c in old.columns)}
    stays = all(names.get(after) == before for after, before in action.columns.items())
    return stays and (old.name, old.foreign_keys) == (new.name, new.foreign_keys)
