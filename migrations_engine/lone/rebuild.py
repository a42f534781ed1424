"""A lone file's tables rebuilt inside it, online: the list of phases, and what they work on."""

from __future__ import annotations

import contextlib
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.checks import misfits
from migrations_engine.errors import DatabaseBusy, DataDoesNotFit, PauseTooLong
from migrations_engine.lone import beside, parents, sweep
from migrations_engine.lone import claim as claims
from migrations_engine.lone.cutover import CutOver
from migrations_engine.lone.reserve import Reserve
from migrations_engine.lone.rows import Rows
from migrations_engine.lone.turns import Moved, Turns, TurnTooLong
from migrations_engine.online import capture, phases
from migrations_engine.online.phases import Boundary, Phase
from migrations_engine.online.replay import replaying
from migrations_engine.planning.estimate import BUDGET_SECONDS
from migrations_engine.progress import Progress, Watch, unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migrations_engine.lone.beside import Beside
    from migrations_engine.lone.claim import Claim
    from migrations_engine.lone.parents import NewKey
    from migrations_engine.planning.plan import Plan

TRIES = 6
"""How often the cut-over is tried; where the user sets no limit, the last try takes as long as it takes."""

_REST_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did: rows copied, rows compared and how long that took, and the pause."""

    rows: int
    verified: int
    verify_seconds: float
    pause: float


@dataclass(slots=True, kw_only=True)
class Rebuild:
    """One rebuild at work.

    Attributes:
        conn: The file, outside of any transaction, on an ``execute.prepared`` connection.
        plan: What is changed, with its costs.
        max_pause: Seconds that writers may wait; None where they should not wait long, but may.
        watch: Told how far it is.
        reserve: Room on the disk for taking everything back.
    """

    conn: apsw.Connection
    plan: Plan
    max_pause: float | None
    watch: Watch
    reserve: Reserve
    turns: Turns
    tables: tuple[Beside, ...]
    keys: tuple[NewKey, ...]
    rows: Rows | None = None
    held: ExitStack = field(default_factory=ExitStack)
    copied: int = 0
    verified: int = 0
    verify_seconds: float = 0.0

    @property
    def at_rows(self) -> Rows:
        """The rows, once writes are noted."""
        if self.rows is None:
            raise LookupError("nothing is captured yet")
        return self.rows

    def say(self, phase: str, done: int) -> None:
        """Tell how many rows a phase is done with."""
        total = self.plan.rows
        share = done / total if total else 0.0
        self.watch(
            Progress(phase=phase, rows=done, total=total, bytes=int(self.plan.bytes * min(share, 1.0)))
        )


def rebuild(
    conn: apsw.Connection,
    plan: Plan,
    *,
    cookie: int,
    max_pause: float | None = None,
    watch: Watch = unwatched,
) -> Rebuilt | None:
    """Carry a plan out while others write.

    Args:
        conn: The file, outside of any transaction, on an ``execute.prepared`` connection.
        plan: What to do, for the file as it is.
        cookie: The schema version that the plan was made for.
        max_pause: Seconds that writers may wait.
        watch: Told how far it is.

    Returns:
        What was done; None where another process has changed the structure meanwhile: nothing was changed.

    Raises:
        DataDoesNotFit: Rows that the new schema rejects.
        PauseTooLong: The cut-over takes longer than writers may wait.
        DatabaseBusy: Others are in the way for too long.
        Unsupported: Something that cannot be followed while it is written.
        NoSpace: There is not even room for taking it back.
    """
    with Reserve(conn.filename) as reserve:
        return _rebuild(conn, plan, reserve, cookie=cookie, max_pause=max_pause, watch=watch)


def _rebuild(
    conn: apsw.Connection,
    plan: Plan,
    reserve: Reserve,
    *,
    cookie: int,
    max_pause: float | None,
    watch: Watch,
) -> Rebuilt | None:
    turns = Turns(conn, most=None if max_pause is None else max_pause / 4)
    turns.cookie = cookie
    work = Rebuild(
        conn=conn,
        plan=plan,
        max_pause=max_pause,
        watch=watch,
        reserve=reserve,
        turns=turns,
        tables=beside.tables(plan),
        keys=parents.new_keys(plan),
    )
    with _explained(conn, plan, work.tables), _loosely_synced(conn), work.held:
        try:
            phases.run(PHASES, work, observer=_observer(work))
        except Moved:
            return None
        finally:
            if turns.claim is not None:
                claims.forget(turns.claim)
    return Rebuilt(
        rows=work.copied, verified=work.verified, verify_seconds=work.verify_seconds, pause=turns.longest
    )


def _claim(this: Rebuild) -> None:
    """Write down whose the file is: nobody else begins, and after a crash it is known what to clear."""

    def make() -> Claim:
        if claims.read(this.conn) is not None:  # somebody was faster
            raise Moved
        return claims.make(this.conn)

    this.turns.claim = this.turns.take(make, ddl=True)


def _make(this: Rebuild) -> None:
    """Make the new tables, empty: with all indexes, since making one later would keep writers waiting."""

    def make() -> None:
        for table in this.tables:
            for statement in table.statements:
                this.conn.execute(statement)

    this.turns.take(make, ddl=True)


def _capture(this: Rebuild) -> None:
    """Note the keys of all rows that are written from now on."""
    shapes = {table.old.name: table.mapping.source for table in this.tables}
    for parent in parents.captured(this.keys):
        shapes.setdefault(parent.name, parent)
    this.turns.take(lambda: capture.install(this.conn, list(shapes.values())), ddl=True)
    mappings = [table.mapping for table in this.tables]
    replayer = this.held.enter_context(replaying(this.conn, this.conn, mappings))
    this.rows = Rows(this.turns, replayer, mappings)


def _copy(this: Rebuild) -> None:
    """Copy all rows, some in each short transaction."""
    for rows in this.at_rows.copy():
        this.copied += rows
        this.say("copy", this.copied)


def _verify(this: Rebuild) -> None:
    """Compare all rows of both sides, in snapshots that keep nobody from writing."""
    began = time.monotonic()
    this.at_rows.drain()
    for digest in this.at_rows.prove():
        this.verified += digest.rows
        this.say("verify", this.verified)
    this.verify_seconds = time.monotonic() - began


def _check_parents(this: Rebuild) -> None:
    """Hold all rows against the foreign keys that the change brings."""
    this.at_rows.drain()

    def check() -> None:
        for key in this.keys:
            key.require(this.conn)

    this.turns.snapshot(check)


def _drain(this: Rebuild) -> None:
    """Replay until little is left, and bring the log into the file: the cut-over has little to write out."""
    this.at_rows.drain(after=lambda: _check_touched(this))
    this.turns.checkpoint()


def _cut_over(this: Rebuild) -> None:
    """Give the new tables the old ones' place; taken back and tried again where it takes too long."""
    this.conn.execute("PRAGMA synchronous = FULL")
    for left in reversed(range(TRIES)):
        limit = this.max_pause if this.max_pause is not None else (BUDGET_SECONDS if left else None)
        try:
            this.at_rows.finish(lambda: _swap(this), limit=limit)
        except TurnTooLong:
            if left:
                time.sleep(_REST_SECONDS * (TRIES - left))
                _drain(this)
        else:
            this.turns.claim = None
            return
    raise PauseTooLong(predicted=this.turns.held, allowed=this.max_pause or 0.0)


