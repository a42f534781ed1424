"""One file from one schema to another, and one version back.

A short change is one transaction, a long one goes online: every other process sees the old database or the
new one, whole, and a kill at any instant leaves one of the two.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from migrations_engine import sqlite, versions
from migrations_engine.checks.concerns import considered
from migrations_engine.errors import (
    DatabaseBusy,
    FleetFile,
    PauseTooLong,
)
from migrations_engine.execution import applying, execute, virtual, wayback
from migrations_engine.execution.compiling import compiled
from migrations_engine.introspection import introspect, structure
from migrations_engine.lone import choice, sweep
from migrations_engine.lone import claim as claims
from migrations_engine.lone.rebuild import rebuild
from migrations_engine.planning import leave, space
from migrations_engine.planning.estimate import estimated
from migrations_engine.progress import Watch, unwatched
from migrations_engine.reversal import roll_back_in
from migrations_engine.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from os import PathLike

    import apsw

    from migrations_engine.planning.leave import Leave
    from migrations_engine.planning.plan import Plan, Strategy, Wish
    from migrations_engine.versions import Version

BUSY_SECONDS = 5.0
"""How long a change waits for other writers, and for readers where the file is not in WAL mode."""

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What ``apply`` did.

    Attributes:
        changed: Whether the file is another one now.
        strategy: ``none``, ``in-place`` or ``rebuild``.
        pause: Seconds that writers waited.
        rows: Rows that were copied.
        version: The file's version afterwards; None for a file without versions.
        schema_hash: Its schema.
        steps: What was changed, in words.
        verified: Rows that were compared with what they were copied from.
        verify_seconds: How long that took.
    """

    changed: bool
    strategy: Strategy
    pause: float
    rows: int
    version: int | None
    schema_hash: str
    steps: tuple[str, ...] = ()
    verified: int = 0
    verify_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What ``rollback`` did.

    Attributes:
        version: The version that it wrote down.
        schema_hash: The schema that is there again.
        pause: Seconds that writers waited.
        losses: What of the writes made since was left out.
    """

    version: int
    schema_hash: str
    pause: float
    losses: tuple[str, ...]


def apply(
    schema: Schema,
    path: str | PathLike[str],
    *,
    allow_destructive: bool = False,
    allow: Iterable[str] = (),
    strategy: Wish = "auto",
    max_pause: float | None = None,
    progress: Watch = unwatched,
) -> Result:
    """Bring a file to a schema; makes the file where there is none.

    Args:
        schema: What the file is to hold.
        path: The file, of no fleet.
        allow_destructive: Leave to drop tables and columns and to rewrite values; a way back stays anyway.
        allow: Leave for exactly this, as ``drop-column:Users.phone``; more than what is lost does no harm.
        strategy: ``auto``, or ``in-place`` or ``rebuild`` for all tables that differ.
        max_pause: Seconds that writers may wait; None for as long as it takes.
        progress: Told how far it is, from time to time; what it raises ends the change.

    Raises:
        DestructiveChange: It would destroy data, without leave.
        DataDoesNotFit: Rows that the schema rejects.
        PauseTooLong: Writers would wait for longer than they may.
        NoSpace: There is no room for what would be written anew.
        SchemaError: SQLite refuses the schema, or a reference would lose its table or the key there.
        UnknownStrategy: There is no such strategy.
        WrongLeave: What is allowed is no RULE:OBJECT.
        Unsupported: An object that cannot be changed.
        DatabaseBusy: Another process holds the file.
        DatabaseDamaged: The file is not a sound database.
        FleetFile: The file is a tenant's.
    """
    leaves = leave.read_all(allow)
    if is_new := not sqlite.size(path):
        _require_creatable(schema, strategy=strategy)
    with _opened(path, mode="rwc", is_new=is_new, alone=choice.is_small) as conn:
        for _ in range(_ATTEMPTS):
            seen = _seen(conn, schema, strategy=strategy, max_pause=max_pause)
            if seen is None:
                sweep.litter(conn, wait=BUSY_SECONDS)
                continue
            plan = seen.plan
            _permit(plan, conn, leaves=None if allow_destructive else leaves, max_pause=max_pause)
            if plan.strategy == "none":
                result: Result | None = _swept(conn, _unchanged(conn, schema))
            elif plan.online:
                result = _online(conn, seen, max_pause=max_pause, watch=progress)
            else:
                result = _apply(conn, seen)
            if result is not None:
                return result
    raise DatabaseBusy(f"the structure of {path} is being changed by another process; try again")


def plan(
    schema: Schema,
    path: str | PathLike[str],
    *,
    strategy: Wish = "auto",
    max_pause: float | None = None,
) -> Plan:
    """Say what ``apply`` would do to a file, and what it would cost; changes nothing, makes no file.

    The arguments are those of ``apply``; a plan that takes longer than ``max_pause`` seconds is given too.

    Raises:
        MigrationError: As ``apply``, where the structure alone tells.
    """
    if not Path(path).exists():
        return considered(compiled(Schema(), schema, strategy=strategy))
    with _opened(path, mode="ro") as conn, sqlite.snapshot(conn):
        found = choice.chosen(conn, introspect(conn), schema, strategy=strategy, max_pause=max_pause)
        virtual.require_fillable(conn, found)
        return considered(found if found.costs else estimated(found, conn))


def roll_back(
    path: str | PathLike[str], *, discard_since: bool = False, progress: Watch = unwatched
) -> RolledBack:
    """Bring a file back to the version before its last change.

    Rows, rowids, counters and values are what they were, with the writes made since.

    Args:
        path: The file, of no fleet.
        discard_since: Leave out those writes that the older schema cannot hold.
        progress: Told how far it is, from time to time; what it raises ends the rollback, or else
            the clearing away (``clear``) after it.

    Raises:
        FileNotFoundError: There is no such file.
        NoWayBack: There is no earlier version, or what it needs was cleaned up.
        WayBackLossy: The older schema cannot hold everything that was written since.
        DatabaseBusy: Another process holds the file.
        FleetFile: The file is a tenant's.
    """
    with _opened(path, mode="rw") as conn:
        sweep.litter(conn, wait=BUSY_SECONDS)
        with execute.prepared(conn), _exclusive(conn) as clock:
            aside = not choice.is_small(conn)
            restored = roll_back_in(conn, discard_since=discard_since, aside=aside, watch=progress)
            schema = restored.version.schema
            versions.close_way_back(conn, "used")
            number = versions.record(conn, schema, strategy="rollback", pause=clock(), way_back="used")
        pause = max(clock(), sweep.garbage(conn, watch=progress))
    return RolledBack(version=number, schema_hash=schema.hash, pause=pause, losses=restored.losses)


def history(path: str | PathLike[str]) -> tuple[Version, ...]:
    """The versions of a file, oldest first.

    Raises:
        FileNotFoundError: There is no such file.
    """
    with contextlib.closing(sqlite.connect(path, mode="ro")) as conn, sqlite.mapped_errors(path):
        return versions.history(conn)


def cleanup(path: str | PathLike[str]) -> bool:
    """Drop what is kept for the way back; whether there was anything.

    Raises:
        FileNotFoundError: There is no such file.
        FleetFile: The file is a tenant's.
    """
    with _opened(path, mode="rw") as conn, _cleared(conn):
        if wayback.read(conn) is None:
            return False
        with execute.prepared(conn), _exclusive(conn):
            end = wayback.drop if choice.is_small(conn) else wayback.let_go
            end(conn)
            versions.close_way_back(conn, "dropped")
    return True


def _apply(conn: apsw.Connection, seen: _Seen) -> Result | None:
    """Carry a plan out in one transaction; None where another process changed the structure meanwhile."""
    with execute.prepared(conn, is_small=seen.is_small), _exclusive(conn) as clock:
        if _cookie(conn) != seen.cookie:
            return None
        applied = applying.apply_in(conn, seen.plan, keep=True, clock=clock, end_way_back=seen.end_way_back)
    result = _changed(
        seen.plan,
        pause=clock(),
        rows=applied.rows,
        verified=applied.rows,
        version=applied.version,
        verify_seconds=applied.verify_seconds,
    )
    # What was dropped at once has left no garbage.
    return result if seen.is_small else _swept(conn, result)


def _online(conn: apsw.Connection, seen: _Seen, *, max_pause: float | None, watch: Watch) -> Result | None:
    """Carry a plan out while others write; None where another process changed the structure meanwhile."""
    with execute.prepared(conn):
        done = rebuild(conn, seen.plan, cookie=seen.cookie, max_pause=max_pause, watch=watch)
    if done is None:
        return None
    last = versions.latest(conn)
    result = _changed(
        seen.plan,
        pause=done.pause,
        rows=done.rows,
        verified=done.verified,
        version=last.version if last else None,
        verify_seconds=done.verify_seconds,
    )
    return _swept(conn, result)


def _swept(conn: apsw.Connection, result: Result) -> Result:
    """Drop the old tables that no way back needs any more; writers may have to wait for that too."""
    return replace(result, pause=max(result.pause, sweep.garbage(conn)))


def _changed(
    plan: Plan, *, pause: float, rows: int, verified: int, version: int | None, verify_seconds: float
) -> Result:
    return Result(
        changed=True,
        strategy=plan.strategy,
        pause=pause,
        rows=rows,
        version=version,
        schema_hash=plan.new.hash,
        steps=plan.texts,
        verified=verified,
        verify_seconds=verify_seconds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One look at a file.

    Attributes:
        plan: What is to be done with it.
        cookie: The schema version that this holds for.
        own: The names of the engine's own objects in it.
        is_small: Whether whatever is done with it is done at once.
    """

    plan: Plan
    cookie: int
    own: frozenset[str]
    is_small: bool

    def end_way_back(self, conn: apsw.Connection) -> None:
        """End the way back that the file has, inside the caller's transaction."""
        if wayback.has_remains(self.own):
            end = wayback.drop if self.is_small else wayback.let_go
            end(conn)


