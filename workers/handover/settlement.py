"""Carrying a verdict out: what an operation that failed, or whose worker died, leaves behind is put in order.

The same code runs in a process whose operation failed and in one that took it over. Each step may run twice.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy, DatabaseDamaged
from migrations_engine.introspection import introspect
from migrations_engine.online import capture
from migrations_engine.online.phases import Phase, run
from migrations_engine.online.shadows import followed
from migrations_engine.online.upkeep import Upkeep
from migrations_engine.online.virtual import lasting
from migrations_engine.sql.virtual import definition
from tenantdb import control, fence, seal
from tenantdb.catalog import generations, tenants
from tenantdb.catalog.states import GenerationState, OperationState, TenantState
from tenantdb.errors import LeaseLost
from tenantdb.model import FileState
from workers.events import Event, emit
from workers.handover import archive
from workers.handover.verdict import Facts, FileFact, RouteFact, Verdict, decide
from workers.hosts import host_of
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw
    from sqlalchemy.orm import Session

    from migrations_engine.model import VirtualTable
    from migrations_engine.online.phases import Observer
    from tenantdb.marks import Marks
    from tenantdb.model import Control
    from workers.handover.handover import Handover, Place
    from workers.operations.operation import Operation


@dataclass(slots=True, kw_only=True)
class Settlement:
    """One handover that is put in order by whoever holds its lease; ``error``: why, if that is known."""

    operation: Operation
    handover: Handover
    marks: Marks
    error: str | None = None
    facts: Facts | None = None

    def settle(self, *, observer: Observer = unobserved) -> Verdict:
        """Find the facts, decide, act, and record the end; gives what was decided.

        Raises:
            LeaseLost: Another worker carries the operation.
            TenantBusy: A file is locked; nothing was decided, try again.
        """
        self.facts = _find_facts(self)
        verdict = decide(self.facts)
        emit(Event.RECOVERED, f"operation {self.operation.id}: {verdict}", operation=self.operation.id)
        run(ACTS[verdict], self, observer=observer)
        return verdict

    def path(self, place: Place) -> Path:
        """The file of one of the two places."""
        return host_of(self.operation.catalog, place.server).locate(place.path, tenant=self.handover.tenant)

    @contextlib.contextmanager
    def opened(self, place: Place) -> Iterator[apsw.Connection]:
        """Hold a connection to one of the two files for the block."""
        with contextlib.closing(sqlite.connect(self.path(place))) as conn:
            yield conn

    def claim(self, conn: apsw.Connection) -> Control:
        """Shut older tokens out; gives the row as it was, which nobody else can change now."""
        return fence.claim(conn, operation=self.operation.id, token=self.operation.token)

    def admit(self, conn: apsw.Connection) -> contextlib.AbstractContextManager[apsw.Connection]:
        """Open a transaction that may write the target while it is born."""
        return fence.admitted(conn, operation=self.operation.id, token=self.operation.token)

    @contextlib.contextmanager
    def catalog(self) -> Iterator[Session]:
        """Write the catalog for the block, with the lease proved."""
        with self.operation.catalog.begin() as session:
            self.operation.require(session)
            yield session


def _find_facts(settlement: Settlement) -> Facts:
    """Read the committed route first, then the files, and shut every older token out of them."""
    handover = settlement.handover
    route = _route(settlement)
    if route is RouteFact.ELSEWHERE:
        return Facts(route=route, source=FileFact.MISSING, target=FileFact.MISSING)
    source = _claimed(settlement, handover.source)
    try:
        target = _claimed(settlement, handover.target)
    except (DatabaseBusy, OSError):
        # Only a copy that is being made keeps readers out: its worker is stopped, and its source is open. And
        # undoing what fills a disk must not wait until there is room to write into it.
        if source is not FileFact.OPEN:
            raise
        target = FileFact.UNFINISHED
    return Facts(route=route, source=source, target=target)


def _route(settlement: Settlement) -> RouteFact:
    operation, handover = settlement.operation, settlement.handover
    with operation.catalog.reading() as session:
        row = tenants.find(session, handover.tenant)
    if row is None or row.lease_token != operation.token:
        raise LeaseLost(handover.tenant, token=operation.token)
    for fact, place in ((RouteFact.SOURCE, handover.source), (RouteFact.TARGET, handover.target)):
        if (row.server_id, row.path, row.epoch) == (place.server, place.path, place.epoch):
            return fact
    return RouteFact.ELSEWHERE


def _claimed(settlement: Settlement, place: Place) -> FileFact:
    """What a file says it is, once nobody with an older token can change that any more."""
    try:
        with sqlite.mapped_errors(settlement.path(place)), settlement.opened(place) as conn:
            found = control.read(conn)
            if found is None or not _is_at(found, settlement.handover.tenant, place):
                return FileFact.UNFINISHED
            sealed = conn.readonly("main")
            if sealed and found.state is FileState.BORN:  # no seal: it was being written when its maker died
                return FileFact.UNFINISHED
            before = found if sealed else settlement.claim(conn)
    except FileNotFoundError:
        return FileFact.MISSING
    except DatabaseDamaged:
        return FileFact.UNFINISHED
    if before.state is FileState.RETIRED and before.operation != settlement.operation.id:
        return FileFact.STRANGE
    return FileFact.SEALED if sealed else FileFact(before.state.value)


def _is_at(found: Control, tenant: str, place: Place) -> bool:
    return (found.tenant, found.generation, found.epoch) == (tenant, place.generation, place.epoch)


def strip_source(settlement: Settlement) -> None:
    """Take the capture off the source, unless it was there before, for a way back."""
    if settlement.handover.kept:
        return
    operation = settlement.operation
    with (
        settlement.opened(settlement.handover.source) as conn,
        fence.owned(conn, operation=operation.id, token=operation.token),
    ):
        capture.remove(conn)


def drop_target(settlement: Settlement) -> None:
    """Remove what was made of the target; it never was anybody's home."""
    tenant, place = settlement.handover.tenant, settlement.handover.target
    host_of(settlement.operation.catalog, place.server).remove(place.path, tenant=tenant)
    with settlement.catalog() as session:
        generations.set_state(session, tenant=tenant, generation=place.generation, state=GenerationState.LOST)


