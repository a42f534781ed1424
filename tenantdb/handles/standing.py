"""Whether a file is the tenant's own: its control row held against the route that led to it.

Where the two do not agree, the catalog is asked *after* the file was looked at. Only if it still names this
very file is that the truth; else the tenant is looked for where the route leads now.
"""

from __future__ import annotations

import contextlib
import enum
from typing import TYPE_CHECKING

from tenantdb.errors import TenantDamaged, TenantFrozen
from tenantdb.model import FileState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantdb.model import Control, Route
    from tenantdb.route_cache import Known, RouteCache


class Standing(enum.Enum):
    """How a file stands to the route that led to it."""

    HOME = enum.auto()
    BORN = enum.auto()
    RETIRED = enum.auto()
    OLDER = enum.auto()
    NEWER = enum.auto()


_BY_STATE = {
    FileState.OPEN: Standing.HOME,
    FileState.BORN: Standing.BORN,
    FileState.RETIRED: Standing.RETIRED,
}


class ElsewhereError(Exception):
    """The route leads to another place by now: ``known`` says where."""

    def __init__(self, known: Known) -> None:
        self.known = known
        super().__init__(str(known.route.path))


def standing(row: Control | None, route: Route) -> Standing:
    """Hold a file's control row against a route.

    Raises:
        TenantDamaged: The file has no control row, or is another tenant's.
    """
    if row is None:
        raise TenantDamaged(route.tenant, path=str(route.path), reason="it has no control row")
    if row.tenant != route.tenant:
        raise TenantDamaged(route.tenant, path=str(route.path), reason=f"it is the file of {row.tenant!r}")
    if row.epoch != route.epoch:
        return Standing.OLDER if row.epoch < route.epoch else Standing.NEWER
    return _BY_STATE[row.state]


def settle(row: Control | None, known: Known, routes: RouteCache) -> Standing:
    """Say how a file stands to the tenant's route, asking the catalog where the file is not simply at home.

    Returns:
        HOME; or BORN or RETIRED, where the committed route names this file nevertheless.

    Raises:
        ElsewhereError: The route leads to another file by now.
        TenantDamaged: The file is not the tenant's, or older than its route: somebody put an old copy there.
        TenantFrozen: The file is newer than its route, so the catalog went back in time; never unfenced here.
        CatalogUnavailable: The catalog had to be asked, and does not answer.
    """
    route = known.route
    with damage_confirmed(known, routes):
        found = standing(row, route)
        if found is Standing.HOME and route.state == "active":
            return found
        confirm(known, routes)
        epoch = row.epoch if row else 0
        if found is Standing.OLDER:
            reason = f"it is at epoch {epoch}, older than its route at {route.epoch}"
            raise TenantDamaged(route.tenant, path=str(route.path), reason=reason)
    if found is Standing.NEWER or route.state != "active":
        raise TenantFrozen(route.tenant, file_epoch=epoch, route_epoch=route.epoch)
    return found


def confirm(known: Known, routes: RouteCache) -> None:
    """Make sure that the catalog still says what was known.

    Raises:
        ElsewhereError: It says something else now.
    """
    now = routes.learn(known.route.tenant)
    if now.route != known.route:
        raise ElsewhereError(now)


@contextlib.contextmanager
def damage_confirmed(known: Known, routes: RouteCache) -> Iterator[None]:
    """Let a file count as damaged only if the route still leads to it: an old one may be gone by right.

    Raises:
        ElsewhereError: It does not.
    """
    try:
        yield
    except TenantDamaged:
        confirm(known, routes)
        raise
