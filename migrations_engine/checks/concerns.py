"""What is to be thought about before a change: what it loses, whom it may refuse, which code it breaks.

A concern that refuses needs leave; any other is a warning, and leave only says that somebody has read it.
Which rows are concerned, a rehearsal says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.changes import steps
from migrations_engine.checks.lints import lints
from migrations_engine.model import Check, ForeignKey, Unique, fold
from migrations_engine.planning.consequences import planned_steps
from migrations_engine.planning.losses import losses
from migrations_engine.planning.outlook import Concern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.changes.steps import Constraint
    from migrations_engine.model import Column, IndexedColumn, Objects, Table
    from migrations_engine.planning.plan import Plan

_EXPAND = "expand first: add the new beside it, let all code use that, and drop the old in a later change"


def considered(plan: Plan) -> Plan:
    """The plan with its steps, one by one, and all concerns; its costs are there."""
    return replace(plan, steps=planned_steps(plan), concerns=concerns(plan))


def concerns(plan: Plan) -> tuple[Concern, ...]:
    """All concerns about a change: what it refuses first, then in the order of its steps."""
    if not plan.change.steps:
        return ()
    lost = (
        Concern(rule=loss.rule, names=loss.names, message=f"{loss.text} would be lost", refuses=True)
        for loss in losses(plan.change)
    )
    if not plan.old.tables:  # nothing is there that could break
        return (*lost, *_documents(plan.old, plan.new))
    made = {fold(s.table.name) for s in plan.change.steps if isinstance(s, steps.AddTable)}
    found = (concern for step in plan.change.steps for concern in _about(step, plan, made))
    return (*lost, *found, *_documents(plan.old, plan.new))


def _about(step: steps.Step, plan: Plan, made: set[str]) -> Iterator[Concern]:
    if isinstance(step, steps.AddColumn):
        yield from _added(step, plan.new.table(step.table))
    elif isinstance(step, steps.ChangeColumn):
        yield from _changed(step, plan)
    elif isinstance(step, steps.AddConstraint):
        yield from _ruled(step)
    elif isinstance(step, steps.AddIndex) and step.index.unique and fold(step.index.table) not in made:
        names = (step.index.table, step.index.name)
        yield Concern(rule="new-unique", names=names, message=f"rows may share {_listed(step.index.columns)}")
    elif isinstance(step, (steps.DropConstraint, steps.DropIndex)):
        yield from _dropped_unique(step, plan)
    else:
        yield from _taken_away(step)


def _added(step: steps.AddColumn, table: Table | None) -> Iterator[Concern]:
    """A new column that every row and every INSERT has to have a value for."""
    column = step.column
    if column.not_null is None or column.generated is not None or _has_default(column):
        return
    names = (step.table, column.name)
    if step.fill is None:
        message = "it is NOT NULL and nothing gives old rows a value: add a DEFAULT or a _fill"
        yield Concern(rule="new-not-null", names=names, message=message)
    if table is not None and not _is_rowid(table, column):
        yield Concern(rule="breaks-old-code", names=names, message=_inserts())


def _changed(step: steps.ChangeColumn, plan: Plan) -> Iterator[Concern]:
    names = (step.table, step.after.name)
    if step.before.not_null is None and step.after.not_null is not None:
        if step.fill is None:
            message = "rows may have NULL there: say with _fill what they get"
            yield Concern(rule="new-not-null", names=names, message=message)
        if not _has_default(step.after):
            yield Concern(rule="breaks-old-code", names=names, message=_inserts())
    if step.before.generated is None and step.after.generated is not None:
        message = "code that writes it fails, as it is generated: stop writing it first"
        yield Concern(rule="breaks-old-code", names=names, message=message)
    table = plan.new.table(step.table)
    if table is not None and table.strict and not step.rewrites and step.before.type != step.after.type:
        message = f"STRICT refuses what is no {step.after.type}"
        yield Concern(rule="narrow-type", names=names, message=message)


def _ruled(step: steps.AddConstraint) -> Iterator[Concern]:
    """A rule that the rows of a table did not have to keep so far."""
    constraint, names = step.constraint, _names(step.table, step.constraint)
    if isinstance(constraint, Check):
        message = f"rows may break CHECK ({constraint.expression})"
        yield Concern(rule="new-check", names=names, message=message)
    elif isinstance(constraint, ForeignKey):
        message = f"rows may have no parent in {constraint.parent}"
        yield Concern(rule="new-foreign-key", names=names, message=message)
    else:
        yield Concern(rule="new-unique", names=names, message=f"rows may share {_listed(constraint.columns)}")


def _dropped_unique(step: steps.DropConstraint | steps.DropIndex, plan: Plan) -> Iterator[Concern]:
    """A promise of uniqueness that goes, unless the new schema makes the same in another way."""
    if isinstance(step, steps.DropIndex):
        if not step.index.unique or step.index.where is not None:
            return
        table_name, columns = step.index.table, step.index.columns
        names: tuple[str, ...] = (table_name, step.index.name)
    elif isinstance(step.constraint, Unique):
        table_name, columns = step.table, step.constraint.columns
        names = _names(step.table, step.constraint)
    else:
        return
    table = plan.new.table(table_name)
    if table is not None and not _keeps_apart(table, columns):
        message = (
            f"nothing keeps {_listed(columns)} apart any more: look for code that relies on it, as upserts do"
        )
        yield Concern(rule="dropped-unique", names=names, message=message)


def _keeps_apart(table: Table, columns: tuple[IndexedColumn, ...]) -> bool:
    wanted_columns = _key(columns)
    keys = [unique.columns for unique in table.uniques]
    keys += [index.columns for index in table.indexes if index.unique and index.where is None]
    keys += [table.primary_key.columns] if table.primary_key else []
    return any(_key(key) == wanted_columns for key in keys)


def _key(columns: tuple[IndexedColumn, ...]) -> set[tuple[str, str]]:
    return {(fold(part.expression), fold(part.collation or "")) for part in columns}


def _taken_away(step: steps.Step) -> Iterator[Concern]:
    """Names that code of the version before uses and that go."""
    rule = "breaks-old-code"
    if isinstance(step, (steps.DropTable, steps.DropVirtualTable)):
        message = "code that reads or writes it fails: stop using it first"
        yield Concern(rule=rule, names=(step.table.name,), message=message)
    elif isinstance(step, steps.DropColumn):
        message = "code that names it fails: stop using it first"
        yield Concern(rule=rule, names=(step.table, step.column.name), message=message)
    elif isinstance(step, steps.RenameTable) and fold(step.old_name) != fold(step.name):
        yield Concern(rule=rule, names=(step.old_name,), message=f"it is called {step.name} now; {_EXPAND}")
    elif isinstance(step, steps.RenameColumn) and fold(step.old_name) != fold(step.name):
        message = f"it is called {step.name} now; {_EXPAND}"
        yield Concern(rule=rule, names=(step.table, step.old_name), message=message)


def _documents(old: Objects, new: Objects) -> Iterator[Concern]:
    """The lints of the new document that the old one did not have."""
    known = set(lints(old))
    for lint in lints(new):
        if lint not in known:
            yield Concern(rule=lint.rule, names=(lint.object_name,), message=lint.message)


def _names(table: str, constraint: Constraint) -> tuple[str, ...]:
    """What a constraint is called: by its name, else by its one column, else by its table."""
    if constraint.name is not None:
        return table, constraint.name
    if isinstance(constraint, Check):
        columns = [constraint.column] if constraint.column else []
    elif isinstance(constraint, ForeignKey):
        columns = list(constraint.columns)
    else:
        columns = [part.expression for part in constraint.columns]
    return (table, columns[0]) if len(columns) == 1 else (table,)


def _has_default(column: Column) -> bool:
    return column.default is not None and column.default.upper() != "NULL"


def _is_rowid(table: Table, column: Column) -> bool:
    key = table.primary_key
    return key is not None and key.is_rowid and fold(key.columns[0].expression) == fold(column.name)


def _inserts() -> str:
    return (
        "INSERTs of the version before give it no value and fail: give it a DEFAULT, or make it NOT NULL in "
        "a later change, when all code writes it"
    )


def _listed(columns: tuple[IndexedColumn, ...]) -> str:
    return f"({', '.join(part.expression for part in columns)})"
