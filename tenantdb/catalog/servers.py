"""The servers of the fleet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from tenantdb.catalog.models import Server, Tenant
from tenantdb.catalog.states import ServerState, TenantState
from tenantdb.errors import ServerExists, ServerNotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLoad:
    """A server and how many tenants it holds, deleted ones not counted."""

    server: Server
    tenants: int


def add(
    session: Session,
    *,
    server: str,
    url: str,
    region: str | None = None,
    tier: str | None = None,
    weight: int = 1,
    capacity: int | None = None,
) -> Server:
    """Record a new server.

    Raises:
        ServerExists: The id is taken.
    """
    if find(session, server) is not None:
        raise ServerExists(server)
    row = Server(
        id=server,
        url=url,
        region=region,
        tier=tier,
        weight=weight,
        capacity=capacity,
        state=ServerState.ACTIVE,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, server: str) -> Server | None:
    """The server of that id."""
    return session.get(Server, server, populate_existing=True)


def get(session: Session, server: str) -> Server:
    """The server of that id.

    Raises:
        ServerNotFound: There is none.
    """
    row = find(session, server)
    if row is None:
        raise ServerNotFound(server)
    return row


def everyone(session: Session) -> list[Server]:
    """All servers, by id."""
    return list(session.scalars(select(Server).order_by(Server.id)))


def loads(session: Session) -> list[ServerLoad]:
    """All servers with the number of their tenants, by id."""
    held = (
        select(Tenant.server_id, func.count().label("tenants"))
        .where(Tenant.state != TenantState.DELETED)
        .group_by(Tenant.server_id)
        .subquery()
    )
    found = session.execute(
        select(Server, func.coalesce(held.c.tenants, 0))
        .outerjoin(held, held.c.server_id == Server.id)
        .order_by(Server.id)
    )
    return [ServerLoad(server=server, tenants=tenants) for server, tenants in found]


def set_state(session: Session, *, server: str, state: ServerState) -> bool:
    """Say whether the server takes new tenants; False where there is no such server."""
    changed = update(Server).where(Server.id == server).values(state=state).returning(Server.id)
    return session.scalar(changed) is not None
