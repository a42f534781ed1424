"""Read transactions of applications: one consistent state of the tenant's file, never of one it has left."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tenantdb import control
from tenantdb.handles import fork
from tenantdb.handles.blocks import Block
from tenantdb.handles.connections import damage_named
from tenantdb.handles.standing import ElsewhereError, Standing, damage_confirmed, settle, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantdb.handles.connections import Reader
    from tenantdb.handles.open_files import OpenFile, OpenFiles
    from tenantdb.route_cache import Known, RouteCache


class Readers:
    """Lets read transactions begin."""

    def __init__(self, *, routes: RouteCache, files: OpenFiles, wait: float) -> None:
        """Keep what leads to a tenant's file; ``wait`` is for room among the open files, in seconds."""
        self._routes = routes
        self._files = files
        self._wait = wait

    @contextlib.contextmanager
    def transaction(self, tenant: str) -> Iterator[Block]:
        """Be in a read transaction on the tenant's file.

        Raises:
            TenantNotFound: There is no such tenant (any more).
            TenantBusy: All connections that the process may have were in use for too long.
            TenantDamaged: The file is missing, malformed, another tenant's, or older than its route.
            TenantFrozen: The file is newer than its route.
            CatalogUnavailable: The catalog had to be asked, and does not answer.
            ForkedInTransaction: This process was forked inside a block.
        """
        fork.refuse_if_marked()
        file, reader = self._begin(tenant)
        block = Block(file, reader)
        try:
            with block:
                yield block
        finally:
            if block.reusable:
                self._files.give_back(file, reader)
            elif not block.abandoned:
                self._files.drop(reader.raw)

    def still_home(self, file: OpenFile, reader: Reader) -> bool:
        """Look again, because the file or the freshness word has changed, whether the file is the tenant's.

        Looking *after* a query proves that the query saw no file that the tenant had left.
        """
        row = control.read(reader.raw)
        if row is None or row.tenant != file.route.tenant or standing(row, file.route) is not Standing.HOME:
            return False
        reader.seen = reader.data_version()
        known = self._routes.current(file.route.tenant)
        file.word = known.word
        return known.route == file.route

    def _begin(self, tenant: str) -> tuple[OpenFile, Reader]:
        known = self._routes.current(tenant)
        while True:
            file = self._files.of(known.route)
            try:
                return file, self._begin_on(file, known)
            except ElsewhereError as elsewhere:
                self._files.leave(file)
                known = elsewhere.known

    def _begin_on(self, file: OpenFile, known: Known) -> Reader:
        with damage_confirmed(known, self._routes):
            reader = self._files.take_reader(file, wait=self._wait)
        try:
            with damage_confirmed(known, self._routes), damage_named(file.route):
                reader.authorizer.trusted(reader.raw, "BEGIN")
                row = control.read(reader.raw)
            found = settle(row, known, self._routes)
        except BaseException:
            self._files.drop(reader.raw)
            raise
        # A born file that the committed route names is complete, a retired one that it still names is the
        # newest there is: both may be read, but every read looks again.
        reader.seen = reader.data_version() if found is Standing.HOME else -1
        file.word = known.word
        return reader
