"""A long process on one tenant: its row, its lease and the heartbeat that keeps it, its end.

1. ``begin``: one catalog transaction takes the lease and records what will be made, before it is made.
2. While it runs a heartbeat renews the lease; ``check`` raises LeaseLost once another worker has taken it.
3. ``finish`` or ``fail``: one catalog transaction records the end and gives the lease back.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantdb.boot import boot_id
from tenantdb.catalog import journal, leases, operations, routes, tenants
from tenantdb.catalog.states import OperationKind, OperationState, PhaseEvent, TenantState
from tenantdb.errors import CatalogUnavailable, LeaseLost, OperationFailed, TenantBusy, TenantNotFound
from workers.events import Event, emit
from workers.operations.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from tenantdb.catalog import Catalog
    from tenantdb.model import Route

LEASE_SECONDS = 30.0
"""How long an operation outlives its last heartbeat; recovery on another host waits that long."""


@dataclass(slots=True, kw_only=True, eq=False)
class Operation:
    """A running operation, as its carrier knows it."""

    catalog: Catalog
    id: str
    kind: OperationKind
    tenant: str
    token: int
    payload: Mapping[str, Any] = field(default_factory=dict)
    lease_seconds: float = LEASE_SECONDS
    _lost: threading.Event = field(default_factory=threading.Event)
    _unwritten: list[tuple[str, PhaseEvent]] = field(default_factory=list)

    def check(self) -> None:
        """Stop here if the lease was taken over.

        Raises:
            LeaseLost: The heartbeat has learnt so.
        """
        if self._lost.is_set():
            raise LeaseLost(self.tenant, token=self.token)

    def require(self, session: Session) -> None:
        """Hold the tenant's row and see in it that the lease is still this operation's.

        Raises:
            LeaseLost: The token in the row is another.
        """
        if not leases.holds(session, tenant=self.tenant, token=self.token):
            self._lost.set()
            raise LeaseLost(self.tenant, token=self.token)

    def note(self, phase: str, event: PhaseEvent) -> None:
        """Write a phase's boundary down, in a transaction of its own that proves the lease.

        That a phase was left is written with what comes next, and nothing here waits for the disk: losing a
        note loses nothing, because a phase may run twice and recovery looks at the files.

        Raises:
            LeaseLost: Another worker carries the operation.
        """
        self.check()
        self._unwritten.append((phase, event))
        if event is not PhaseEvent.LEFT:
            with self.catalog.noting() as session:
                self.require(session)
                self._write(session)

    def renew(self) -> None:
        """Let the lease live on; a lease that is gone is remembered for ``check``."""
        with self.catalog.begin() as session:
            if not leases.renew(session, tenant=self.tenant, token=self.token, seconds=self.lease_seconds):
                self._lost.set()

    def end(
        self, state: OperationState, *, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """Record how it ended and give the tenant back, in one transaction.

        Raises:
            LeaseLost: Another worker carries the operation; what it records is what counts.
        """
        with self.catalog.begin() as session:
            self.require(session)
            self._write(session)
            operations.end(
                session, operation=self.id, token=self.token, state=state, result=result, error=error
            )
            leases.release(session, tenant=self.tenant, token=self.token)

    def let_go(self) -> None:
        """Leave the operation to the next recovery at once: this one can't get on with it now."""
        with self.catalog.begin() as session:
            leases.renew(session, tenant=self.tenant, token=self.token, seconds=0.0)

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Renew the lease in the background for the block."""
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(stop,), name=f"heartbeat-{self.id}", daemon=True)
        heart.start()
        try:
            yield
        finally:
            stop.set()
            heart.join()

    def _write(self, session: Session) -> None:
        """Put the boundaries that are not written yet into the journal."""
        if not self._unwritten:
            return
        operations.note(session, operation=self.id, token=self.token, phase=self._unwritten[-1][0])
        for phase, event in self._unwritten:
            journal.note(session, operation=self.id, phase=phase, event=event)
        self._unwritten.clear()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(self.lease_seconds / 3) and not self._lost.is_set():
            with contextlib.suppress(
                CatalogUnavailable
            ):  # the next beat tries again; the token decides, not this
                self.renew()


def begin(
    catalog: Catalog,
    *,
    kind: OperationKind,
    tenant: str,
    plan: Callable[[Session, Route, str], Mapping[str, Any]],
    lease_seconds: float = LEASE_SECONDS,
) -> Operation:
    """Take a tenant's lease and record the operation, in one transaction.

    Args:
        catalog: The catalog.
        kind: What the operation does.
        tenant: The canonical id.
        plan: Called in that transaction with the session, the tenant's route and the operation's id; records
            what will be made and gives the payload.
        lease_seconds: How long the lease lives without a heartbeat.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantBusy: Another operation holds it.
    """
    identity = operations.new_id()
    with catalog.begin() as session:
        token = _lease(session, tenant, identity, lease_seconds)
        route = routes.find(session, tenant)
        if route is None:
            raise TenantNotFound(tenant)
        if route.state != TenantState.ACTIVE:
            raise OperationFailed(identity, reason=f"the tenant is {route.state}. Run: tenantdb doctor")
        payload = plan(session, route, identity)
        operations.begin(
            session,
            operation=identity,
            kind=kind,
            tenant=tenant,
            token=token,
            boot_id=boot_id(),
            payload=payload,
        )
    emit(Event.OPERATION_BEGUN, f"{kind} of tenant {tenant!r} begins", operation=identity, tenant=tenant)
    return Operation(
        catalog=catalog,
        id=identity,
        kind=kind,
        tenant=tenant,
        token=token,
        payload=payload,
        lease_seconds=lease_seconds,
    )


def _lease(session: Session, tenant: str, operation: str, seconds: float) -> int:
    token = leases.take(
        session, tenant=tenant, owner=str(Owner.myself()), seconds=seconds, operation=operation
    )
    if token is None:
        holder = tenants.get(session, tenant).operation_id
        raise TenantBusy(tenant, waited=0.0, reason=f"operation {holder} holds it")
    return token
