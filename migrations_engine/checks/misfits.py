"""Which rows a new schema rejects: each rule, how many rows, and the keys of a few."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from migrations_engine.checks import findings
from migrations_engine.errors import Misfit

if TYPE_CHECKING:
    import apsw

    from migrations_engine.planning.plan import Plan

SAMPLE = 5
"""How many keys an error shows."""


def misfits(conn: apsw.Connection, plan: Plan) -> list[Misfit]:
    """Find the rows of a file that a plan would reject; the file is only read.

    Args:
        conn: The file, still in the structure of ``plan.old``.
        plan: What it is to become.
    """
    return [
        Misfit(
            table=found.table,
            rule=found.rule,
            count=found.count,
            sample=tuple(row.key for row in islice(found.rows(), SAMPLE)),
        )
        for found in findings.misfits(conn, plan)
    ]


def unexplained(error: Exception) -> Misfit:
    """A misfit in SQLite's words, where no rule that is known here explains its refusal."""
    return Misfit(table="?", rule=str(error), count=1, sample=())