def _seen(conn: apsw.Connection, schema: Schema, *, strategy: Wish, max_pause: float | None) -> _Seen | None:
    """Look at a file as it is now; None where a rebuild has left something in it, or is at work."""
    with sqlite.snapshot(conn):
        found = structure(conn)
        if claims.TABLE in found.own and claims.read(conn) is not None:
            return None
        plan = choice.chosen(conn, found.schema, schema, strategy=strategy, max_pause=max_pause)
        return _Seen(plan=plan, cookie=_cookie(conn), own=found.own, is_small=choice.is_small(conn))


def _permit(
    plan: Plan, conn: apsw.Connection, *, leaves: Sequence[Leave] | None, max_pause: float | None
) -> None:
    """Refuse what needs leave, before anything is changed; None for ``leaves`` is leave for all losses."""
    if leaves is not None:
        leave.refuse_losses(plan.change, leaves)
    space.require(conn, plan)
    if max_pause is None or plan.strategy == "none":
        return
    predicted = (plan if plan.costs else estimated(plan, conn)).pause
    if predicted > max_pause:
        raise PauseTooLong(predicted=predicted, allowed=max_pause)


def _unchanged(conn: apsw.Connection, schema: Schema) -> Result:
    last = versions.latest(conn)
    return Result(
        changed=False,
        strategy="none",
        pause=0.0,
        rows=0,
        version=last.version if last else None,
        schema_hash=schema.hash,
    )


