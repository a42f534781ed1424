"""A tenant's end: its id is free again, its file stays for a while as the way back.

1. **fence**: the file is *retired*: no process can write to it any more, whatever route it knows.
2. **unroute**: the tenant is *deleted*; its row stays, so that a new tenant of the id goes on from its epoch.
3. **mark**: the processes of this host learn that the route is stale.
4. **seal**: nothing can write to the file, whoever tries.
5. **archive**: the file stays, with a date until which it is kept.

Before the fence nothing has happened; from the fence on it only goes forward. Each phase may run twice.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.online.phases import Phase, run
from tenantdb import control, fence, ids, paths, seal
from tenantdb.catalog import Catalog, generations, tenants
from tenantdb.catalog.states import GenerationState, OperationKind, OperationState, TenantState
from tenantdb.errors import ServerUnusable
from tenantdb.marks import Marks
from tenantdb.model import FileState
from workers.handover import archive
from workers.handover.handover import Place
from workers.hosts import host_of
from workers.operations import attempt
from workers.operations import operation as operations
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from tenantdb.model import Route
    from tenantdb.settings import Settings
    from workers.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Where the file stays, and until when (seconds since 1970)."""

    tenant: str
    path: Path
    keep_until: float


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """A tenant that is being deleted, and the one file that it has."""

    settings: Settings
    operation: Operation
    place: Place
    keep_until: float

    @property
    def path(self) -> Path:
        """The file."""
        host = host_of(self.operation.catalog, self.place.server)
        return host.locate(self.place.path, tenant=self.operation.tenant)

    @property
    def is_lost(self) -> bool:
        """Whether the file is gone.

        Raises:
            ServerUnusable: The whole server is: a disk that comes back would bring an open file with it.
        """
        root = self.path.parents[paths.TENANT_DEPTH - 1]
        if not root.is_dir():
            raise ServerUnusable(
                self.place.server, reason=f"its folder {root} is not there; bring it back first"
            )
        return not self.path.exists()


def delete(
    tenant: int | str,
    *,
    settings: Settings,
    keep_seconds: float = archive.KEEP_SECONDS,
    observer: Observer = unobserved,
) -> Deleted:
    """Delete a tenant; its file stays until its keeping is over, and can be adopted again.

    Args:
        tenant: Its id.
        settings: Where the catalog is.
        keep_seconds: How long the file stays.
        observer: Hears of every boundary of every phase.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantBusy: Another operation, or a writer, holds it; nothing was changed.
        ServerUnusable: The server's folder is not there; nothing was changed.
        LeaseLost: Another worker took the operation over.
    """
    operation = operations.begin(
        Catalog.open(settings),
        kind=OperationKind.DELETE,
        tenant=ids.canonical(tenant),
        plan=lambda session, route, _: {
            **asdict(_place(session, route)),
            "keep_until": time.time() + keep_seconds,
        },
    )
    deletion = _deletion(settings, operation)
    attempt.carry_out(
        operation,
        DELETION,
        deletion,
        observer=observer,
        settle=lambda reason: _settle(deletion, reason),
    )
    return Deleted(tenant=operation.tenant, path=deletion.path, keep_until=deletion.keep_until)


def settle(settings: Settings, operation: Operation) -> OperationState:
    """Finish a deletion that was interrupted, or forget it where it had not begun; may run twice.

    Args:
        settings: Where the home is.
        operation: Under a token that its former worker has not.

    Raises:
        LeaseLost: Another worker took it over in turn.
        TenantBusy: The file is locked; try again.
    """
    return _settle(_deletion(settings, operation), "its worker died before the fence")


def raise_fence(deletion: Deletion) -> None:
    """Retire the file, durably; one that is missing needs no fence, one that is sealed has it."""
    if deletion.is_lost:
        return
    conn = sqlite.connect(deletion.path)
    try:
        if conn.readonly("main"):
            return
        identity, token = deletion.operation.id, deletion.operation.token
        fence.claim(conn, operation=identity, token=token)
        fence.open_generation(conn, epoch=deletion.place.epoch)  # nobody may have written to it yet
        with fence.owned(conn, operation=identity, token=token, durable=True) as row:
            if row.state is not FileState.RETIRED:
                fence.retire(conn)
    finally:
        conn.close()


def unroute(deletion: Deletion) -> None:
    """Take the route away; after the fence, so that nobody writes where nothing is looked for."""
    operation = deletion.operation
    with operation.catalog.begin() as session:
        operation.require(session)
        tenants.set_state(
            session,
            tenant=operation.tenant,
            token=operation.token,
            state=TenantState.DELETED,
            only_from=(TenantState.ACTIVE, TenantState.DELETED),
        )
        generations.set_state(
            session,
            tenant=operation.tenant,
            generation=deletion.place.generation,
            state=GenerationState.RETIRED,
        )


def mark(deletion: Deletion) -> None:
    """Tell the processes of this host."""
    Marks(deletion.settings.layout.marks).changed(deletion.operation.tenant)


def seal_file(deletion: Deletion) -> None:
    """Make the file unwritable for everybody."""
    if not deletion.is_lost and not seal.is_sealed(deletion.path):
        archive.seal_retired(deletion.operation, deletion.path)


def keep(deletion: Deletion) -> None:
    """Note until when the file stays."""
    operation = deletion.operation
    state = GenerationState.LOST if deletion.is_lost else GenerationState.ARCHIVED
    with operation.catalog.begin() as session:
        operation.require(session)
        generations.set_state(
            session,
            tenant=operation.tenant,
            generation=deletion.place.generation,
            state=state,
            keep_until=deletion.keep_until,
        )


def _place(session: Session, route: Route) -> Place:
    row = tenants.get(session, route.tenant)
    return Place(
        server=row.server_id,
        path=row.path,
        generation=row.generation,
        epoch=row.epoch,
        schema_hash=row.schema_hash,
    )


def _deletion(settings: Settings, operation: Operation) -> Deletion:
    return Deletion(
        settings=settings,
        operation=operation,
        place=Place.of(operation.payload),
        keep_until=operation.payload["keep_until"],
    )


def _settle(deletion: Deletion, error: str) -> OperationState:
    """Go forward, unless the file takes writes still: then nothing has happened."""
    if _takes_writes(deletion):
        deletion.operation.end(OperationState.UNDONE, error=error)
        return OperationState.UNDONE
    run(DELETION, deletion, observer=unobserved)
    deletion.operation.end(OperationState.DONE)
    return OperationState.DONE


def _takes_writes(deletion: Deletion) -> bool:
    if deletion.is_lost:
        return False
    conn = sqlite.connect(deletion.path)
    try:
        row = control.read(conn)
    finally:
        conn.close()
    return row is not None and row.state is not FileState.RETIRED


DELETION: tuple[Phase[Deletion], ...] = (
    Phase(name="fence", run=raise_fence),
    Phase(name="unroute", run=unroute),
    Phase(name="mark", run=mark),
    Phase(name="seal", run=seal_file),
    Phase(name="archive", run=keep),
)
