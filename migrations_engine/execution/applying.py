"""A plan carried out in one transaction, and what stands around it: the file's versions, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import versions
from migrations_engine.execution import execute, wayback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import apsw

    from migrations_engine.checks.references import Orphans
    from migrations_engine.execution.kept import Kept
    from migrations_engine.planning.plan import Plan
    from migrations_engine.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The version that a file has now, how many rows were copied, and how long comparing them took."""

    version: int
    rows: int
    verify_seconds: float = 0.0


def apply_in(
    conn: apsw.Connection,
    plan: Plan,
    *,
    keep: bool,
    after_ddl: Callable[[apsw.Connection], None] | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    end_way_back: Callable[[apsw.Connection], None] = wayback.drop,
) -> Applied:
    """Carry a plan out and write the version down, inside the caller's transaction.

    The operations of a fleet own the transaction: they check the control row before and write its schema hash
    afterwards. The connection is ``execute.prepared``.

    Args:
        conn: The file, whose structure is ``plan.old``, with its write lock held.
        plan: What to do.
        keep: Leave a way back in the file; a new generation needs none, its old one is the way back.
        after_ddl: Called once all objects are there, to make guards complete.
        clock: Seconds that writers have waited so far.
        end_way_back: Ends the way back that the file has.

    Raises:
        DataDoesNotFit: Rows that the new schema rejects; the caller has to roll its transaction back.
        MigrationError: The result is not what was wanted; the same.
    """
    before = begin(conn, plan.old, end_way_back=end_way_back)
    keeps = keep and before > 0
    outcome = execute.change_in(conn, plan, version=before + 1, keep=keeps, after_ddl=after_ddl)
    kept = outcome.kept if keeps else None
    end(conn, plan, kept=kept, orphans=outcome.orphans, pause=clock())
    return Applied(version=before + 1, rows=outcome.rows, verify_seconds=outcome.verify_seconds)


def begin(conn: apsw.Connection, old: Schema, *, end_way_back: Callable[[apsw.Connection], None]) -> int:
    """End the way back of before; gives the number of the file's version, 0 for an empty file.

    What nobody applied is a version too, and written down: else there would be nothing to go back to.
    """
    end_way_back(conn)
    last = versions.latest(conn)
    if last is not None and last.way_back == "kept":
        versions.close_way_back(conn, "dropped")
    is_known = last is not None and last.is_of(old)
    if not is_known and (old.tables or old.views or old.virtual_tables):
        return versions.record(conn, old, strategy="found", pause=0.0, way_back="none")
    return last.version if last else 0


def end(
    conn: apsw.Connection,
    plan: Plan,
    *,
    kept: Sequence[Kept] | None,
    orphans: Orphans | None = None,
    pause: float,
) -> None:
    """Write the new version down, and the way back to the old one.

    Args:
        conn: The file, changed.
        plan: What was done.
        kept: The old tables; None where there is to be no way back.
        orphans: The rows that lacked their parents before, by the foreign keys that are no more.
        pause: Seconds that writers have waited.

    Raises:
        SchemaError: A reference would lose its table by this change.
    """
    # After the rows: where some refer to the table that goes, they are the better answer.
    execute.refuse_dangling(plan)
    way_back = "none" if kept is None else "kept"
    returns = None if kept is None else wayback.leave(conn, plan, kept, orphans=orphans or {})
    versions.record(conn, plan.new, strategy=plan.strategy, pause=pause, way_back=way_back, returns=returns)
