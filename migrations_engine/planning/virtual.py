"""Which virtual tables a change touches: by their own definition, or because what they index changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.changes import steps
from migrations_engine.changes.carry import rowid_column, rowid_name
from migrations_engine.changes.virtual import Filling, filling
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold
from migrations_engine.planning.plan import VirtualAction
from migrations_engine.sql.lexer import Malformed, tokenize, unquote
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migrations_engine.changes.steps import Change
    from migrations_engine.model import Objects, Table, View, VirtualTable
    from migrations_engine.planning.plan import TableAction
    from migrations_engine.sql.virtual import Definition


def actions(
    old: Objects, new: Objects, change: Change, tables: Sequence[TableAction]
) -> tuple[VirtualAction, ...]:
    """What happens to the virtual tables of a schema.

    Args:
        old: What the file holds.
        new: What it is to hold.
        change: The steps between them.
        tables: What happens to the ordinary tables.

    Raises:
        Unsupported: What a virtual table is to hold is out of reach.
    """
    found = []
    for step in change.steps:
        if isinstance(step, steps.DropVirtualTable):
            found.append(VirtualAction(way="drop", old=step.table))
        elif isinstance(step, steps.AddVirtualTable):
            is_index = _content_of(definition(step.table), new) and old.tables
            way = Filling(source="index" if is_index else "nothing")
            found.append(VirtualAction(way="create", new=step.table, filling=way))
        elif isinstance(step, steps.ChangeVirtualTable):
            found.append(_changed(step, old, new))
    touched = {fold(action.name) for action in found}
    for table in new.virtual_tables:
        reads = definition(table)
        if fold(table.name) in touched or reads.content != "external":
            continue
        if _is_stale(reads, old, new, tables):
            found.append(VirtualAction(way="reindex", new=table, filling=Filling(source="index")))
    return tuple(found)


def _changed(step: steps.ChangeVirtualTable, old: Objects, new: Objects) -> VirtualAction:
    way = filling(step.before, step.after)
    before, after = definition(step.before), definition(step.after)
    if way.source == "index" and not _content_of(after, new):
        raise Unsupported(
            f"virtual table {after.name} cannot be indexed again: its content {after.source} is not in the "
            "schema. Add that table, or drop the virtual table",
            object_name=after.name,
        )
    if way.source == "content" and old.table(before.source or "") is None:
        raise Unsupported(
            f"virtual table {before.name} cannot take over its content: {before.source} is no table. Drop it "
            "in one change, and add it with content of its own in the next",
            object_name=before.name,
        )
    return VirtualAction(way="rebuild", old=step.before, new=step.after, filling=way)


def _content_of(reads: Definition, schema: Objects) -> bool:
    """Whether a schema has what an index reads."""
    groups: tuple[Iterable[Table | View | VirtualTable], ...] = (
        schema.tables,
        schema.views,
        schema.virtual_tables,
    )
    names = {fold(each.name) for group in groups for each in group}
    return reads.source is not None and fold(reads.source) in names


def _is_stale(reads: Definition, old: Objects, new: Objects, tables: Sequence[TableAction]) -> bool:
    """Whether a change gives an index that stays as it is other values, or other rows, to index."""
    source = fold(reads.source or "")
    if new.table(source) is None:
        return _is_view_stale(_view(old, source), _view(new, source), tables)
    action = next((each for each in tables if each.new is not None and fold(each.name) == source), None)
    if action is None or action.new is None:
        return False
    if action.old is None or fold(action.old.name) != source:
        return True  # something else stood there before, or nothing
    same = _unchanged(action)
    key = action.new.column(reads.source_key) or action.new.column(rowid_column(action.new) or "")
    read = [*reads.columns, key.name] if key else reads.columns
    return _loses_rowid(action) or any(action.new.column(name) and fold(name) not in same for name in read)


def _unchanged(action: TableAction) -> set[str]:
    """The folded names of columns that have their name and their values from before."""
    pairs = action.carry.exact if action.way == "rebuild" and action.carry else action.columns.items()
    return {fold(after) for after, before in pairs if fold(after) == fold(before)}


def _loses_rowid(action: TableAction) -> bool:
    """Whether the rows of a rebuilt table without a column for it get other rowids."""
    if action.way == "alter" or action.new is None or rowid_column(action.new):
        return False
    name = rowid_name(action.new)
    return action.carry is None or name not in dict(action.carry.values)


def _is_view_stale(before: View | None, after: View | None, tables: Sequence[TableAction]) -> bool:
    """Whether a view may show other rows: it is another one, or a table that it names is made anew."""
    if after is None:
        return False
    if before is None or before.sql != after.sql:
        return True
    made = {
        fold(table.name) for each in tables if each.way != "alter" for table in (each.old, each.new) if table
    }
    return bool(made & _words(after.sql))


def _view(schema: Objects, name: str) -> View | None:
    return next((view for view in schema.views if fold(view.name) == name), None)


def _words(sql: str) -> set[str]:
    try:
        return {fold(unquote(token.text)) for token in tokenize(sql)}
    except Malformed:
        return set()
