"""Where tenants are: finding a route, and the compare-and-set that is a cut-over's one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select, update

from tenantdb import addresses
from tenantdb.catalog.models import Server, Tenant
from tenantdb.catalog.states import TenantState
from tenantdb.model import Route

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SERVED = (TenantState.ACTIVE, TenantState.FROZEN)
"""The states in which a tenant has a route; what is being made, or deleted, has none."""


def find(session: Session, tenant: str) -> Route | None:
    """The route of a tenant; None for an unknown one, and for one that is being made or is deleted."""
    found = _routes(session, Tenant.id == tenant)
    return found[0] if found else None


def everyone(session: Session, *, server: str | None = None) -> list[Route]:
    """All routes, or those of one server, by tenant."""
    return _routes(session) if server is None else _routes(session, Tenant.server_id == server)


def flip(  # noqa: PLR0913 - one compare-and-set names them all
    session: Session,
    *,
    tenant: str,
    token: int,
    from_epoch: int,
    server: str,
    path: str,
    generation: int,
    epoch: int,
    schema_hash: str | None,
) -> bool:
    """Point a tenant's route to another generation, if nobody did in between.

    Token and epoch stand in the WHERE of the row that is changed: a check of the lease before it, or in
    another row, would let two workers pass.

    Args:
        session: Within a transaction of the catalog.
        tenant: The canonical id.
        token: The fencing token of the caller's lease.
        from_epoch: The epoch that the caller saw.
        server: The server that the new generation is on.
        path: Its file, relative to that server's root.
        generation: Its number.
        epoch: The new epoch, greater than ``from_epoch``.
        schema_hash: The schema of the new generation.

    Returns:
        Whether it was done. False: the lease is another's, or the route was flipped already.

    Raises:
        ValueError: The new epoch is not greater.
    """
    if epoch <= from_epoch:
        raise ValueError(f"an epoch only grows: {epoch} is not above {from_epoch}")
    changed = (
        update(Tenant)
        .where(Tenant.id == tenant, Tenant.lease_token == token, Tenant.epoch == from_epoch)
        .values(server_id=server, path=path, generation=generation, epoch=epoch, schema_hash=schema_hash)
        .returning(Tenant.id)
    )
    return session.scalar(changed) is not None


def _routes(session: Session, *only: ColumnElement[bool]) -> list[Route]:
    query = (
        select(Tenant, Server.url)
        .join(Server, Server.id == Tenant.server_id)
        .where(Tenant.state.in_(SERVED), *only)
        .order_by(Tenant.id)
        .execution_options(populate_existing=True)
    )
    return [_route(tenant, url) for tenant, url in session.execute(query)]


def _route(tenant: Tenant, url: str) -> Route:
    return Route(
        tenant=tenant.id,
        server=tenant.server_id,
        path=addresses.folder(url) / tenant.path,
        generation=tenant.generation,
        epoch=tenant.epoch,
        schema_hash=tenant.schema_hash,
        backend=tenant.backend,
        state=tenant.state.value,
    )
