"""A tenant's way back by a new generation: it begins as a copy of the one before the last change of schema.

What was written since comes back through the change log of the open file, merged into the old rows: columns
that the newer schema did not know keep their values.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from migrations_engine import versions
from migrations_engine.errors import DataDoesNotFit, NoWayBack, WayBackLossy
from migrations_engine.introspection import introspect
from migrations_engine.online import capture, verify
from migrations_engine.online.mapping import reverse
from migrations_engine.online.phases import Phase
from workers.handover import stages
from workers.handover.cutover import cut_over
from workers.handover.execution import carry_out
from workers.migration import losses

if TYPE_CHECKING:
    from migrations_engine.model import Objects
    from migrations_engine.online.mapping import Mapping
    from workers.handover.transfer import Transfer


def follow(transfer: Transfer) -> None:
    """Go on noting what is written; refused where it was not noted from the generation's first write on.

    A log that began later would bring back only what is in it: all other writes would be lost without a word.

    Raises:
        NoWayBack: The file has no log.
    """
    if not transfer.lock.table_exists("main", capture.LOG):
        raise NoWayBack(f"tenant {transfer.tenant!r} has no record of what was written since the last change")
    stages.install_capture(transfer)


def rehearse(transfer: Transfer) -> None:
    """List what was written since that the older schema has no place for, before anything is made."""
    if transfer.discard:
        return
    found = list(
        losses.unplaced(
            transfer.source, introspect(transfer.source), introspect(transfer.base), transfer.mappings
        )
    )
    if found:
        raise WayBackLossy(found)


def merge(transfer: Transfer) -> None:
    """Bring what was written since into the old rows, and compare each row of it.

    All else is the old generation's own pages, so that nothing else needs to be compared: where the way
    forward had changed a value, the old one comes back as it was.
    """
    began = time.monotonic()
    try:
        report = verify.keys(
            transfer.source,
            transfer.target,
            transfer.mappings,
            after=transfer.watermark,
            admit=transfer.admit,
            discard=transfer.discard,
        )
    except DataDoesNotFit as error:
        raise WayBackLossy([str(misfit) for misfit in error.misfits]) from error
    transfer.watermark = report.watermark
    transfer.figures.rows = report.rows + _verify_virtual(transfer)
    transfer.figures.drained += report.keys
    stages.require_sound(transfer)
    transfer.figures.verify_seconds = time.monotonic() - began


def _verify_virtual(transfer: Transfer) -> int:
    """Compare virtual tables in full: they have nothing that the way forward could have changed."""
    noted = verify.full(
        transfer.source,
        transfer.target,
        transfer.upkeep.noted,
        after=transfer.watermark,
        admit=transfer.admit,
    )
    return noted.rows + stages.verify_virtual(transfer)


ROLLBACK: tuple[Phase[Transfer], ...] = (
    stages.CLAIM,
    Phase(name=stages.CAPTURE.name, run=follow),
    Phase(name="rehearse", run=rehearse),
    stages.SNAPSHOT,
    stages.PREPARE,
    Phase(name="merge", run=merge),
    Phase(name="cut-over", run=cut_over),
    stages.SEAL,
    stages.ARCHIVE,
)


def return_to_generation(transfer: Transfer) -> None:
    """Bring a tenant back to the generation before, with the writes made since.

    Raises:
        WayBackLossy: The older schema cannot hold everything that was written since.
        OperationFailed: It could not be done.
        LeaseLost: Another worker took the operation over.
    """

    def mapped(now: Objects) -> tuple[Mapping, ...]:
        return reverse(introspect(transfer.base), now)

    def finish(this: Transfer, pause: float) -> None:
        versions.take_over(this.source, this.target)
        versions.record(this.target, introspect(this.base), strategy="rollback", pause=pause, way_back="used")

    transfer.mapped, transfer.finish = mapped, finish
    transfer.becomes = lambda _: introspect(transfer.base)
    carry_out(transfer, ROLLBACK)
