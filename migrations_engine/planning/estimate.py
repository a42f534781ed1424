"""What a plan costs on one file: rows, bytes, and how long writers will wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.changes import steps
from migrations_engine.model import fold, quote
from migrations_engine.planning.plan import Cost

if TYPE_CHECKING:
    import apsw

    from migrations_engine.planning.plan import Plan, TableAction

# Rough and on the slow side, so that a prediction errs towards more: a rebuild reads, writes, indexes and
# compares every row; an index sorts them; a new rule is checked against each.
BASE_SECONDS = 0.002
REBUILT_ROWS_PER_SECOND = 250_000
REBUILT_BYTES_PER_SECOND = 30_000_000
INDEXED_ROWS_PER_SECOND = 600_000
SCANNED_ROWS_PER_SECOND = 3_000_000


def estimated(plan: Plan, conn: apsw.Connection) -> Plan:
    """The plan with its costs on a file, which is only read."""
    if plan.strategy == "none":
        return plan
    base = Cost(name="transaction", rows=0, bytes=0, pause=BASE_SECONDS)
    costs = [base, *(_table(conn, action) for action in plan.tables if action.old is not None)]
    return replace(plan, costs=tuple(costs + _indexes(conn, plan)))


def _table(conn: apsw.Connection, action: TableAction) -> Cost:
    name = action.old.name if action.old else action.name
    if action.way == "rebuild":
        rows, size = _rows(conn, name), _bytes(conn, name)
        seconds = max(rows / REBUILT_ROWS_PER_SECOND, size / REBUILT_BYTES_PER_SECOND)
        return Cost(name=action.name, rows=rows, bytes=size, pause=seconds)
    if action.way == "alter" and any(" CHECK " in statement for statement in action.statements):
        rows = _rows(conn, name)
        return Cost(name=action.name, rows=rows, bytes=0, pause=rows / SCANNED_ROWS_PER_SECOND)
    return Cost(name=action.name, rows=0, bytes=0, pause=0.0)


def _indexes(conn: apsw.Connection, plan: Plan) -> list[Cost]:
    """Indexes that are made on tables which stay where they are."""
    moved = {fold(action.name) for action in plan.tables if action.way in ("rebuild", "create")}
    there = {fold(action.name): action.old.name for action in plan.tables if action.old and action.new}
    found = []
    for step in plan.change.steps:
        if isinstance(step, steps.AddIndex) and fold(step.index.table) not in moved:
            rows = _rows(conn, there.get(fold(step.index.table), step.index.table))
            pause = rows / INDEXED_ROWS_PER_SECOND
            found.append(Cost(name=step.index.name, rows=rows, bytes=0, pause=pause))
    return found


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
