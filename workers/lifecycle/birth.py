"""How a tenant comes to be: the same for one that is created and one that is adopted.

1. ``begin``: one catalog transaction records the intent: the tenant (*creating*), the file to be, the lease.
2. **fill**: the file is made at the path that was recorded; it begins as a copy, and is *born*.
3. **publish**: the tenant is *active*: from here on there is a route to it.
4. **open**: the file goes from *born* to *open*; a writer who comes before does it himself.

What a kill leaves is told from the tenant's row alone: one that is *creating* is undone, one that is *active*
finished. So these phases need no journal.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.online import capture, copy
from migrations_engine.online.phases import Phase
from tenantdb import control, fence, paths
from tenantdb.boot import boot_id
from tenantdb.catalog import generations, leases, operations, routes, tenants
from tenantdb.catalog.states import GenerationState, OperationState, TenantState
from tenantdb.errors import TenantBusy, TenantNotFound
from tenantdb.model import Control, FileState
from workers.handover.handover import Place
from workers.hosts import host_of
from workers.operations import attempt
from workers.operations.journal import unobserved
from workers.operations.operation import LEASE_SECONDS, Operation
from workers.operations.owner import Owner
from workers.operations.takeover import take_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from tenantdb.catalog import Catalog
    from tenantdb.catalog.states import OperationKind
    from tenantdb.model import Route


@dataclass(frozen=True, kw_only=True)
class Birth:
    """A tenant that comes to be: its operation, its first file, and what that begins as."""

    operation: Operation
    place: Place
    origin: Path

    @property
    def path(self) -> Path:
        """The file to be."""
        host = host_of(self.operation.catalog, self.place.server)
        return host.locate(self.place.path, tenant=self.operation.tenant)


def begin(
    session: Session,
    *,
    catalog: Catalog,
    kind: OperationKind,
    tenant: str,
    server: str,
    schema_hash: str,
    origin: Path,
) -> Birth:
    """Record the intent: tenant, file and operation, before anything is made.

    Args:
        session: The one transaction of it.
        catalog: The catalog that the session is of.
        kind: Create or adopt.
        tenant: The canonical id.
        server: Where the file will be.
        schema_hash: Its schema.
        origin: What it begins as a copy of.

    Raises:
        TenantExists: The id is taken.
        TenantBusy: The tenant that had the id is just being deleted.
    """
    identity = operations.new_id()
    place = _plan(session, identity, tenant=tenant, server=server, schema_hash=schema_hash)
    token = _lease(session, tenant, identity)
    payload = asdict(place)
    operations.begin(
        session,
        operation=identity,
        kind=kind,
        tenant=tenant,
        token=token,
        boot_id=boot_id(),
        payload=payload,
    )
    operation = Operation(
        catalog=catalog, id=identity, kind=kind, tenant=tenant, token=token, payload=payload
    )
    return Birth(operation=operation, place=place, origin=origin)


def _plan(session: Session, operation: str, *, tenant: str, server: str, schema_hash: str) -> Place:
    """Record tenant and generation, and give where the file will be."""
    generation = generations.next_number(session, tenant)
    path = paths.fresh(tenant, generation)
    row = tenants.begin(
        session, tenant=tenant, server=server, path=path, generation=generation, schema_hash=schema_hash
    )
    generations.add(
        session,
        tenant=tenant,
        generation=generation,
        server=server,
        path=path,
        epoch=row.epoch,
        schema_hash=schema_hash,
        operation=operation,
    )
    return Place(server=server, path=path, generation=generation, epoch=row.epoch, schema_hash=schema_hash)


def _lease(session: Session, tenant: str, operation: str) -> int:
    owner = str(Owner.myself())
    token = leases.take(session, tenant=tenant, owner=owner, seconds=LEASE_SECONDS, operation=operation)
    if token is None:
        raise TenantBusy(tenant, waited=0.0, reason="it is just being deleted")
    return token


def carry_out(birth: Birth, phases: Sequence[Phase[Birth]], *, observer: Observer = unobserved) -> None:
    """Run the phases; where one fails, put things in order as after a kill.

    Raises:
        LeaseLost: Another worker took the operation over: this one leaves everything to it.
    """
    attempt.carry_out(
        birth.operation,
        phases,
        birth,
        observer=observer,
        settle=lambda reason: settle(birth.operation, error=reason),
    )


def route(birth: Birth) -> Route:
    """The route of the tenant that came to be.

    Raises:
        TenantNotFound: It is deleted by now.
    """
    with birth.operation.catalog.reading() as session:
        found = routes.find(session, birth.operation.tenant)
    if found is None:
        raise TenantNotFound(birth.operation.tenant)
    return found


def fill(birth: Birth) -> None:
    """Make the file as a copy, and make the copy this tenant's own, born; durable."""
    path = birth.path
    if not path.exists():
        host_of(birth.operation.catalog, birth.place.server).create(
            birth.place.path, tenant=birth.operation.tenant
        )
    with reading(birth.origin) as origin:
        copy.pages(origin, path, own=lambda conn: _make_own(conn, birth))


