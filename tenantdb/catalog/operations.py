"""The long processes on tenants: what runs, who carries it, and how it ended."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, select, update

from tenantdb.catalog.models import Operation, Tenant
from tenantdb.catalog.states import OperationKind, OperationState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.orm import Session


def new_id() -> str:
    """An id that no operation had; ids sort by the time of their making."""
    return f"{int(time.time()):08x}{secrets.token_hex(4)}"


def begin(
    session: Session,
    *,
    operation: str,
    kind: OperationKind,
    tenant: str,
    token: int,
    boot_id: str,
    payload: Mapping[str, Any],
) -> Operation:
    """Record an operation that has the tenant's lease, in the transaction that took it.

    Args:
        session: Within a transaction of the catalog.
        operation: From ``new_id``.
        kind: What it does.
        tenant: The canonical id.
        token: The fencing token of its lease.
        boot_id: Which boot of the machine it runs in: another one lost what was not synced.
        payload: All that another worker needs to carry it on.
    """
    row = Operation(
        id=operation,
        kind=kind,
        tenant_id=tenant,
        state=OperationState.RUNNING,
        token=token,
        boot_id=boot_id,
        payload=dict(payload),
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, operation: str) -> Operation | None:
    """The operation of that id."""
    return session.get(Operation, operation, populate_existing=True)


def running(session: Session) -> list[Operation]:
    """All operations that have no end yet, oldest first."""
    query = select(Operation).where(Operation.state == OperationState.RUNNING)
    return list(session.scalars(query.order_by(Operation.created_at, Operation.id)))


def stuck(session: Session) -> list[Operation]:
    """Running operations that nobody carries: their lease has lapsed, or is not theirs any more."""
    query = (
        select(Operation)
        .outerjoin(Tenant, (Tenant.id == Operation.tenant_id) & (Tenant.operation_id == Operation.id))
        .where(Operation.state == OperationState.RUNNING)
        .where(Tenant.id.is_(None) | (Tenant.lease_expires <= time.time()))
    )
    return list(session.scalars(query.order_by(Operation.created_at, Operation.id)))


def recent(session: Session, *, tenant: str | None = None, limit: int = 20) -> list[Operation]:
    """The newest operations, newest first; of one tenant or of all."""
    query = select(Operation).order_by(Operation.created_at.desc(), Operation.id.desc()).limit(limit)
    if tenant is not None:
        query = query.where(Operation.tenant_id == tenant)
    return list(session.scalars(query))


def carry_on(session: Session, *, operation: str, token: int, boot_id: str) -> bool:
    """Let another worker carry a running operation on, under the token that it seized."""
    return _change(session, operation, Operation.token < token, token=token, boot_id=boot_id)


_TABLE = cast("Table", Operation.__table__)

# Made once: it runs at every boundary of every phase, and building a statement costs more than running it.
_NOTE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("of"), _TABLE.c.state == OperationState.RUNNING)
    .where(_TABLE.c.token == bindparam("under"))
    .values(phase=bindparam("now_in"), updated_at=bindparam("now"))
    .returning(_TABLE.c.id)
)


def note(session: Session, *, operation: str, token: int, phase: str) -> bool:
    """Record how far a running operation is; False where another worker carries it by now.

    Args:
        session: Within a transaction of the catalog.
        operation: Its id.
        token: The caller's token.
        phase: The phase that it is in.
    """
    values = {"of": operation, "under": token, "now_in": phase, "now": time.time()}
    return session.execute(_NOTE, values).scalar() is not None


def end(
    session: Session,
    *,
    operation: str,
    token: int,
    state: OperationState,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """Record how an operation ended; False where it had ended, or another worker carries it by now."""
    values = {"state": state, "result": None if result is None else dict(result), "error": error}
    return _change(session, operation, Operation.token == token, **values)


def _change(session: Session, operation: str, allowed: ColumnElement[bool], **values: object) -> bool:
    changed = (
        update(Operation)
        .where(Operation.id == operation, Operation.state == OperationState.RUNNING, allowed)
        .values(values | {"updated_at": time.time()})
        .returning(Operation.id)
    )
    return session.scalar(changed) is not None
