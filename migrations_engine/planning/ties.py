"""Whose rows a plan can part from their parents: only these are worth a foreign_key_check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.model import fold
from migrations_engine.recent import derived

if TYPE_CHECKING:
    from migrations_engine.model import Objects, Table
    from migrations_engine.planning.plan import Plan, TableAction


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRisk:
    """The tables whose rows can lose their parents, by their names before a plan and after it."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@derived
def at_risk(plan: Plan) -> AtRisk:
    """The tables whose rows can lose their parents: they change themselves, or a parent does."""
    touched = _touched(plan)
    return AtRisk(before=_named(plan.old, touched), after=_named(plan.new, touched))


def _touched(plan: Plan) -> set[str]:
    """The folded names, old and new, of those tables and their children."""
    risky = [action for action in plan.tables if not _keeps_references(action)]
    touched = {fold(t.name) for a in risky for t in (a.old, a.new) if t is not None}
    keys = [key for schema in (plan.old, plan.new) for t in schema.tables for key in _keys(t)]
    children = {child for child, parent in keys if parent in touched}
    return touched | children


def _named(side: Objects, names: set[str]) -> tuple[str, ...]:
    return tuple(table.name for table in side.tables if fold(table.name) in names)


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
