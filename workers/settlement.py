"""Carrying a verdict out: what an operation that failed, or whose worker died, leaves behind is put in order.

The same code runs in a process whose operation failed and in one that took it over. Each step may run twice.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy, DatabaseDamaged
from migrations_engine.online import capture
from tenantdb import control, fence, seal
from tenantdb.catalog import generations, tenants
from tenantdb.catalog.states import GenerationState, OperationState, TenantState
from tenantdb.errors import LeaseLost
from workers import archive
from workers.events import Event, emit
from workers.hosts import host_of, marks_of_this_host
from workers.verdict import Facts, FileFact, RouteFact, Verdict, decide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

    from tenantdb.model import Control
    from workers.handover import Handover, Place
    from workers.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One handover that is put in order by whoever holds its lease."""

    operation: Operation
    handover: Handover
    error: str | None = None

    def settle(self) -> Verdict:
        """Find the facts, decide, act, and record the end; gives what was decided.

        Raises:
            LeaseLost: Another worker carries the operation.
            TenantBusy: A file is locked; nothing was decided, try again.
        """
        facts = self._facts()
        verdict = decide(facts)
        emit(Event.RECOVERED, f"operation {self.operation.id}: {verdict}", operation=self.operation.id)
        match verdict:
            case Verdict.NOTHING:
                self._end(OperationState.UNDONE, "the tenant has moved on without it")
            case Verdict.UNDO:
                self._undo()
            case Verdict.FORWARD:
                self._finish_forward(facts)
            case Verdict.REOPEN:
                self._reopen()
            case Verdict.UNKNOWN:
                self._freeze(facts)
        return verdict

    def _facts(self) -> Facts:
        """Read the committed route first, then the files, and shut every older token out of them."""
        route = self._route()
        if route is RouteFact.ELSEWHERE:
            return Facts(route=route, source=FileFact.MISSING, target=FileFact.MISSING)
        source = self._claimed(self.handover.source)
        try:
            target = self._claimed(self.handover.target)
        except DatabaseBusy:
            # Only a copy that is being made keeps readers out: its worker is stopped, and its source is open.
            if source is not FileFact.OPEN:
                raise
            target = FileFact.UNFINISHED
        return Facts(route=route, source=source, target=target)

    def _route(self) -> RouteFact:
        with self.operation.catalog.reading() as session:
            row = tenants.find(session, self.handover.tenant)
            if row is None or row.lease_token != self.operation.token:
                raise LeaseLost(self.handover.tenant, token=self.operation.token)
            here = (row.server_id, row.path, row.epoch)
        for fact, place in (
            (RouteFact.SOURCE, self.handover.source),
            (RouteFact.TARGET, self.handover.target),
        ):
            if here == (place.server, place.path, place.epoch):
                return fact
        return RouteFact.ELSEWHERE

    def _claimed(self, place: Place) -> FileFact:
        """What a file says it is, once nobody with an older token can change that any more."""
        try:
            with self._opened(place) as conn, sqlite.mapped_errors(conn.filename):
                row = control.read(conn)
                if row is None or (row.tenant, row.generation) != (self.handover.tenant, place.generation):
                    return FileFact.UNFINISHED
                if conn.readonly("main"):
                    return FileFact.SEALED
                return FileFact(self._claim(conn).state.value)
        except FileNotFoundError:
            return FileFact.MISSING
        except DatabaseDamaged:
            return FileFact.UNFINISHED

    def _claim(self, conn: apsw.Connection) -> Control:
        """Shut older tokens out; gives the row as it was, which nobody but this operation can change now."""
        return fence.claim(conn, operation=self.operation.id, token=self.operation.token)

    def _undo(self) -> None:
        """Take capture and target away; the source was never anything but the tenant's home."""
        with self._opened(self.handover.source) as conn:
            self._strip(conn)
        self._drop_target()
        self._end(OperationState.UNDONE, self.error or "its worker died before the cut-over")

    def _reopen(self) -> None:
        """Open the source again: its target is lost, and the route never named it."""
        with self._opened(self.handover.source) as conn:
            fence.reopen(conn, operation=self.operation.id, token=self.operation.token)
            self._strip(conn)
        self._drop_target()
        self._end(OperationState.UNDONE, self.error or "its target was lost before the route named it")

    def _finish_forward(self, facts: Facts) -> None:
        """Do what the cut-over does behind the fence, in its order."""
        if facts.route is RouteFact.SOURCE:
            with self.operation.catalog.begin() as session:
                self.operation.require(session)
                self.handover.flip(session, token=self.operation.token)
        marks_of_this_host().changed(self.handover.tenant)
        with self._opened(self.handover.target) as conn:
            fence.open_generation(conn, epoch=self.handover.target.epoch)
        if facts.source is not FileFact.MISSING:
            self._seal_source(sealed=facts.source is FileFact.SEALED)
        archive.keep(self.operation, self.handover)
        self._end(OperationState.DONE, None)

    def _seal_source(self, *, sealed: bool) -> None:
        path = self._path(self.handover.source)
        if sealed:  # by a worker that died at it, perhaps: only the whole sequence proves anything
            seal.unseal(path)
            with self._opened(self.handover.source) as conn:
                self._claim(conn)
        archive.seal_retired(self.operation, path)

    def _freeze(self, facts: Facts) -> None:
        """Touch nothing, let nothing else begin, and say what was found."""
        with self.operation.catalog.begin() as session:
            self.operation.require(session)
            tenants.set_state(
                session,
                tenant=self.handover.tenant,
                token=self.operation.token,
                state=TenantState.FROZEN,
                only_from=(TenantState.ACTIVE,),
            )
        found = f"the route is at the {facts.route}, the source {facts.source}, the target {facts.target}"
        emit(Event.OPERATION_UNKNOWN, found, operation=self.operation.id)
        self._end(OperationState.UNKNOWN, found)

    def _strip(self, conn: apsw.Connection) -> None:
        if self.handover.kept:
            return
        with fence.owned(conn, operation=self.operation.id, token=self.operation.token):
            capture.remove(conn)

    def _drop_target(self) -> None:
        place = self.handover.target
        host_of(self.operation.catalog, place.server).remove(place.path, tenant=self.handover.tenant)
        with self.operation.catalog.begin() as session:
            self.operation.require(session)
            generations.set_state(
                session,
                tenant=self.handover.tenant,
                generation=place.generation,
                state=GenerationState.LOST,
            )

    def _end(self, state: OperationState, error: str | None) -> None:
        self.operation.end(state, result=None, error=error)

    def _path(self, place: Place) -> Path:
        return host_of(self.operation.catalog, place.server).locate(place.path, tenant=self.handover.tenant)

    @contextlib.contextmanager
    def _opened(self, place: Place) -> Iterator[apsw.Connection]:
        conn = sqlite.connect(self._path(place))
        try:
            yield conn
        finally:
            conn.close()