def reopen_source(settlement: Settlement) -> None:
    """Let the source take writes again: its target is lost, and the route never named that."""
    operation = settlement.operation
    with settlement.opened(settlement.handover.source) as conn:
        fence.reopen(conn, operation=operation.id, token=operation.token)


def carry_unguarded(settlement: Settlement) -> None:
    """Seal the source, and bring over what reached virtual tables that bear no guards behind the fence.

    Only while the target is born: once it was open, its own rows are the truth.
    """
    facts, handover = settlement.facts, settlement.handover
    if facts is None or facts.target is not FileFact.BORN or facts.source is FileFact.MISSING:
        return
    with settlement.opened(handover.source) as source, settlement.opened(handover.target) as target:
        unguarded = Upkeep(followed(source, _carried(handover, source, target))).unguarded
        if unguarded.tables:
            if facts.source is FileFact.RETIRED:
                archive.seal_retired(settlement.operation, settlement.path(handover.source), by=source)
            unguarded.catch_up(source, target, after=0, admit=settlement.admit)


def _carried(handover: Handover, source: apsw.Connection, target: apsw.Connection) -> list[VirtualTable]:
    """The virtual tables that are the same on both sides; another schema may give indexes of others anew."""
    is_same = handover.source.schema_hash == handover.target.schema_hash
    return [
        table
        for table in lasting(introspect(source), introspect(target))
        if is_same or definition(table).content != "external"
    ]


def flip_route(settlement: Settlement) -> None:
    """Point the route to the target, if the cut-over did not come so far."""
    if _route(settlement) is RouteFact.SOURCE:
        with settlement.catalog() as session:
            settlement.handover.flip(session, token=settlement.operation.token)
    settlement.marks.changed(settlement.handover.tenant)


def open_target(settlement: Settlement) -> None:
    """Let the target take writes, now that the committed route names it."""
    with settlement.opened(settlement.handover.target) as conn:
        fence.open_generation(conn, epoch=settlement.handover.target.epoch)


def seal_source(settlement: Settlement) -> None:
    """Make the source unwritable for everybody; one that is gone, or opened for its seal, too."""
    path = settlement.path(settlement.handover.source)
    if not path.exists():
        return
    if seal.is_sealed(path):  # by a worker that died at it, perhaps: only the whole sequence proves anything
        seal.unseal(path)
        with settlement.opened(settlement.handover.source) as conn:
            settlement.claim(conn)
    archive.seal_retired(settlement.operation, path)


def keep_source(settlement: Settlement) -> None:
    """Let the old generation stay, with a date."""
    archive.keep(settlement.operation, settlement.handover)


def freeze(settlement: Settlement) -> None:
    """Touch no file, and let nothing else begin, before a person has looked."""
    with settlement.catalog() as session:
        tenants.set_state(
            session,
            tenant=settlement.handover.tenant,
            token=settlement.operation.token,
            state=TenantState.FROZEN,
            only_from=(TenantState.ACTIVE,),
        )


def end_done(settlement: Settlement) -> None:
    """Record that the operation reached its goal after all."""
    settlement.operation.end(OperationState.DONE)


def end_undone(settlement: Settlement) -> None:
    """Record that everything is as before, and why."""
    reason = settlement.error or "its worker died before the cut-over"
    settlement.operation.end(OperationState.UNDONE, error=reason)
    emit(Event.OPERATION_UNDONE, f"undone: {reason}", operation=settlement.operation.id)


def end_unknown(settlement: Settlement) -> None:
    """Record what was found, for a person."""
    facts = settlement.facts
    found = f"route at the {facts.route}, source {facts.source}, target {facts.target}" if facts else "?"
    emit(Event.OPERATION_UNKNOWN, found, operation=settlement.operation.id)
    settlement.operation.end(OperationState.UNKNOWN, error=found)


_END_UNDONE = Phase(name="end", run=end_undone)
_STRIP = Phase(name="strip-source", run=strip_source)
_DROP = Phase(name="drop-target", run=drop_target)

ACTS: dict[Verdict, tuple[Phase[Settlement], ...]] = {
    Verdict.NOTHING: (_END_UNDONE,),
    Verdict.UNDO: (_STRIP, _DROP, _END_UNDONE),
    Verdict.FORWARD: (
        Phase(name="carry-unguarded", run=carry_unguarded),
        Phase(name="flip-route", run=flip_route),
        Phase(name="open-target", run=open_target),
        Phase(name="seal-source", run=seal_source),
        Phase(name="keep-source", run=keep_source),
        Phase(name="end", run=end_done),
    ),
    Verdict.REOPEN: (Phase(name="reopen-source", run=reopen_source), _STRIP, _DROP, _END_UNDONE),
    Verdict.UNKNOWN: (Phase(name="freeze", run=freeze), Phase(name="end", run=end_unknown)),
}
"""What each verdict asks for, in an order that leads to the same end wherever it is interrupted."""
