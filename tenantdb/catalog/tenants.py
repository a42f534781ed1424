"""The tenants of the fleet: their life from creation to deletion. Routes and leases are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from tenantdb.catalog.models import Generation, Tenant
from tenantdb.catalog.states import TenantState
from tenantdb.errors import TenantExists, TenantNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def find(session: Session, tenant: str, *, lock: bool = False) -> Tenant | None:
    """The row of a tenant in whatever state, deleted too.

    Args:
        session: Within a transaction of the catalog.
        tenant: The canonical id.
        lock: Hold the row until the transaction ends (the SQLite catalog holds everything anyway).
    """
    return session.get(Tenant, tenant, populate_existing=True, with_for_update=lock or None)


def get(session: Session, tenant: str, *, lock: bool = False) -> Tenant:
    """The row of a tenant that is not deleted.

    Raises:
        TenantNotFound: There is none.
    """
    row = find(session, tenant, lock=lock)
    if row is None or row.state is TenantState.DELETED:
        raise TenantNotFound(tenant)
    return row


def everyone(
    session: Session,
    *,
    server: str | None = None,
    states: Sequence[TenantState] = (TenantState.CREATING, TenantState.ACTIVE, TenantState.FROZEN),
    after: str | None = None,
    limit: int | None = None,
) -> list[Tenant]:
    """Tenants by id.

    Args:
        session: Within a transaction of the catalog.
        server: Only those on this server.
        states: Only those in one of these states; all but deleted ones by default.
        after: Only ids behind this one, for reading in pages.
        limit: At most so many.
    """
    query = select(Tenant).where(Tenant.state.in_(states)).order_by(Tenant.id).limit(limit)
    if server is not None:
        query = query.where(Tenant.server_id == server)
    if after is not None:
        query = query.where(Tenant.id > after)
    return list(session.scalars(query))


def begin(
    session: Session, *, tenant: str, server: str, path: str, generation: int, schema_hash: str | None
) -> Tenant:
    """Record the intent to make a tenant, before any file of it exists.

    A deleted tenant's row is taken up again, its epoch going on, so that a process that still has the old
    route can't take the new file for the old one.

    Raises:
        TenantExists: A tenant has the id, or is being made under it.
    """
    row = find(session, tenant, lock=True)
    if row is not None and row.state is not TenantState.DELETED:
        raise TenantExists(tenant)
    if row is None:
        row = Tenant(id=tenant, epoch=0, lease_token=0)
        session.add(row)
    row.server_id, row.path, row.generation = server, path, generation
    row.schema_hash, row.state, row.epoch = schema_hash, TenantState.CREATING, row.epoch + 1
    session.flush()
    return row


def set_state(
    session: Session, *, tenant: str, token: int, state: TenantState, only_from: Sequence[TenantState]
) -> bool:
    """Move a tenant to another state; False where token or state are not as named."""
    changed = (
        update(Tenant)
        .where(Tenant.id == tenant, Tenant.lease_token == token, Tenant.state.in_(only_from))
        .values(state=state)
        .returning(Tenant.id)
    )
    return session.scalar(changed) is not None


def set_schema(
    session: Session, *, tenant: str, token: int, generation: int, schema_hash: str | None, operation: str
) -> bool:
    """Repeat what a tenant's file says of its schema; False where the token is not the row's.

    Where that is another one, the generation is what ``operation`` has made of it: no way back leads from it
    to the generation before any more, not even when it comes to have its first schema again.
    """
    changed = (
        update(Tenant)
        .where(Tenant.id == tenant, Tenant.lease_token == token, Tenant.generation == generation)
        .values(schema_hash=schema_hash)
        .returning(Tenant.id)
    )
    if session.scalar(changed) is None:
        return False
    session.execute(
        update(Generation)
        .where(Generation.tenant_id == tenant, Generation.generation == generation)
        .where(Generation.schema_hash.is_distinct_from(schema_hash))
        .values(schema_hash=schema_hash, operation_id=operation)
    )
    return True


def count_by_state(session: Session) -> dict[TenantState, int]:
    """How many tenants are in each state, deleted ones too."""
    counted = session.execute(select(Tenant.state, func.count()).group_by(Tenant.state))
    return dict(counted.all())


def count_by_schema(session: Session) -> dict[str | None, int]:
    """How many tenants, deleted ones not counted, have each schema hash."""
    counted = session.execute(
        select(Tenant.schema_hash, func.count())
        .where(Tenant.state != TenantState.DELETED)
        .group_by(Tenant.schema_hash)
        .order_by(func.count().desc())
    )
    return dict(counted.all())