def _require_creatable(schema: Schema, *, strategy: Wish) -> None:
    """Find what would be refused before there is a file, so that an error leaves none behind."""
    compiled(Schema(), schema, strategy=strategy)


@contextlib.contextmanager
def _opened(
    path: str | PathLike[str],
    *,
    mode: sqlite.Mode,
    is_new: bool = False,
    alone: Callable[[apsw.Connection], bool] = lambda _: False,
) -> Iterator[apsw.Connection]:
    """Hold a connection to a lone file for the block; a file that is made for it is in WAL mode."""
    conn = sqlite.connect(path, mode=mode, alone=alone)
    with sqlite.mapped_errors(path), contextlib.closing(conn):
        _require_lone(conn)
        if is_new:
            sqlite.switch_to_wal(conn)
        with sqlite.synced_at_end(conn):
            yield conn


@contextlib.contextmanager
def _cleared(conn: apsw.Connection) -> Iterator[None]:
    """Clear away what a killed rebuild left before the block, and what nobody needs any more after it."""
    sweep.litter(conn, wait=BUSY_SECONDS)
    yield
    sweep.garbage(conn)


def _require_lone(conn: apsw.Connection) -> None:
    """Refuse a tenant's file: its schema changes by its fleet, which knows every file of the tenant."""
    if not conn.table_exists("main", "_tenantdb_control"):
        return
    tenant = sqlite.value(conn, "SELECT tenant FROM main._tenantdb_control")
    if tenant is not None:
        raise FleetFile(conn.filename, tenant=tenant)


@contextlib.contextmanager
def _exclusive(conn: apsw.Connection) -> Iterator[Callable[[], float]]:
    """Hold the write lock for the block and commit; gives a clock of the seconds since the lock was had."""
    ended: list[float] = []
    with sqlite.unsynced(conn, wait=BUSY_SECONDS):
        began = time.monotonic()
        try:
            yield lambda: (ended[0] if ended else time.monotonic()) - began
            # Outside of WAL mode readers have to leave first.
            sqlite.execute_when_free(conn, "COMMIT", wait=BUSY_SECONDS)
            ended.append(time.monotonic())
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise


def _cookie(conn: apsw.Connection) -> int:
    return int(sqlite.value(conn, "PRAGMA schema_version"))
