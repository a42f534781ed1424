"""What differs between two schemas, as typed steps: pure, read as one transformation, never about rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from migrations_engine import normalize
from migrations_engine.changes import hints, steps
from migrations_engine.changes.renaming import column_names, renamed
from migrations_engine.changes.steps import Change, Constraint, Step
from migrations_engine.changes.suggestions import suggested
from migrations_engine.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    Objects,
    Table,
    Trigger,
    View,
    VirtualTable,
    fold,
)
from migrations_engine.sql.affinity import affinity, rewrites
from migrations_engine.sql.lexer import tokenize, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


N = TypeVar("N", View, Trigger, VirtualTable)


def compare(old: Objects, new: Objects) -> Change:
    """Compare two schemas.

    Args:
        old: What is there now.
        new: What is wanted; its hints act where they are not spent.

    Raises:
        SchemaError: A hint cannot be read one way only.
    """
    comparison = _Comparison(old, new)
    found = tuple(comparison.steps())
    return Change(steps=found, suggestions=tuple(suggested(found, old, new, comparison.renames)))


class _Comparison:
    """Two schemas side by side: as written, for the steps to carry, and in canonical form, to find them."""

    def __init__(self, old: Objects, new: Objects) -> None:
        self._old, self._new = old, new
        self.renames = hints.acting(old, new)
        self._old_as_new = renamed(old, new, self.renames)
        self._was = normalize.canonical(self._old_as_new)
        self._is = normalize.canonical(new)

    def steps(self) -> Iterator[Step]:
        """All steps: what goes, what changes, what comes."""
        yield from self._dropped()
        for table in self._new.tables:
            before = self.renames.old_table(table, self._old)
            if before is None:
                yield steps.AddTable(table=table)
            else:
                yield from self._changed(before, table)
        yield from self._indexes()
        yield from self._added()

    def _dropped(self) -> Iterator[Step]:
        yield from (
            steps.DropTrigger(trigger=t)
            for t in _gone(self._old.triggers, self._was.triggers, self._is.triggers)
        )
        yield from (steps.DropView(view=v) for v in _gone(self._old.views, self._was.views, self._is.views))
        there = {fold(t.name) for t in self._new.virtual_tables}
        yield from (
            steps.DropVirtualTable(table=t) for t in self._old.virtual_tables if fold(t.name) not in there
        )
        kept = {fold(t.name) for n in self._new.tables if (t := self.renames.old_table(n, self._old))}
        yield from (steps.DropTable(table=t) for t in self._old.tables if fold(t.name) not in kept)

    def _added(self) -> Iterator[Step]:
        before = {fold(t.name): t for t in self._old.virtual_tables}
        for table in _gone(self._new.virtual_tables, self._is.virtual_tables, self._was.virtual_tables):
            if fold(table.name) in before:
                yield steps.ChangeVirtualTable(before=before[fold(table.name)], after=table)
            else:
                yield steps.AddVirtualTable(table=table)
        yield from (steps.AddView(view=v) for v in _gone(self._new.views, self._is.views, self._was.views))
        yield from (
            steps.AddTrigger(trigger=t)
            for t in _gone(self._new.triggers, self._is.triggers, self._was.triggers)
        )

    def _changed(self, old: Table, new: Table) -> Iterator[Step]:
        """The steps of one table that stays, indexes apart."""
        if old.name != new.name:
            yield steps.RenameTable(old_name=old.name, name=new.name)
        was, now = _required(self._was, new.name), _required(self._is, new.name)
        if was == now and self._has_same_names(old, new):
            return
        if (was.strict, was.without_rowid) != (now.strict, now.without_rowid):
            yield steps.ChangeOptions(table=new.name, strict=new.strict, without_rowid=new.without_rowid)
        added: list[Constraint] = []
        dropped: list[Constraint] = []
        if Counter(_constraints(was)) != Counter(_constraints(now)):
            added = _missing(_written(new), _constraints(was))
            dropped = _missing(_written(_required(self._old_as_new, new.name)), _constraints(now))
        yield from (steps.DropConstraint(table=new.name, constraint=c) for c in dropped)
        yield from self._columns(old, new, was, now, _mentioned(added))
        yield from (steps.AddConstraint(table=new.name, constraint=c) for c in added)

    def _has_same_names(self, old: Table, new: Table) -> bool:
        """Whether no column comes, goes or is renamed."""
        is_renamed = self.renames.columns.get(fold(new.name))
        if is_renamed:
            return False
        return old is new or {c.name for c in old.columns} == {c.name for c in new.columns}

    def _columns(
        self, old: Table, new: Table, was: Table, now: Table, newly_ruled: set[str]
    ) -> Iterator[Step]:
        names = column_names(old, new, self.renames)
        fills = {fold(name): text for name, text in new.hints.fill.items()}
        yield from (
            steps.DropColumn(table=new.name, column=c) for c in old.columns if fold(c.name) not in names
        )
        olds = {fold(after): old.column(before) for before, after in names.items()}
        for column in new.columns:
            fill = fills.get(fold(column.name))
            before = olds.get(fold(column.name))
            if before is None:
                yield steps.AddColumn(table=new.name, column=column, fill=fill)
                continue
            if before.name != column.name:
                yield steps.RenameColumn(table=new.name, old_name=before.name, name=column.name)
            is_ruled = fill is not None and fold(column.name) in newly_ruled
            rewritten = _rewrites(old, before, new, column)
            if is_ruled or rewritten or _differ(was, now, column.name):
                yield steps.ChangeColumn(
                    table=new.name, before=before, after=column, rewrites=rewritten, fill=fill
                )

    def _indexes(self) -> Iterator[Step]:
        """The indexes of tables that stay; those of the others come and go with them."""
        was, now = _set_apart(self._was, self._is), _set_apart(self._is, self._was)
        gone = {fold(index.name) for index in was - now}
        come = {fold(index.name) for index in now - was if self._was.table(index.table)}
        yield from (steps.DropIndex(index=i) for i in _indexes(self._old) if fold(i.name) in gone)
        yield from (steps.AddIndex(index=i) for i in _indexes(self._new) if fold(i.name) in come)


def _indexes(objects: Objects) -> Iterator[Index]:
    return (index for table in objects.tables for index in table.indexes)


def _set_apart(ours: Objects, theirs: Objects) -> set[Index]:
    """The indexes of tables that are not the same on the other side."""
    return {index for table in ours.tables if theirs.table(table.name) != table for index in table.indexes}


def _gone(written: Iterable[N], ours: Iterable[N], theirs: Iterable[N]) -> Iterator[N]:
    """Those of ``written`` whose canonical form, in ``ours``, the other side does not have."""
    there = set(theirs)
    gone = {fold(found.name) for found in ours if found not in there}
    return (found for found in written if fold(found.name) in gone)


def _missing(
    written: Iterable[tuple[Constraint, Constraint]], others: Iterable[Constraint]
) -> list[Constraint]:
    """The constraints that one side has more often than the other, as they are written there."""
    left = Counter(others)  # two equal ones are two
    found = []
    for text, canonical in written:
        if left[canonical]:
            left[canonical] -= 1
        else:
            found.append(text)
    return found


def _written(table: Table) -> Iterator[tuple[Constraint, Constraint]]:
    """Each constraint of a table as written, with its canonical form."""
    bare = replace(table, primary_key=None, uniques=(), checks=(), foreign_keys=(), indexes=())
    if table.primary_key is not None:
        yield table.primary_key, _alone(replace(bare, primary_key=table.primary_key))
    for unique in table.uniques:
        yield unique, _alone(replace(bare, uniques=(unique,)))
    for check in table.checks:
        yield check, _alone(replace(bare, checks=(check,)))
    for key in table.foreign_keys:
        yield key, _alone(replace(bare, foreign_keys=(key,)))


def _alone(table: Table) -> Constraint:
    """The canonical form of the one constraint that a table has."""
    return _constraints(_required(normalize.canonical(Objects(tables=(table,))), table.name))[0]


def _constraints(table: Table) -> list[Constraint]:
    key = [table.primary_key] if table.primary_key else []
    return [*key, *table.uniques, *table.checks, *table.foreign_keys]


def _mentioned(constraints: Iterable[Constraint]) -> set[str]:
    """The folded names of all columns that the constraints are about."""
    found: set[str] = set()
    for constraint in constraints:
        if isinstance(constraint, Check):
            found |= {fold(unquote(token.text)) for token in tokenize(constraint.expression)}
        elif isinstance(constraint, ForeignKey):
            found |= {fold(name) for name in constraint.columns}
        else:
            found |= {fold(part.expression) for part in constraint.columns}
    return found


def _differ(was: Table, now: Table, name: str) -> bool:
    """Whether the two canonical definitions of a column differ."""
    return was.column(name) != now.column(name)


def _rewrites(old: Table, before: Column, new: Table, after: Column) -> bool:
    """Whether stored values may come out as others: by affinity, or by an expression in their place."""
    if before.generated is not None:
        return False  # nothing was stored that could not be computed again
    if after.generated is not None:
        return True
    return rewrites(affinity(before.type, strict=old.strict), affinity(after.type, strict=new.strict))


def _required(objects: Objects, name: str) -> Table:
    table = objects.table(name)
    if table is None:
        raise LookupError(f"the canonical form lost table {name}")
    return table
