"""The phases that a move, a rebuild and a rollback share, before and after their cut-over.

Each may run twice. None undoes itself: what an operation leaves behind where it fails is settled by the same
code that settles it after a kill (``settlement``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from migrations_engine import sqlite, versions
from migrations_engine.execution import wayback
from migrations_engine.introspection import introspect
from migrations_engine.online import capture as change_log
from migrations_engine.online import remainder, replay, soundness, verify
from migrations_engine.online.phases import Phase
from migrations_engine.online.upkeep import upkeep_of
from tenantdb import control, fence
from tenantdb.errors import TenantDamaged
from tenantdb.model import Control, FileState
from workers.handover import archive as keeping

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

    from workers.handover.transfer import Transfer

_ROOM = 1.5
"""Free space that a copy asks for, in sizes of what it copies: itself, its log, what comes meanwhile."""

_ROUNDS = 100
"""Drains before the rest is taken as small as it will get."""


def claim(transfer: Transfer) -> None:
    """Write the operation's token into the source: every transaction of it checks that from here on.

    Raises:
        TenantDamaged: The file is not the one that the route names; the doctor says more.
    """
    place = transfer.handover.source
    found = control.read(transfer.lock)
    expected = (transfer.tenant, place.generation, place.epoch)
    # Looked at before it is claimed: who retired a file is told from the operation that it carries.
    if (
        found is None
        or (found.tenant, found.generation, found.epoch) != expected
        or found.state is FileState.RETIRED
    ):
        raise TenantDamaged(
            transfer.tenant, path=str(transfer.source_path), reason="it is not what its route says it is"
        )
    _claim(transfer, transfer.lock)
    fence.open_generation(transfer.lock, epoch=place.epoch)  # perhaps nobody has written to it yet


def install_capture(transfer: Transfer) -> None:
    """Have triggers note the keys of changed rows, before anything is copied."""
    with transfer.owned(transfer.lock):
        # A table that somebody made from outside has no guards: it would take writes behind the fence.
        fence.install_guards(transfer.lock)
        schema = introspect(transfer.lock)
        mappings = transfer.mapped(schema)
        transfer.upkeep = upkeep_of(transfer.lock, schema, transfer.becomes(schema), mappings)
        transfer.mappings = (*mappings, *transfer.upkeep.noted)
        change_log.install(transfer.lock, [mapping.source for mapping in transfer.mappings])
    transfer.schema_version = sqlite.value(transfer.lock, "PRAGMA schema_version")


def snapshot(transfer: Transfer) -> None:
    """Write one consistent state of the source into the new generation's file."""
    transfer.target_host.require_space(int(transfer.base_path.stat().st_size * _ROOM))
    if not transfer.target_path.exists():
        transfer.target_host.create(transfer.handover.target.path, tenant=transfer.tenant)
    report = transfer.copied(transfer, _told(transfer, "snapshot"), lambda conn: _make_own(transfer, conn))
    transfer.watermark = report.watermark if transfer.handover.base == transfer.handover.source else 0
    transfer.figures.bytes = report.bytes


def prepare(transfer: Transfer) -> None:
    """Make the copy ready for replays: born, guarded, the user's triggers laid aside."""
    transfer.triggers = remainder.user_triggers(transfer.target)
    _claim(transfer, transfer.target)
    with transfer.owned(transfer.target, durable=True):
        control.write(transfer.target, _born(transfer))
        if not transfer.handover.keeps_log:
            change_log.remove(transfer.target)
        if not transfer.handover.keeps_way_back:  # a rollback would follow it, past what was changed after
            wayback.drop(transfer.target)
            versions.close_way_back(transfer.target, "dropped")
        if not transfer.handover.changes_schema:  # a rebuild wants to find them, and lays the new ones aside
            remainder.drop_user_triggers(transfer.target)
        fence.install_guards(transfer.target)
    transfer.target.execute("PRAGMA synchronous = NORMAL")


def drain(transfer: Transfer) -> None:
    """Replay what was changed since the copy, until a drain is so short that the last one fits the pause."""
    for _ in range(_ROUNDS):
        began = time.monotonic()
        report = replay.drain(
            transfer.source,
            transfer.target,
            transfer.mappings,
            after=transfer.watermark,
            admit=transfer.admit,
            discard=transfer.discard,
        )
        transfer.watermark = report.watermark
        transfer.figures.drained += report.keys
        transfer.progress("drain", transfer.figures.drained, 0)
        if time.monotonic() - began < transfer.limits.budget / 4:
            return


def compare(transfer: Transfer) -> None:
    """Compare both sides in full, by key range, outside the pause, and look whether the new file is sound."""
    began = time.monotonic()
    report = verify.full(
        transfer.source,
        transfer.target,
        transfer.mappings,
        after=transfer.watermark,
        admit=transfer.admit,
        progress=lambda rows: transfer.progress("verify", rows, 0),
    )
    transfer.watermark = report.watermark
    transfer.figures.rows = report.rows + verify_virtual(transfer)
    require_sound(transfer)
    transfer.figures.verify_seconds = time.monotonic() - began


def require_sound(transfer: Transfer) -> None:
    """The last part of the proof: SQLite's own look at the new file."""
    soundness.require(transfer.target, transfer.base)
    transfer.figures.verified = True


def verify_virtual(transfer: Transfer) -> int:
    """Compare what virtual tables keep elsewhere than in noted tables; gives the number of rows."""
    return transfer.upkeep.verify(
        transfer.source, transfer.target, after=transfer.watermark, admit=transfer.admit
    )


def catch_up(transfer: Transfer) -> None:
    """Bring over what differs in virtual tables, where they may have changed."""
    transfer.figures.drained += transfer.upkeep.catch_up(
        transfer.source, transfer.target, after=transfer.watermark, admit=transfer.admit
    )


def seal_source(transfer: Transfer) -> None:
    """Make the old file unwritable for everybody; where it is read still, the next sweep does it."""
    transfer.close()
    if transfer.sealed:  # to seal it again would open it for a moment
        return
    keeping.seal_retired(transfer.operation, transfer.source_path)


def archive(transfer: Transfer) -> None:
    """Keep the old generation, with a date until which it stays."""
    keeping.keep(transfer.operation, transfer.handover)


def _claim(transfer: Transfer, conn: apsw.Connection) -> None:
    fence.claim(conn, operation=transfer.operation.id, token=transfer.operation.token)


def _make_own(transfer: Transfer, conn: apsw.Connection) -> None:
    """Write the target's control row: copied from an open file, it would take writes like that one."""
    with sqlite.immediate(conn):
        control.write(conn, _born(transfer))
        fence.install_guards(conn)


def _born(transfer: Transfer) -> Control:
    place = transfer.handover.target
    return Control(
        tenant=transfer.tenant,
        generation=place.generation,
        epoch=place.epoch,
        state=FileState.BORN,
        operation=transfer.operation.id,
        token=transfer.operation.token,
        schema_hash=place.schema_hash,
    )


def _told(transfer: Transfer, phase: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        transfer.operation.check()
        transfer.progress(phase, done, total)

    return tell


CLAIM = Phase(name="claim", run=claim)
CAPTURE = Phase(name="capture", run=install_capture)
SNAPSHOT = Phase(name="snapshot", run=snapshot)
PREPARE = Phase(name="prepare", run=prepare)
DRAIN = Phase(name="drain", run=drain)
VERIFY = Phase(name="verify", run=compare)
SEAL = Phase(name="seal", run=seal_source)
ARCHIVE = Phase(name="archive", run=archive)
