"""The fleet at a glance: how many tenants are where and in which state, what runs, what is stuck."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantdb import addresses
from tenantdb.catalog import operations, schemas, servers, tenants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantdb.catalog import Catalog
    from tenantdb.catalog.models import Operation, Server
    from tenantdb.catalog.states import TenantState


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOverview:
    """A server, its tenants, and the bytes free where it is; None where its folder is not there."""

    server: Server
    tenants: int
    free: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One consistent look at the catalog.

    Attributes:
        tenants: Their number by state.
        schemas: The number of tenants by schema hash, most used first.
        schema: The hash that new tenants get.
        servers: Each server.
        running: Operations that somebody carries.
        stuck: Operations that nobody carries any more: ``tenantdb recover`` ends them.
    """

    tenants: dict[TenantState, int]
    schemas: dict[str | None, int]
    schema: str | None
    servers: Sequence[ServerOverview]
    running: Sequence[Operation]
    stuck: Sequence[Operation]


def look(catalog: Catalog) -> Overview:
    """Take the look.

    Raises:
        CatalogUnavailable: The catalog does not answer.
    """
    with catalog.reading() as session:
        stuck = operations.stuck(session)
        lost = {operation.id for operation in stuck}
        return Overview(
            tenants=tenants.count_by_state(session),
            schemas=tenants.count_by_schema(session),
            schema=schemas.of_new_tenants(session),
            servers=[
                ServerOverview(server=load.server, tenants=load.tenants, free=free(load.server))
                for load in servers.loads(session)
            ],
            running=[each for each in operations.running(session) if each.id not in lost],
            stuck=stuck,
        )


def free(server: Server) -> int | None:
    """Bytes free where a server's files are; None where its folder is not there."""
    try:
        return shutil.disk_usage(addresses.folder(server.url)).free
    except OSError:
        return None
