"""Who may work on a tenant: leases with fencing tokens, in the tenant's own row.

The token decides: whatever a worker changes in the catalog or in a tenant file names the token that it got,
and a token that was raised since matches nothing. The clock only says when recovery may begin: a worker that
is late, stopped or has a wrong clock loses its lease, never anybody's data.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update

from tenantdb.catalog.models import Tenant

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.orm import Session


def take(session: Session, *, tenant: str, owner: str, seconds: float, operation: str) -> int | None:
    """Take the lease of a tenant for an operation.

    A lapsed lease is not free while its operation is unfinished: recovery seizes it and carries that
    operation on, or undoes it, before another can begin.

    Args:
        session: Within a transaction of the catalog.
        tenant: The canonical id.
        owner: Names this worker for people.
        seconds: How long the lease lives unless it is renewed.
        operation: The operation's id.

    Returns:
        The new fencing token; None where another operation holds the tenant, or there is no such tenant.
    """
    free = or_(Tenant.operation_id.is_(None), and_(Tenant.operation_id == operation, _lapsed()))
    return _raise_token(session, tenant, free, owner=owner, seconds=seconds, operation=operation)


def seize(
    session: Session, *, tenant: str, owner: str, seconds: float, operation: str, owner_is_dead: bool = False
) -> int | None:
    """Take the lease of an interrupted operation over, to carry it on or to undo it.

    The caller commits this before it reads the route or a file, so that what it reads can't be changed any
    more by the worker that had the lease.

    Args:
        session: Within a transaction of the catalog.
        tenant: The canonical id.
        owner: Names this worker for people.
        seconds: How long the lease lives unless it is renewed.
        operation: The operation that was interrupted.
        owner_is_dead: Don't wait for the lease to lapse: its owner was seen to be gone.

    Returns:
        The new fencing token; None where the lease lives, or belongs to another operation by now.
    """
    its_own = Tenant.operation_id == operation
    allowed = its_own if owner_is_dead else and_(its_own, _lapsed())
    return _raise_token(session, tenant, allowed, owner=owner, seconds=seconds, operation=operation)


def renew(session: Session, *, tenant: str, token: int, seconds: float) -> bool:
    """Let the lease live on for so many seconds from now; False where it was taken over or released."""
    changed = (
        update(Tenant)
        .where(Tenant.id == tenant, Tenant.lease_token == token, Tenant.lease_owner.is_not(None))
        .values(lease_expires=time.time() + seconds)
        .returning(Tenant.id)
    )
    return session.scalar(changed) is not None


def release(session: Session, *, tenant: str, token: int) -> bool:
    """Give the tenant back at the end of an operation; False where the lease was taken over or released."""
    changed = (
        update(Tenant)
        .where(Tenant.id == tenant, Tenant.lease_token == token, Tenant.lease_owner.is_not(None))
        .values(lease_owner=None, lease_expires=None, operation_id=None)
        .returning(Tenant.id)
    )
    return session.scalar(changed) is not None


_TENANTS = cast("Table", Tenant.__table__)

# Made once: it runs at every boundary of every phase, and building a statement costs more than running it.
_TOKEN = select(_TENANTS.c.lease_token).where(_TENANTS.c.id == bindparam("of")).with_for_update()


def holds(session: Session, *, tenant: str, token: int) -> bool:
    """Whether the lease with this token is still the tenant's; the row stays locked for the transaction."""
    held: int | None = session.execute(_TOKEN, {"of": tenant}).scalar()
    return held == token


def _lapsed() -> ColumnElement[bool]:
    return Tenant.lease_expires <= time.time()


def _raise_token(
    session: Session, tenant: str, allowed: ColumnElement[bool], *, owner: str, seconds: float, operation: str
) -> int | None:
    changed = (
        update(Tenant)
        .where(Tenant.id == tenant, allowed)
        .values(
            lease_token=Tenant.lease_token + 1,
            lease_owner=owner,
            lease_expires=time.time() + seconds,
            operation_id=operation,
        )
        .returning(Tenant.lease_token)
    )
    return session.scalar(changed)
