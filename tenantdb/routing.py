"""From a tenant's id to its handle: the way of every request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tenantdb import paths, settings
from tenantdb.catalog import Catalog, routes
from tenantdb.handles import foreign, fork
from tenantdb.handles.handle import TenantDB
from tenantdb.handles.open_files import OpenFiles
from tenantdb.handles.readers import Readers
from tenantdb.handles.writers import Writers
from tenantdb.ids import canonical
from tenantdb.marks import Marks
from tenantdb.route_cache import RouteCache

if TYPE_CHECKING:
    from tenantdb.model import Route
    from tenantdb.settings import Settings

MAX_HANDLES = 20_000

_handles: dict[str | int, TenantDB] = {}
"""Handles by the id that was given, for those whose type is exactly ``str`` or ``int``."""


class Router:
    """Finds tenants' handles, under one set of settings."""

    def __init__(self, chosen: Settings) -> None:
        """Connect to the catalog and to the words that this host's processes share.

        Raises:
            NotInitialised: There is no home where the settings say.
            CatalogUnavailable: The catalog does not answer.
        """
        self.settings = chosen
        self.catalog = Catalog.open(chosen)
        self.marks = Marks(chosen.layout.marks)
        self.files = OpenFiles(durability=chosen.durability, extensions=chosen.extensions)
        self.routes = RouteCache(find=self._find, marks=self.marks)
        self.readers = Readers(routes=self.routes, files=self.files, wait=chosen.write_wait)
        self.writers = Writers(routes=self.routes, files=self.files, marks=self.marks, wait=chosen.write_wait)
        fork.watch(self.files)
        foreign.refuse_below(chosen.home)

    def handle(self, tenant: str) -> TenantDB:
        """The handle of a tenant, by its canonical id.

        Raises:
            TenantNotFound: There is no such tenant.
            CatalogUnavailable: Its route is not known yet, and the catalog does not answer.
        """
        file = self.files.of(self.routes.current(tenant).route)
        return TenantDB(file, files=self.files, marks=self.marks, readers=self.readers, writers=self.writers)

    def _find(self, tenant: str) -> Route | None:
        with self.catalog.reading() as session:
            route = routes.find(session, tenant)
        if route is not None:
            foreign.refuse_below(route.path.parents[paths.TENANT_DEPTH - 1])
        return route


class _Process:
    """The router of this process."""

    router: Router | None = None


def get_tenant_db(tenant: str | int) -> TenantDB:
    """Give the handle of a tenant; cheap, so call it for each request and keep nothing.

    Args:
        tenant: An int (no bool), or a text of 1 to 128 characters after NFC.

    Raises:
        InvalidTenantId: It is something else.
        TenantNotFound: There is no such tenant; none is ever made here.
        NotInitialised: There is no home where the settings say.
        CatalogUnavailable: The tenant is not known yet, and the catalog does not answer.
        ForkedInTransaction: This process was forked inside a block.
    """
    kind = type(tenant)
    if kind is str or kind is int:  # exactly these: True == 1 and 1.0 == 1, and would find tenant 1
        handle = _handles.get(tenant)
        if handle is not None and handle.is_fresh():
            return handle
    return _look_up(tenant)


def _look_up(tenant: str | int) -> TenantDB:
    """Find a tenant that is not among the known ones, or whose route may have changed."""
    fork.refuse_if_marked()
    name = canonical(tenant)
    handle = _router().handle(name)
    if len(_handles) >= MAX_HANDLES:
        _handles.clear()
    _handles[name] = handle
    if type(tenant) is int:
        _handles[tenant] = handle
    return handle


def _router() -> Router:
    """The router for the settings as they are now: another home is another router."""
    chosen = settings.current()
    router = _Process.router
    if router is None or router.settings is not chosen:
        close()
        router = _Process.router = Router(chosen)
    return router


def close() -> None:
    """Close the tenant files that nobody uses, and read the settings anew at the next call."""
    _handles.clear()
    if _Process.router is not None:
        _Process.router.files.close()
        _Process.router = None


foreign.on_setting_change(_handles.clear)
os.register_at_fork(after_in_child=_handles.clear)  # so that a marked child finds none without being asked
