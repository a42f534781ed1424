"""A change of one tenant's schema where it lies: one short transaction on the live file.

    claim → change → record

Structure, version and control row change in one commit. A kill before it leaves the old schema, a kill after
it the new one: the file says which, and the catalog repeats that.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import apsw

from migrations_engine import sqlite
from migrations_engine.execution import execute
from migrations_engine.online import capture
from migrations_engine.online.phases import Phase, run
from tenantdb import control, fence
from tenantdb.catalog import tenants
from tenantdb.catalog.states import OperationState
from tenantdb.errors import LeaseLost, TenantDamaged
from workers.events import Event, emit
from workers.handover.handover import Place, current
from workers.handover.pause import Limits, Pause
from workers.hosts import host_of
from workers.operations.journal import Journal, unobserved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from tenantdb.marks import Marks
    from workers.operations.operation import Operation

    Clock = Callable[[], float]


@dataclass(kw_only=True, eq=False)
class InPlace:
    """One such change while it runs.

    Attributes:
        operation: Whose it is; its payload says which file.
        marks: Where writers are asked to hold back.
        act: Makes the change inside its transaction and gives the hash of the schema that is there then; gets
            the connection and a clock of the seconds that writers have waited.
        limits: How long writers may wait.
        pause: Seconds that they did.
    """

    operation: Operation
    marks: Marks
    act: Callable[[apsw.Connection, Clock], str]
    limits: Limits = field(default_factory=Limits)
    pause: float = 0.0

    @property
    def path(self) -> Path:
        """The tenant's file."""
        return _path(self.operation, _place(self.operation))


def in_place_payload(session: Session, tenant: str) -> dict[str, Any]:
    """What the operation's row says of the change: which file it touches."""
    return {"source": asdict(current(session, tenant))}


def change_in_place(work: InPlace, *, observer: Observer = unobserved) -> None:
    """Run the phases and record the end; a phase that fails leaves the file as it was.

    Raises:
        DataDoesNotFit: Rows that the new schema rejects.
        WayBackLossy: The older schema cannot hold everything that was written since.
        TenantBusy: A writer held the file for too long.
        LeaseLost: Another worker took the operation over.
    """
    with work.operation.alive():
        try:
            run(IN_PLACE, work, observer=Journal(operation=work.operation, then=observer))
        except LeaseLost:
            raise
        except BaseException as error:
            settle(work.operation, marks=work.marks, error=str(error) or type(error).__name__)
            raise
        work.operation.end(OperationState.DONE, result={"pause_ms": round(work.pause * 1000, 3)})
    emit(Event.OPERATION_DONE, f"{work.operation.kind} is done", operation=work.operation.id)


def claim(work: InPlace) -> None:
    """Write the operation's token into the file."""
    with contextlib.closing(sqlite.connect(work.path)) as conn:
        fence.claim(conn, operation=work.operation.id, token=work.operation.token)


def change(work: InPlace) -> None:
    """Change the file in one transaction, for which writers are asked to hold back; not beyond the deadline.

    Raises:
        TenantBusy: The deadline came first; nothing was changed.
    """
    tenant = work.operation.tenant
    with contextlib.ExitStack() as stack:
        conn = stack.enter_context(contextlib.closing(sqlite.connect(work.path)))
        stack.enter_context(execute.prepared(conn))
        pause = stack.enter_context(Pause(tenant=tenant, lock=conn, deadline=work.limits.deadline))
        pause.begin()
        work.marks.ask_to_yield(tenant, seconds=work.limits.deadline)
        stack.callback(work.marks.stop_asking, tenant)
        try:
            _change(work, conn, pause)
        except apsw.InterruptError:
            pause.check()
            raise
        pause.end()
    work.pause = pause.seconds


def _change(work: InPlace, conn: apsw.Connection, pause: Pause) -> None:
    operation = work.operation
    with fence.owned(conn, operation=operation.id, token=operation.token, durable=True):
        capture.remove(conn)  # it was for the way back of the change before, which ends here
        control.set_schema_hash(conn, work.act(conn, lambda: pause.seconds))
        with pause.decision():
            pass  # from here on the watchdog keeps out, and the transaction commits


def record(work: InPlace) -> None:
    """Let the catalog say what the file says."""
    _repeat(work.operation, work.marks)


def settle(operation: Operation, *, marks: Marks, error: str | None = None) -> OperationState:
    """Put in order what an interrupted change left; may run twice.

    Args:
        operation: Under a token that its former worker has not.
        marks: Where the processes of this host learn of it.
        error: Why it ended, if that is known.

    Raises:
        LeaseLost: Another worker took it over in turn.
        TenantBusy: The file is locked; try again.
    """
    place = _place(operation)
    with contextlib.closing(sqlite.connect(_path(operation, place))) as conn:
        fence.claim(conn, operation=operation.id, token=operation.token)
    changed = _repeat(operation, marks) != place.schema_hash
    state = OperationState.DONE if changed else OperationState.UNDONE
    operation.end(state, error=None if changed else error or "its worker died before the change")
    return state


def _repeat(operation: Operation, marks: Marks) -> str | None:
    """Bring the catalog's copy of the schema hash up to the file's; gives it."""
    place = _place(operation)
    path = _path(operation, place)
    with contextlib.closing(sqlite.connect(path)) as conn:
        row = control.read(conn)
    if row is None:
        raise TenantDamaged(operation.tenant, path=str(path), reason="it has no control row")
    with operation.catalog.begin() as session:
        operation.require(session)
        tenants.set_schema(
            session,
            tenant=operation.tenant,
            token=operation.token,
            generation=place.generation,
            schema_hash=row.schema_hash,
            operation=operation.id,
        )
    marks.changed(operation.tenant)
    return row.schema_hash


def _place(operation: Operation) -> Place:
    return Place.of(operation.payload["source"])


def _path(operation: Operation, place: Place) -> Path:
    return host_of(operation.catalog, place.server).locate(place.path, tenant=operation.tenant)


IN_PLACE: tuple[Phase[InPlace], ...] = (
    Phase(name="claim", run=claim),
    Phase(name="change", run=change),
    Phase(name="record", run=record),
)
