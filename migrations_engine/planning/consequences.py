"""The steps of a plan on one file: what each costs, what it risks, how it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.changes import steps
from migrations_engine.changes.steps import rule
from migrations_engine.model import fold
from migrations_engine.planning.outlook import PlannedStep, WayBack
from migrations_engine.sql.affinity import affinity, rewrites

if TYPE_CHECKING:
    from migrations_engine.changes.steps import Step
    from migrations_engine.model import Table
    from migrations_engine.planning.outlook import Risk
    from migrations_engine.planning.plan import Cost, Plan, TableAction


_RESTORED = frozenset({("TEXT", number) for number in ("INTEGER", "NUMERIC", "REAL")}) | {
    ("INTEGER", "REAL"),
    ("NUMERIC", "REAL"),
}
"""(before, after) whose new values come out of the older column as they went in: 7 as '7', and as 7 again."""


def planned_steps(plan: Plan) -> tuple[PlannedStep, ...]:
    """The steps of a plan, in order."""
    work = _Outlook(plan)
    return tuple(work.of(step) for step in plan.change.steps)


class _Outlook:
    """What is said of each step of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tables = {fold(action.name): action for action in plan.tables}
        self._virtual = {fold(action.name): action for action in plan.virtual}
        self._costs: dict[str, Cost] = {fold(cost.name): cost for cost in plan.costs}
        self._is_first = not (plan.old.tables or plan.old.views or plan.old.virtual_tables)

    def of(self, step: Step) -> PlannedStep:
        table = _table_of(step)
        action = self._tables.get(fold(table or ""))
        copied = action is not None and action.way == "rebuild"
        virtual = self._virtual.get(fold(table or ""))
        copied |= virtual is not None and virtual.way in ("rebuild", "reindex")
        cost = self._cost(step, table)
        return PlannedStep(
            step=step,
            table=table,
            way="rebuild" if copied else "in place",
            why=_why(action) if copied else None,
            rows=cost.rows if cost else 0,
            bytes=cost.bytes if cost else 0,
            pause=cost.pause if cost else 0.0,
            risk=self._risk(step),
            way_back=WayBack(kind="none") if self._is_first else self._way_back(step, action),
        )

    def _cost(self, step: Step, table: str | None) -> Cost | None:
        if isinstance(step, (steps.AddIndex, steps.DropIndex)) and fold(step.index.name) in self._costs:
            return self._costs[fold(step.index.name)]
        return self._costs.get(fold(table)) if table is not None else None

    def _risk(self, step: Step) -> Risk:
        if step.destroys is not None:
            return "destructive"
        return "needs data check" if self._can_refuse(step) else "safe"

    def _can_refuse(self, step: Step) -> bool:
        """Whether rows that are there may not fit."""
        if isinstance(step, steps.ChangeOptions):
            return step.strict or step.without_rowid
        if isinstance(step, steps.AddColumn):
            column = step.column
            unfilled = column.not_null is not None and column.default is None and column.generated is None
            return unfilled or step.fill is not None or column.generated is not None
        if isinstance(step, steps.ChangeColumn):
            new = self._plan.new.table(step.table)
            strict = new is not None and new.strict
            return step.after.not_null is not None or step.fill is not None or strict
        if isinstance(step, steps.AddIndex):
            return step.index.unique or not all(part.is_column for part in step.index.columns)
        return isinstance(step, steps.AddConstraint)

    def _way_back(self, step: Step, action: TableAction | None) -> WayBack:
        loses = self._loses(step, action)
        return WayBack(kind="lossless") if loses is None else WayBack(kind="lossy", loses=loses)

    def _loses(self, step: Step, action: TableAction | None) -> str | None:
        """What of the writes made since the older schema could not hold."""
        if isinstance(step, (steps.AddTable, steps.AddVirtualTable)):
            return f"rows of {step.table.name}"
        if isinstance(step, steps.AddColumn):
            return None if step.column.generated else f"values of {step.subject}"
        old = action.old if action else None
        if isinstance(step, steps.ChangeColumn):
            return _values_lost(step, old, self._plan.new.table(step.table))
        return _options_lost(step, old) if isinstance(step, steps.ChangeOptions) else _unruled(step)


def _unruled(step: Step) -> str | None:
    if isinstance(step, steps.DropConstraint):
        return f"rows that break {rule(step.constraint)} of {step.table}"
    if isinstance(step, steps.DropIndex) and step.index.unique:
        return f"rows of {step.index.table} that share a key of {step.index.name}"
    return None


def _values_lost(step: steps.ChangeColumn, old: Table | None, new: Table | None) -> str | None:
    before, after = step.before, step.after
    if before.generated is not None and after.generated is None:
        return f"values of {step.subject}"
    strict = old is not None and old.strict
    was = affinity(before.type, strict=strict)
    now = affinity(after.type, strict=new is not None and new.strict)
    is_lost = rewrites(now, was) and (was, now) not in _RESTORED
    if is_lost or (strict and before.type != after.type):
        return f"values of {step.subject} that are no {before.type or 'untyped value'}"
    if before.not_null is not None and after.not_null is None:
        return f"rows with NULL in {step.subject}"
    return None


def _options_lost(step: steps.ChangeOptions, old: Table | None) -> str | None:
    if old is None:
        return None
    if old.strict and not step.strict:
        return f"rows of {step.table} that STRICT refuses"
    return f"rows of {step.table} without a key" if old.without_rowid and not step.without_rowid else None


def _why(action: TableAction | None) -> str | None:
    return action.reason or None if action is not None else None


def _table_of(step: Step) -> str | None:
    """The table in whose change a step is done."""
    if isinstance(step, (steps.AddIndex, steps.DropIndex)):
        return step.index.table
    if isinstance(step, (steps.AddTrigger, steps.DropTrigger)):
        return step.trigger.table
    if isinstance(step, (steps.AddView, steps.DropView)):
        return None
    if isinstance(step, (steps.AddTable, steps.DropTable, steps.AddVirtualTable, steps.DropVirtualTable)):
        return step.table.name
    table = getattr(step, "table", None)
    return table if isinstance(table, str) else step.subject
