"""Write transactions of applications: begun on the tenant's current file, or not at all.

The lock is taken first, then the control row is read: once the lock is held and the row says ``open``, nobody
can retire the file before the commit. While an operation has asked writers to yield, or has fenced the file,
writers wait here, so that an application sees a slow write and no error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy
from tenantdb import control, fence
from tenantdb.errors import NestedWrite, TenantBusy, TenantReadOnly
from tenantdb.handles import fork
from tenantdb.handles.blocks import Block
from tenantdb.handles.connections import damage_named
from tenantdb.handles.standing import ElsewhereError, Standing, damage_confirmed, settle
from tenantdb.model import FileState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantdb.handles.connections import Writer
    from tenantdb.handles.open_files import OpenFile, OpenFiles
    from tenantdb.marks import Marks
    from tenantdb.model import Control, Route
    from tenantdb.route_cache import Known, RouteCache

_log = logging.getLogger("tenantdb.handles.writers")

_ASK_SECONDS = 0.02
"""How often a writer on a fenced file looks at it again, if no freshness word wakes it before."""


class _Held(threading.local):
    """The tenants that this thread is writing to."""

    def __init__(self) -> None:
        self.tenants: set[str] = set()


class Writers:
    """Lets write transactions begin."""

    def __init__(self, *, routes: RouteCache, files: OpenFiles, marks: Marks, wait: float) -> None:
        """Keep what leads to a tenant's file; ``wait`` is how long entering may take, in seconds."""
        self._routes = routes
        self._files = files
        self._marks = marks
        self._wait = wait
        self._held = _Held()

    @contextlib.contextmanager
    def transaction(self, tenant: str) -> Iterator[Block]:
        """Hold the tenant's write lock in a transaction on its file.

        Commits nothing by itself: what the block has not committed at its end is rolled back.

        Raises:
            NestedWrite: This thread holds it already.
            TenantBusy: Another writer, or an operation, held the tenant for too long.
            TenantReadOnly: The tenant was fenced, and opened nowhere else, for too long.
            TenantNotFound: There is no such tenant (any more).
            TenantDamaged: The file is missing, malformed, another tenant's, or older than its route.
            TenantFrozen: The file is newer than its route.
            CatalogUnavailable: The catalog had to be asked, and does not answer.
            ForkedInTransaction: This process was forked inside a block.
        """
        fork.refuse_if_marked()
        with self._once_per_thread(tenant):
            file, writer = self._begin(tenant, deadline=time.monotonic() + self._wait)
            block = Block(file, writer)
            try:
                with block:
                    yield block
            finally:
                if not block.abandoned:
                    self._release(file, keep=block.reusable)

    @contextlib.contextmanager
    def _once_per_thread(self, tenant: str) -> Iterator[None]:
        if tenant in self._held.tenants:
            raise NestedWrite(tenant)
        self._held.tenants.add(tenant)
        try:
            yield
        finally:
            self._held.tenants.discard(tenant)

    def _begin(self, tenant: str, *, deadline: float) -> tuple[OpenFile, Writer]:
        known = self._routes.current(tenant)
        while True:
            file = self._files.of(known.route)
            try:
                found, writer = self._begin_on(file, known, deadline=deadline)
            except ElsewhereError as elsewhere:
                self._files.leave(file)
                known = elsewhere.known
                continue
            if found is Standing.HOME:
                file.word = known.word
                return file, writer
            if found is Standing.BORN:
                self._open_born(known.route, deadline=deadline)
            else:
                known = self._await_move(known, deadline=deadline)

    def _begin_on(self, file: OpenFile, known: Known, *, deadline: float) -> tuple[Standing, Writer]:
        """Take the lock and look at the control row; keeps the lock only where the file is at home."""
        if not file.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self._busy(known.route)
        found = None
        try:
            with damage_confirmed(known, self._routes):
                writer = self._files.take_writer(file, wait=max(0.0, deadline - time.monotonic()))
                row = self._lock_and_read(writer, known.route, deadline=deadline)
            found = settle(row, known, self._routes)
        finally:
            if found is not Standing.HOME:
                self._release(file, keep=found is not None)
        return found, writer

    def _lock_and_read(self, writer: Writer, route: Route, *, deadline: float) -> Control | None:
        with damage_named(route):
            try:
                self._begin_immediate(writer, route, deadline=deadline)
            except apsw.ReadOnlyError:
                # Sealed, or read-only for this process: whatever the row says, no write begins here.
                row = control.read(writer.raw)
                return row and dataclasses.replace(row, state=FileState.RETIRED)
            return control.read(writer.raw)

    def _begin_immediate(self, writer: Writer, route: Route, *, deadline: float) -> None:
        """Poll for the write lock, and hold back while an operation asks for it."""
        while True:
            self._yield(route, deadline=deadline)
            try:
                writer.authorizer.trusted(writer.raw, "BEGIN IMMEDIATE")
            except (apsw.BusyError, apsw.LockedError):
                if time.monotonic() >= deadline:
                    raise self._busy(route) from None
                time.sleep(sqlite.POLL_SECONDS)
            else:
                return

    def _yield(self, route: Route, *, deadline: float) -> None:
        while self._marks.yield_wanted(route.tenant):
            if time.monotonic() >= deadline:
                raise self._busy(route, "an operation asks writers to wait")
            time.sleep(sqlite.POLL_SECONDS)

    def _open_born(self, route: Route, *, deadline: float) -> None:
        """Open the file that the committed route names, where the operation did not get to it yet."""
        wait = max(0.0, deadline - time.monotonic())
        with self._files.visit(route, wait=wait), contextlib.suppress(DatabaseBusy):  # the caller looks again
            conn = sqlite.connect(route.path)
            try:
                opened = fence.open_generation(conn, epoch=route.epoch, wait=wait)
            finally:
                conn.close()
            if opened:
                _log.info("opened a born file", extra={"tenant": route.tenant, "epoch": route.epoch})

    def _await_move(self, known: Known, *, deadline: float) -> Known:
        """Wait until the fenced tenant may be at home somewhere; the caller looks."""
        until = min(deadline, time.monotonic() + _ASK_SECONDS)
        while time.monotonic() < until:
            now = self._routes.current(known.route.tenant)  # asks the catalog once the freshness word changes
            if now.route != known.route:
                return now
            time.sleep(sqlite.POLL_SECONDS)
        if time.monotonic() >= deadline:
            raise TenantReadOnly(known.route.tenant, state=FileState.RETIRED)
        return known

    def _release(self, file: OpenFile, *, keep: bool) -> None:
        """End the transaction if it is still open, and let another thread write."""
        try:
            if keep and file.writer is not None and not file.closed:
                if file.writer.raw.in_transaction:
                    file.writer.authorizer.trusted(file.writer.raw, "ROLLBACK")
            else:
                self._files.drop_writer(file)
        finally:
            file.lock.release()

    def _busy(self, route: Route, reason: str = "another writer holds it") -> TenantBusy:
        return TenantBusy(route.tenant, waited=self._wait, reason=reason)
