"""A new tenant, empty but for its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantdb import ids, placement, templates
from tenantdb.catalog import Catalog, schemas, servers
from tenantdb.catalog.states import OperationKind, ServerState
from tenantdb.errors import NotInitialised, ServerUnusable
from workers.lifecycle import birth
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from tenantdb.catalog.servers import ServerLoad
    from tenantdb.model import Route
    from tenantdb.settings import Settings


def create(
    tenant: int | str,
    *,
    settings: Settings,
    server: str | None = None,
    region: str | None = None,
    tier: str | None = None,
    observer: Observer = unobserved,
) -> Route:
    """Make a tenant with the schema that new tenants get.

    Args:
        tenant: Its id.
        settings: Where the catalog is.
        server: The server that it goes on; chosen by load if it is not said.
        region: Choose among the servers of this region.
        tier: Choose among the servers of this tier.
        observer: Hears of every boundary of every phase.

    Raises:
        InvalidTenantId: That is no id.
        TenantExists: The id is taken.
        TenantBusy: Another process is making it.
        NoServerFits: No server takes it.
        ServerNotFound: There is no such server.
        ServerUnusable: That server takes no more tenants.
    """
    identity, catalog = ids.canonical(tenant), Catalog.open(settings)
    birth.clear(catalog, identity)
    schema_hash, document = _schema(catalog, settings)
    # Before the intent: what fails here leaves nothing to put in order.
    origin = templates.of_schema(settings, document=document)
    with catalog.begin() as session:
        born = birth.begin(
            session,
            catalog=catalog,
            kind=OperationKind.CREATE,
            tenant=identity,
            server=choose_server(session, server=server, region=region, tier=tier),
            schema_hash=schema_hash,
            origin=origin,
        )
    birth.carry_out(born, birth.BIRTH, observer=observer)
    return birth.route(born)


def choose_server(
    session: Session, *, server: str | None = None, region: str | None = None, tier: str | None = None
) -> str:
    """Say where a new tenant goes: where it is sent, if that server takes it, or by load.

    Raises:
        NoServerFits: No server takes it.
        ServerNotFound: There is no such server.
        ServerUnusable: That server takes no more tenants.
    """
    candidates = [_candidate(load) for load in servers.loads(session)]
    if server is None:
        return placement.choose(candidates, region=region, tier=tier)
    servers.get(session, server)
    reason = next(placement.unfit(each) for each in candidates if each.server == server)
    if reason is not None:
        raise ServerUnusable(server, reason=f"{reason}; choose another")
    return server


def _candidate(load: ServerLoad) -> placement.Candidate:
    row = load.server
    return placement.Candidate(
        server=row.id,
        tenants=load.tenants,
        region=row.region,
        tier=row.tier,
        weight=row.weight,
        capacity=row.capacity,
        draining=row.state is ServerState.DRAINING,
    )


def _schema(catalog: Catalog, settings: Settings) -> tuple[str, str]:
    """The schema of new tenants, hash and document; a rollout's last sweep finds who got the one before."""
    with catalog.reading() as session:
        schema_hash = schemas.of_new_tenants(session)
        document = None if schema_hash is None else schemas.document(session, schema_hash)
    if schema_hash is None or document is None:
        raise NotInitialised(str(settings.home))
    return schema_hash, document
