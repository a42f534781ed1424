"""Sweeping what is nobody's: each sweep looks at the catalog and the files alone and may run at any time.

- A retired file that is not sealed yet, because it was read at the time: sealed.
- An archived generation whose time is over: removed.
- A generation that was given up, where a kill came between its row and its file: removed.
- A change log that no operation and no way back wants any more: dropped.

A file that no row names is never touched: it may be of a time that the catalog does not know.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import MigrationError
from migrations_engine.online import capture
from tenantdb import control, fence, seal
from tenantdb.catalog import generations, servers, tenants
from tenantdb.catalog.states import GenerationState
from tenantdb.errors import TenantDBError
from workers.events import Event, emit
from workers.handover.handover import way_back
from workers.hosts import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantdb.catalog import Catalog
    from tenantdb.catalog.models import Generation
    from workers.hosts import Host

_SEAL_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """One thing that was put away: ``sealed``, ``expired``, ``lost`` or ``stripped``, and the file."""

    what: str
    server: str
    path: str


def sweep(catalog: Catalog) -> Iterator[Swept]:
    """Put away what is nobody's; a file that can't be dealt with now is left to the next sweep."""
    with catalog.reading() as session:
        rows = [
            row for server in servers.everyone(session) for row in generations.on_server(session, server.id)
        ]
    for row in rows:
        with contextlib.suppress(TenantDBError, MigrationError, apsw.Error, OSError):
            what = _swept(catalog, row)
            if what is not None:
                emit(Event.SWEPT, f"{what}: {row.path}", tenant=row.tenant_id, server=row.server_id)
                yield Swept(what=what, server=row.server_id, path=row.path)


def _swept(catalog: Catalog, row: Generation) -> str | None:
    host = host_of(catalog, row.server_id)
    for name, step in _STEPS.items():
        if step(catalog, host, row):
            return name
    return None


def _seal(_catalog: Catalog, host: Host, row: Generation) -> bool:
    """Seal a file that is out of service, with what its own control row says."""
    if row.state not in (GenerationState.RETIRED, GenerationState.ARCHIVED):
        return False
    path = host.locate(row.path, tenant=row.tenant_id)
    if not path.exists() or seal.is_sealed(path):
        return False
    with contextlib.closing(sqlite.connect(path)) as conn:
        found = control.read(conn)
    if found is None or found.operation is None:
        return False
    return seal.seal(path, operation=found.operation, token=found.token, wait=_SEAL_SECONDS)


def _expire(catalog: Catalog, host: Host, row: Generation) -> bool:
    """Remove an archived generation once its time is over: its row goes first, no way back may lead there."""
    if row.state is not GenerationState.ARCHIVED or (row.keep_until or 0) > time.time():
        return False
    return _drop(catalog, host, row)


def _lose(_catalog: Catalog, host: Host, row: Generation) -> bool:
    """Remove the file of a generation that was given up, where a kill came between row and file."""
    if row.state is not GenerationState.LOST or not host.locate(row.path, tenant=row.tenant_id).exists():
        return False
    host.remove(row.path, tenant=row.tenant_id)
    return True


def _strip(catalog: Catalog, host: Host, row: Generation) -> bool:
    """Drop a change log that nobody wants, in a transaction that fails once an operation has begun."""
    path = host.locate(row.path, tenant=row.tenant_id)
    if row.state is not GenerationState.OPEN or not path.exists():
        return False
    with contextlib.closing(sqlite.connect(path)) as conn:
        found = control.read(conn)
        if found is None or found.operation is None or not conn.table_exists("main", capture.LOG):
            return False
        if _is_wanted(catalog, row):
            return False
        with fence.owned(conn, operation=found.operation, token=found.token):
            capture.remove(conn)
    return True


def _is_wanted(catalog: Catalog, row: Generation) -> bool:
    """Whether an operation runs on the tenant, or a way back leads from this generation."""
    with catalog.reading() as session:
        tenant = tenants.find(session, row.tenant_id)
        carried = tenant is None or tenant.operation_id is not None
        return carried or way_back(session, row.tenant_id, row.generation) is not None


def _drop(catalog: Catalog, host: Host, row: Generation) -> bool:
    with catalog.begin() as session:
        generations.set_state(
            session, tenant=row.tenant_id, generation=row.generation, state=GenerationState.LOST
        )
    host.remove(row.path, tenant=row.tenant_id)
    return True


_STEPS: dict[str, Callable[[Catalog, Host, Generation], bool]] = {
    "sealed": _seal,
    "expired": _expire,
    "lost": _lose,
    "stripped": _strip,
}
