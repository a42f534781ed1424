"""The cut-over: the one moment at which a tenant changes its home, the same for every operation.

    lock catalog → lock source → last drain → compare rest → finish target
    → fence → seal unguarded → flip → mark → open

Each is durable before the next. Up to the fence everything is taken back freely, and tried again; from the
fence on only the catalog's answer decides, and where that is not known, recovery asks again.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy
from migrations_engine.online import copy, remainder, upkeep, verify
from migrations_engine.online.link import linked
from migrations_engine.online.phases import Phase, run
from tenantdb import fence
from tenantdb.errors import CatalogUnavailable, OperationFailed, TenantBusy
from workers.events import Event, emit
from workers.handover import archive, stages
from workers.handover.pause import Pause

if TYPE_CHECKING:
    from workers.handover.transfer import Transfer

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 1.0


@dataclass(kw_only=True, eq=False)
class Attempt:
    """One try: the locks that it holds, each let go of by its own stack, innermost first."""

    transfer: Transfer
    pause: Pause
    catalog: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    source: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    target: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    fenced: bool = False
    version: int = 0


def lock_catalog(attempt: Attempt) -> None:
    """Hold the tenant's row, see in it that the lease is ours, and write the new route, not yet committed.

    Nobody else sees it before ``flip`` commits; what is written now need not be written in the pause.
    """
    operation = attempt.transfer.operation
    session = attempt.catalog.enter_context(operation.catalog.begin())
    operation.require(session)
    attempt.transfer.handover.flip(session, token=operation.token)


def lock_source(attempt: Attempt) -> None:
    """Ask writers to hold back, and poll for the write lock; the pause begins, with its watchdog."""
    transfer, limits = attempt.transfer, attempt.transfer.limits
    attempt.pause.begin()
    transfer.marks.ask_to_yield(transfer.tenant, seconds=limits.deadline)
    attempt.source.callback(transfer.marks.stop_asking, transfer.tenant)
    attempt.source.enter_context(transfer.owned(transfer.lock, wait=limits.budget, durable=True))


def last_drain(attempt: Attempt) -> None:
    """Replay what came since, and compare each row of it: the lock proves that no writer is in flight."""
    transfer = attempt.transfer
    report = verify.keys(
        transfer.source,
        transfer.target,
        transfer.mappings,
        after=transfer.watermark,
        admit=transfer.admit,
        discard=transfer.discard,
    )
    transfer.watermark = report.watermark
    transfer.figures.drained += report.keys
    attempt.pause.check()
    attempt.pause.require(transfer.upkeep.seconds(transfer.stale()))
    stages.catch_up(transfer)
    attempt.pause.check()


def compare_rest(attempt: Attempt) -> None:
    """Look at what triggers can't see: the structure is as it was, counters and header values are carried."""
    transfer = attempt.transfer
    if sqlite.value(transfer.source, "PRAGMA schema_version") != transfer.schema_version:
        raise OperationFailed(transfer.operation.id, reason="its structure was changed meanwhile")
    if _differing(transfer):
        _carry_over(transfer)
    if differing := _differing(transfer):
        raise OperationFailed(transfer.operation.id, reason="; ".join(differing))
    attempt.pause.check()


def finish_target(attempt: Attempt) -> None:
    """Make the user's triggers, last of all, and everything durable: only then may the source be fenced."""
    transfer = attempt.transfer
    with transfer.owned(transfer.target, durable=True):
        remainder.create_triggers(transfer.target, transfer.triggers)
        transfer.finish(transfer, attempt.pause.seconds)
        fence.install_guards(transfer.target)
    attempt.pause.check()


def raise_fence(attempt: Attempt) -> None:
    """Retire the source, durably: the last moment at which the deadline could have undone everything."""
    with attempt.pause.decision():
        attempt.version = upkeep.version(attempt.transfer.lock)
        attempt.fenced = True  # before the commit: what a failing commit did can only be told from the file
        fence.retire(attempt.transfer.lock)
        attempt.source.close()


