"""A tenant's move to another server, while it is read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrations_engine.online.phases import Phase
from tenantdb import ids
from tenantdb.catalog import Catalog, servers
from tenantdb.catalog.states import OperationKind, ServerState
from tenantdb.errors import ServerUnusable
from workers.handover import stages
from workers.handover.cutover import cut_over
from workers.handover.execution import carry_out
from workers.handover.handover import Handover
from workers.handover.pause import Limits
from workers.handover.transfer import Transfer, silent
from workers.hosts import marks_of
from workers.operations import operation
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from tenantdb.model import Route
    from tenantdb.settings import Settings

MOVE: tuple[Phase[Transfer], ...] = (
    stages.CLAIM,
    stages.CAPTURE,
    stages.SNAPSHOT,
    stages.PREPARE,
    stages.DRAIN,
    stages.VERIFY,
    Phase(name="cut-over", run=cut_over),
    stages.SEAL,
    stages.ARCHIVE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveResult:
    """How a move went; times in milliseconds and seconds, ``drained`` in replayed keys."""

    id: str
    operation: str
    source: str
    target: str
    generation: int
    epoch: int
    pause_ms: float
    rows: int
    bytes: int
    drained: int
    attempts: int
    verified: bool
    verify_seconds: float
    seconds: float

    def document(self) -> dict[str, Any]:
        """The move as programs get it."""
        names = {"source": "from", "target": "to"}
        return {names.get(name, name): getattr(self, name) for name in self.__slots__}


def move(
    tenant: int | str,
    *,
    to: str,
    settings: Settings,
    limits: Limits | None = None,
    observer: Observer = unobserved,
    progress: Callable[[str, int, int], None] = silent,
) -> MoveResult:
    """Bring a tenant to another server; applications see one slow write and no error.

    Args:
        tenant: Its id.
        to: The id of the server.
        settings: Where the catalog is.
        limits: How long writers may wait.
        observer: Hears of every boundary of every phase.
        progress: Told (phase, done, in all or 0) in long phases.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantBusy: Another operation holds it.
        ServerNotFound: There is no such server.
        ServerUnusable: It takes no tenants, has no room, or the tenant lives there already.
        OperationFailed: It could not be done; everything is as before.
        VerificationFailed: The copy is not equal to its source; everything is as before.
        DatabaseDamaged: The copy is not sound; everything is as before.
        OperationUnknown: Recovery has to finish or undo it.
        LeaseLost: Another worker took the operation over.
    """
    catalog = Catalog.open(settings)
    begun = operation.begin(
        catalog,
        kind=OperationKind.MOVE,
        tenant=ids.canonical(tenant),
        plan=lambda session, route, identity: _plan(session, route, identity, to).payload(),
    )
    transfer = Transfer(
        operation=begun,
        handover=Handover.of(begun.payload),
        marks=marks_of(settings),
        limits=limits or Limits(),
        observer=observer,
        progress=progress,
    )
    carry_out(transfer, MOVE)
    return _result(transfer)


def _plan(session: Session, route: Route, identity: str, to: str) -> Handover:
    """Say what will be made, and record the new generation before its file exists."""
    if route.server == to:
        raise ServerUnusable(to, reason=f"tenant {route.tenant!r} lives there already")
    if servers.get(session, to).state is not ServerState.ACTIVE:
        raise ServerUnusable(to, reason="it is draining and takes no tenants; choose another")
    return Handover.to_server(session, tenant=route.tenant, operation=identity, server=to)


def _result(transfer: Transfer) -> MoveResult:
    figures, handover = transfer.figures, transfer.handover
    return MoveResult(
        id=handover.tenant,
        operation=transfer.operation.id,
        source=handover.source.server,
        target=handover.target.server,
        generation=handover.target.generation,
        epoch=handover.target.epoch,
        pause_ms=round(figures.pause * 1000, 3),
        rows=figures.rows,
        bytes=figures.bytes,
        drained=figures.drained,
        attempts=figures.attempts,
        verified=figures.verified,
        verify_seconds=round(figures.verify_seconds, 3),
        seconds=round(figures.seconds, 3),
    )
