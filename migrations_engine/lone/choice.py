"""Which way a lone file is changed: in one transaction, or online where that is the shorter pause."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.changes import steps
from migrations_engine.errors import Unsupported
from migrations_engine.execution.compiling import compiled
from migrations_engine.lone import beside, parents
from migrations_engine.model import fold
from migrations_engine.planning.estimate import BUDGET_SECONDS, estimated

if TYPE_CHECKING:
    import apsw

    from migrations_engine.planning.plan import Plan, Wish
    from migrations_engine.schema import Schema

SMALL_BYTES = 1_000_000
"""A file of this size is changed in one transaction without much ado: that is short, and faster."""

_STEP_SECONDS = 0.005
"""What takes longer in the cut-over than this is done by a rebuild, before it."""


def is_small(conn: apsw.Connection) -> bool:
    """Whether whatever is done with the file is done at once; reads nothing of it."""
    return sum(sqlite.size(name) or 0 for name in (conn.filename, conn.filename_wal)) <= SMALL_BYTES


def chosen(
    conn: apsw.Connection, old: Schema, new: Schema, *, strategy: Wish, max_pause: float | None = None
) -> Plan:
    """The plan that a file is changed by; one that was chosen by its costs has them.

    Args:
        conn: The file, which is only read.
        old: What it holds.
        new: What it is to hold.
        strategy: What the user asks for.
        max_pause: Seconds that writers may wait.

    Raises:
        MigrationError: As ``compiled``.
    """
    plan = compiled(old, new, strategy=strategy)
    if plan.strategy == "none" or strategy == "in-place" or is_small(conn):
        return plan
    plan = estimated(plan, conn)
    if plan.pause <= min(BUDGET_SECONDS, BUDGET_SECONDS if max_pause is None else max_pause):
        return plan
    online = _online(plan, conn, strategy=strategy)
    return plan if online is None or online.pause >= plan.pause else online


def _online(plan: Plan, conn: apsw.Connection, *, strategy: Wish) -> Plan | None:
    """The same change with everything slow done before the pause; None where it cannot be done so."""
    found = compiled(plan.old, plan.new, strategy=strategy, rebuilding=_slow(plan))
    if found.virtual or not found.going("rebuild"):
        return None
    try:
        beside.tables(found)
        parents.new_keys(found)
    except Unsupported:
        return None
    return estimated(replace(found, online=True), conn)


def _slow(plan: Plan) -> frozenset[str]:
    """The folded names of the tables of which a step in place takes long."""
    pauses = {fold(cost.name): cost.pause for cost in plan.costs}
    named = [(action.name, action.name) for action in plan.going("alter")]
    named += [
        (step.index.table, step.index.name)
        for step in plan.change.steps
        if isinstance(step, steps.AddIndex | steps.DropIndex)
    ]
    return frozenset(fold(table) for table, name in named if pauses.get(fold(name), 0.0) > _STEP_SECONDS)
