"""What a plan costs on one file: rows, bytes, and how long writers will wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.changes import steps
from migrations_engine.model import fold, quote
from migrations_engine.planning.plan import Cost
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    import apsw

    from migrations_engine.planning.plan import Plan, TableAction, VirtualAction

# Rough and on the slow side, so that a prediction errs towards more: a rebuild reads, writes, indexes and
# compares every row; an index sorts them; a new rule is checked against each.
BASE_SECONDS = 0.002
REBUILT_ROWS_PER_SECOND = 250_000
REBUILT_BYTES_PER_SECOND = 30_000_000
INDEXED_ROWS_PER_SECOND = 600_000
SCANNED_ROWS_PER_SECOND = 3_000_000
FREED_BYTES_PER_SECOND = 300_000_000
FILLED_ROWS_PER_SECOND = 50_000
FILLED_BYTES_PER_SECOND = 6_000_000
"""Of virtual tables: each row goes through its module, which indexes every word of it."""
CUT_OVER_SECONDS = 0.01
CUT_OVER_SECONDS_PER_OBJECT = 0.0002
"""Of the cut-over of an online rebuild, whatever the size of its tables: the schema is read again."""

BUDGET_SECONDS = 0.05
"""The pause that is aimed at where nothing else is asked for."""

_SCANNING = (" CHECK ", " ADD CONSTRAINT ", " SET NOT NULL", " AS (")


def estimated(plan: Plan, conn: apsw.Connection) -> Plan:
    """The plan with its costs on a file, which is only read."""
    if plan.strategy == "none":
        return plan
    costs = [_base(plan), *(_table(conn, plan, action) for action in plan.tables if action.old is not None)]
    costs += (_filled(conn, plan, action) for action in plan.virtual)
    return replace(plan, costs=tuple(costs + _indexes(conn, plan)))


def _base(plan: Plan) -> Cost:
    if not plan.online:
        return Cost(name="transaction", rows=0, bytes=0, pause=BASE_SECONDS)
    schema = plan.new
    objects = len(schema.tables) + len(schema.views) + len(schema.triggers) + len(schema.virtual_tables)
    pause = CUT_OVER_SECONDS + objects * CUT_OVER_SECONDS_PER_OBJECT
    return Cost(name="cut-over", rows=0, bytes=0, pause=pause)


def _table(conn: apsw.Connection, plan: Plan, action: TableAction) -> Cost:
    name = action.old.name if action.old else action.name
    if action.way == "rebuild":
        rows, size = _rows(conn, name), _bytes(conn, name)
        seconds = max(rows / REBUILT_ROWS_PER_SECOND, size / REBUILT_BYTES_PER_SECOND)
        return Cost(name=action.name, rows=rows, bytes=size, pause=0.0 if plan.online else seconds)
    if action.way != "alter" or not any(_is_slow(statement) for statement in action.statements):
        return Cost(name=action.name, rows=0, bytes=0, pause=0.0)
    rows = _rows(conn, name)
    rewrites = any(" DROP COLUMN " in statement for statement in action.statements)
    seconds = rows / (REBUILT_ROWS_PER_SECOND if rewrites else SCANNED_ROWS_PER_SECOND)
    return Cost(name=action.name, rows=rows, bytes=0, pause=seconds)


def _is_slow(statement: str) -> bool:
    """Whether an ALTER TABLE looks at all rows."""
    return " DROP COLUMN " in statement or any(words in statement for words in _SCANNING)


def _indexes(conn: apsw.Connection, plan: Plan) -> list[Cost]:
    """Indexes that are made or dropped on tables which stay where they are."""
    moved = {fold(action.name) for action in plan.tables if action.way in ("rebuild", "create")}
    there = {fold(action.name): action.old.name for action in plan.tables if action.old and action.new}
    found = []
    for step in plan.change.steps:
        if not isinstance(step, steps.AddIndex | steps.DropIndex) or fold(step.index.table) in moved:
            continue
        if isinstance(step, steps.AddIndex):
            rows = _rows(conn, there.get(fold(step.index.table), step.index.table))
            pause = rows / INDEXED_ROWS_PER_SECOND
        else:
            rows, pause = 0, _pages(conn, step.index.name) / FREED_BYTES_PER_SECOND
        found.append(Cost(name=step.index.name, rows=rows, bytes=0, pause=pause))
    return found


def _filled(conn: apsw.Connection, plan: Plan, action: VirtualAction) -> Cost:
    """A virtual table that gets rows, from its old form or from the table that it indexes."""
    source, size = _source(plan, action), 0
    rows = _rows(conn, source) if source is not None else 0
    if source is not None:
        size = _bytes(conn, source) or _bytes(conn, f"{source}_content")
    seconds = max(rows / FILLED_ROWS_PER_SECOND, size / FILLED_BYTES_PER_SECOND)
    return Cost(name=action.name, rows=rows, bytes=size, pause=seconds)


def _source(plan: Plan, action: VirtualAction) -> str | None:
    """What the file calls the table whose rows fill a virtual table; None where there is none."""
    if action.filling is None or action.new is None:
        return None
    if action.filling.source == "rows" and action.old is not None:
        return action.old.name
    reads = definition(action.old if action.filling.source == "content" and action.old else action.new)
    there = {fold(each.name): each.old.name for each in plan.tables if each.old and each.new}
    table = plan.old.table(there.get(fold(reads.source or ""), reads.source or ""))
    return table.name if table is not None and action.filling.source != "nothing" else None


def _pages(conn: apsw.Connection, name: str) -> int:
    """The pages of one table or index, in bytes."""
    sql = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = 1 AND name = ?"
    return int(sqlite.value(conn, sql, (name,)))


def _rows(conn: apsw.Connection, table: str) -> int:
    return int(sqlite.value(conn, f"SELECT count(*) FROM main.{quote(table)}"))


def _bytes(conn: apsw.Connection, table: str) -> int:
    """Pages of a table and of its indexes, in bytes."""
    return int(
        sqlite.value(
            conn,
            "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = 1 AND name IN "
            "(SELECT name FROM main.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE)",
            (table,),
        )
    )