@contextlib.contextmanager
def reading(file: Path) -> Iterator[apsw.Connection]:
    """Open a database that is not ours, and leave it and its log as they are.

    For writing, because a connection that only reads leaves an empty log behind; a log that is not empty is
    left where it is instead of being checkpointed at the close.

    Raises:
        FileNotFoundError: There is no such file.
        DatabaseDamaged: It is no database.
    """
    log = file.with_name(file.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    conn = sqlite.connect(file)
    try:
        conn.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(has_log))
        yield conn
    finally:
        conn.close()


def publish(birth: Birth) -> None:
    """Give the tenant its route."""
    operation = birth.operation
    with operation.catalog.begin() as session:
        operation.require(session)
        tenants.set_state(
            session,
            tenant=operation.tenant,
            token=operation.token,
            state=TenantState.ACTIVE,
            only_from=(TenantState.CREATING,),
        )
        generations.set_state(
            session,
            tenant=operation.tenant,
            generation=birth.place.generation,
            state=GenerationState.OPEN,
        )


def open_file(birth: Birth) -> None:
    """Let the file take writes."""
    _open(birth.path, birth.place)


def settle(operation: Operation, *, error: str | None = None) -> OperationState:
    """Finish or undo a birth that was interrupted; may run twice.

    Args:
        operation: Under a token that its former worker has not.
        error: Why it ended, if that is known.

    Returns:
        How it ended.

    Raises:
        LeaseLost: Another worker took it over in turn.
    """
    place = Place.of(operation.payload)
    with operation.catalog.reading() as session:
        row = tenants.find(session, operation.tenant)
    published = row is not None and row.epoch == place.epoch and row.state is TenantState.ACTIVE
    host = host_of(operation.catalog, place.server)
    if published:
        _open(host.locate(place.path, tenant=operation.tenant), place)
        operation.end(OperationState.DONE)
        return OperationState.DONE
    # The file goes first: a tenant's row that says deleted must leave nothing behind that no one looks for.
    host.remove(place.path, tenant=operation.tenant)
    _forget(operation, place)
    operation.end(OperationState.UNDONE, error=error or "its worker died before the tenant was there")
    return OperationState.UNDONE


def clear(catalog: Catalog, tenant: str) -> None:
    """Put in order what an earlier try left behind, so that its id is not taken for ever.

    Raises:
        TenantBusy: That try goes on.
    """
    with catalog.reading() as session:
        row = tenants.find(session, tenant)
        if row is None or row.state is not TenantState.CREATING or row.operation_id is None:
            return
        interrupted = operations.find(session, row.operation_id)
    if interrupted is None:
        return
    operation = take_over(catalog, interrupted)
    if operation is None:
        raise TenantBusy(tenant, waited=0.0, reason=f"operation {interrupted.id} is making it")
    settle(operation)


def _make_own(conn: apsw.Connection, birth: Birth) -> None:
    """Write the control row first: until then the file says that it is another's."""
    row = Control(
        tenant=birth.operation.tenant,
        generation=birth.place.generation,
        epoch=birth.place.epoch,
        state=FileState.BORN,
        operation=birth.operation.id,
        token=birth.operation.token,
        schema_hash=birth.place.schema_hash,
    )
    conn.execute("PRAGMA synchronous = FULL")
    with sqlite.immediate(conn):
        control.write(conn, row)
        capture.remove(conn)
        fence.install_guards(conn)


def _open(path: Path, place: Place) -> None:
    conn = sqlite.connect(path)
    try:
        fence.open_generation(conn, epoch=place.epoch)
    finally:
        conn.close()


def _forget(operation: Operation, place: Place) -> None:
    with operation.catalog.begin() as session:
        operation.require(session)
        generations.set_state(
            session, tenant=operation.tenant, generation=place.generation, state=GenerationState.LOST
        )
        tenants.set_state(
            session,
            tenant=operation.tenant,
            token=operation.token,
            state=TenantState.DELETED,
            only_from=(TenantState.CREATING,),
        )


FILL = Phase(name="fill", run=fill)
PUBLISH = Phase(name="publish", run=publish)
OPEN = Phase(name="open", run=open_file)
BIRTH: tuple[Phase[Birth], ...] = (FILL, PUBLISH, OPEN)