def seal_unguarded(attempt: Attempt) -> None:
    """Seal at once what guards cannot protect, and bring over what was written behind the fence till then.

    A virtual table other than FTS5's bears no triggers: a process that knows nothing of us could write to it
    until the seal, and what is written after the target opened would be lost without a word.
    """
    transfer, unguarded = attempt.transfer, attempt.transfer.upkeep.unguarded
    if not unguarded.tables:
        return
    operation = transfer.operation
    transfer.sealed = archive.seal_retired(
        operation, transfer.source_path, wait=transfer.limits.budget, by=transfer.lock
    )
    if upkeep.version(transfer.lock) != attempt.version:
        unguarded.catch_up(transfer.source, transfer.target, after=transfer.watermark, admit=transfer.admit)


def flip(attempt: Attempt) -> None:
    """Commit the route and the lives of both generations: nobody may see it before the fence stands."""
    attempt.catalog.close()


def mark(attempt: Attempt) -> None:
    """Tell the processes of this host that the route they know is stale.

    The opening is written before, and needs its commit only: those who wake now would take the processor.
    """
    transfer = attempt.transfer
    epoch = transfer.handover.target.epoch
    attempt.target.enter_context(fence.opening(transfer.target, epoch=epoch))
    transfer.marks.changed(transfer.tenant)


def open_target(attempt: Attempt) -> None:
    """Let the target take writes; a waiting writer that has read the committed route may have been faster."""
    attempt.target.close()
    attempt.pause.end()


CUTOVER: tuple[Phase[Attempt], ...] = (
    Phase(name="lock-catalog", run=lock_catalog),
    Phase(name="lock-source", run=lock_source),
    Phase(name="last-drain", run=last_drain),
    Phase(name="compare-rest", run=compare_rest),
    Phase(name="finish-target", run=finish_target),
    Phase(name="fence", run=raise_fence, binding=True),
    Phase(name="seal-unguarded", run=seal_unguarded),
    Phase(name="flip", run=flip),
    Phase(name="mark", run=mark),
    Phase(name="open", run=open_target),
)


def cut_over(transfer: Transfer) -> None:
    """Change the tenant's home; try again while writers can't be held for as little as the budget says.

    Raises:
        OperationFailed: It never fitted; the source is as it was.
        LeaseLost: Another worker carries the operation.
    """
    wait, missed = _FIRST_WAIT, None
    with linked(transfer.source, transfer.target):
        for number in range(1, transfer.limits.attempts + 1):
            transfer.figures.attempts = number
            _get_ready(transfer)
            missed = _try(transfer)
            if missed is None:
                return
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
    raise OperationFailed(
        transfer.operation.id,
        reason=f"{transfer.limits.attempts} pauses of up to {transfer.limits.deadline:.1f} s did not do "
        f"({missed})",
    )


def _try(transfer: Transfer) -> Exception | None:
    """One attempt; gives why it missed its pause, where everything is as before."""
    pause = Pause(tenant=transfer.tenant, lock=transfer.lock, deadline=transfer.limits.deadline)
    attempt = Attempt(transfer=transfer, pause=pause)
    try:
        with pause, attempt.catalog, attempt.source, attempt.target:
            run(CUTOVER, attempt, observer=transfer.observer)
    except (TenantBusy, DatabaseBusy, CatalogUnavailable) as error:
        if attempt.fenced:
            raise
        emit(Event.PAUSE_MISSED, f"the pause was missed: {error}", operation=transfer.operation.id)
        return error
    transfer.figures.pause = pause.seconds
    emit(
        Event.PAUSE_ENDED,
        f"writers waited {pause.seconds * 1000:.1f} ms",
        operation=transfer.operation.id,
    )
    return None


def _get_ready(transfer: Transfer) -> None:
    """Do all that can be done before the pause, so that the pause has as little as possible to sync."""
    with transfer.owned(transfer.target):
        remainder.drop_user_triggers(
            transfer.target
        )  # those of an attempt that missed would fire at the replay
    stages.drain(transfer)
    if transfer.upkeep.tables:  # takes its time, in which writes go on
        stages.catch_up(transfer)
        stages.drain(transfer)
    _carry_over(transfer)
    copy.sync(transfer.target)
    transfer.target.wal_checkpoint("main", mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    with contextlib.suppress(apsw.BusyError):  # a writer's own checkpoint does as well
        transfer.lock.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _carry_over(transfer: Transfer) -> None:
    remainder.carry_over(transfer.source, transfer.target, transfer.counted, admit=transfer.admit)


def _differing(transfer: Transfer) -> tuple[str, ...]:
    return remainder.differences(transfer.source, transfer.target, transfer.counted)