def _swap(this: Rebuild) -> None:
    _check_touched(this)
    began = time.monotonic()
    CutOver(
        conn=this.conn,
        plan=this.plan,
        tables=this.tables,
        clock=lambda: max(this.turns.longest, time.monotonic() - began),
    ).run()


def _check_touched(this: Rebuild) -> None:
    for key in this.keys:
        key.require_touched(this.conn)


def _undo_claim(this: Rebuild) -> None:
    _taken_back(this, sweep.take_claim)


def _undo_make(this: Rebuild) -> None:
    _taken_back(this, sweep.take_tables)


def _undo_capture(this: Rebuild) -> None:
    _taken_back(this, sweep.take_capture)


def _taken_back(this: Rebuild, take: Callable[[Turns], None]) -> None:
    """Take a part out of the file, if it is still this rebuild's.

    What somebody is in the way of, or a full disk, stays: the record says that nobody is at it any more, and
    the next command clears it away.
    """
    turns = this.turns
    if turns.claim is None or not claims.holds(this.conn, turns.claim):
        return
    this.reserve.release()
    turns.accept()
    with contextlib.suppress(DatabaseBusy, Moved, apsw.Error):
        turns.checkpoint()
        take(turns)


PHASES: tuple[Phase[Rebuild], ...] = (
    Phase(name="claim", run=_claim, undo=_undo_claim),
    Phase(name="make", run=_make, undo=_undo_make),
    Phase(name="capture", run=_capture, undo=_undo_capture),
    Phase(name="copy", run=_copy),
    Phase(name="verify", run=_verify),
    Phase(name="parents", run=_check_parents),
    Phase(name="drain", run=_drain),
    Phase(name="cut-over", run=_cut_over),
)


def _observer(work: Rebuild) -> phases.Observer:
    def observe(phase: str, boundary: Boundary, /) -> None:
        if boundary is Boundary.ENTERED:
            work.say(phase, 0)

    return observe


@contextlib.contextmanager
def _explained(conn: apsw.Connection, plan: Plan, tables: tuple[Beside, ...]) -> Iterator[None]:
    """Say which rows do not fit by the rules of the new schema, where SQLite says that one does not."""
    try:
        yield
    except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError, DataDoesNotFit) as error:
        if isinstance(error, DataDoesNotFit) and not _names(error, tables):
            raise
        with sqlite.snapshot(conn):
            found = misfits.misfits(conn, plan)
        raise DataDoesNotFit(found or [misfits.unexplained(error)]) from error


def _names(error: DataDoesNotFit, tables: tuple[Beside, ...]) -> bool:
    """Whether an error speaks of tables by names that nobody knows."""
    return any(misfit.table == table.name for misfit in error.misfits for table in tables)


@contextlib.contextmanager
def _loosely_synced(conn: apsw.Connection) -> Iterator[None]:
    """Let the turns of the block wait for no disk, in WAL mode, where nothing can come of it.

    They are worth nothing before the cut-over, which syncs them all.
    """
    before = sqlite.value(conn, "PRAGMA synchronous")
    if sqlite.value(conn, "PRAGMA journal_mode") == "wal":
        conn.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        conn.execute(f"PRAGMA synchronous = {before}")
