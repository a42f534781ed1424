"""What this process knows of routes, and how it notices that it is out of date.

Each route is kept with the freshness word that was there *before* the catalog was asked: a change in between
makes the word another one, so it is never missed. While the catalog does not answer, a cached route goes on
being used: the file at its end says whether it is still the tenant's.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, NamedTuple

from tenantdb.errors import CatalogUnavailable, TenantNotFound
from tenantdb.marks import slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantdb.marks import Marks
    from tenantdb.model import Route

_log = logging.getLogger("tenantdb.routes")

MAX_ROUTES = 20_000


class Known(NamedTuple):
    """A route, and the freshness word of its tenant from before it was learned."""

    route: Route
    word: int


class RouteCache:
    """The routes that this process has learned; the oldest are forgotten where there are too many."""

    def __init__(self, *, find: Callable[[str], Route | None], marks: Marks) -> None:
        """Begin with none.

        Args:
            find: Asks the catalog for a tenant's route; may raise CatalogUnavailable.
            marks: The freshness words of this host.
        """
        self._find = find
        self._marks = marks
        self._known: dict[str, Known] = {}

    def current(self, tenant: str) -> Known:
        """The tenant's route, from the catalog only where what is known may be stale.

        Raises:
            TenantNotFound: There is no such tenant.
            CatalogUnavailable: The route is not known yet, and the catalog does not answer.
        """
        self._marks.attach()
        known = self._known.get(tenant)
        if known is not None and known.word == self._marks.words[slot(tenant)]:
            return known
        word = self._marks.words[slot(tenant)]
        try:
            return self.learn(tenant)
        except CatalogUnavailable:
            if known is None:
                raise
            _log.warning("the catalog does not answer; the known route is used", extra={"tenant": tenant})
            return self._keep(known.route, word)  # asked again when the word changes, not at each call

    def learn(self, tenant: str) -> Known:
        """The tenant's route from the catalog, now.

        Raises:
            TenantNotFound: There is no such tenant.
            CatalogUnavailable: The catalog does not answer.
        """
        word = self._marks.words[slot(tenant)]
        route = self._find(tenant)
        before = self._known.pop(tenant, None)
        if route is None:
            raise TenantNotFound(tenant)
        if before is not None and before.route != route:
            _log.info(
                "the route changed",
                extra={"tenant": tenant, "epoch": route.epoch, "generation": route.generation},
            )
        return self._keep(route, word)

    def _keep(self, route: Route, word: int) -> Known:
        known = self._known[route.tenant] = Known(route, word)
        if len(self._known) > MAX_ROUTES:
            with contextlib.suppress(RuntimeError):  # another thread changed it meanwhile, and will make room
                self._known.pop(next(iter(self._known)), None)
        return known
