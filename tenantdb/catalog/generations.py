"""The physical files of tenants, from birth to the end of their keeping."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from tenantdb.catalog.models import Generation
from tenantdb.catalog.states import GenerationState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_BEFORE: dict[GenerationState, tuple[GenerationState, ...]] = {
    GenerationState.BORN: (),
    GenerationState.OPEN: (GenerationState.BORN,),
    GenerationState.RETIRED: (GenerationState.OPEN, GenerationState.BORN),
    GenerationState.ARCHIVED: (GenerationState.RETIRED,),
    GenerationState.LOST: (
        GenerationState.BORN,
        GenerationState.OPEN,
        GenerationState.RETIRED,
        GenerationState.ARCHIVED,
    ),
}
"""Which states each state may follow: a life goes one way."""


def next_number(session: Session, tenant: str) -> int:
    """The number of a tenant's next generation; those of a deleted tenant of the same id count on."""
    query = select(func.max(Generation.generation)).where(Generation.tenant_id == tenant)
    return (session.scalar(query) or 0) + 1


def add(
    session: Session,
    *,
    tenant: str,
    generation: int,
    server: str,
    path: str,
    epoch: int,
    schema_hash: str | None,
    operation: str | None,
) -> Generation:
    """Record a generation before its file is made, so that no file is ever without an owner.

    Args:
        session: Within a transaction of the catalog.
        tenant: The canonical id.
        generation: Its number, from ``next_number``.
        server: The server that it will be on.
        path: Relative to that server's root, from ``paths.fresh``.
        epoch: The epoch at which it will be open.
        schema_hash: Its schema.
        operation: The operation that makes it.
    """
    row = Generation(
        tenant_id=tenant,
        generation=generation,
        server_id=server,
        path=path,
        epoch=epoch,
        state=GenerationState.BORN,
        schema_hash=schema_hash,
        operation_id=operation,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, *, tenant: str, generation: int) -> Generation | None:
    """One generation of a tenant."""
    return session.get(Generation, (tenant, generation), populate_existing=True)


def of_tenant(session: Session, tenant: str) -> list[Generation]:
    """All generations of a tenant, oldest first."""
    query = select(Generation).where(Generation.tenant_id == tenant).order_by(Generation.generation)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def on_server(session: Session, server: str) -> list[Generation]:
    """All generations that have, or had, a file on a server."""
    query = select(Generation).where(Generation.server_id == server).order_by(Generation.path)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def at(session: Session, *, server: str, path: str) -> Generation | None:
    """The generation whose file is this one."""
    query = select(Generation).where(Generation.server_id == server, Generation.path == path)
    return session.scalars(query).first()


def set_state(
    session: Session,
    *,
    tenant: str,
    generation: int,
    state: GenerationState,
    keep_until: float | None = None,
) -> bool:
    """Move a generation on in its life; repeating a step is fine.

    Args:
        session: Within a transaction of the catalog.
        tenant: The canonical id.
        generation: Its number.
        state: The state to come.
        keep_until: Seconds since 1970 until which the file is kept.

    Returns:
        Whether it is in that state now; False where its life is past it, or there is no such generation.
    """
    values: dict[str, object] = {"state": state}
    if state is GenerationState.RETIRED:
        values["retired_at"] = func.coalesce(Generation.retired_at, time.time())
    if keep_until is not None:
        values["keep_until"] = keep_until
    changed = (
        update(Generation)
        .where(Generation.tenant_id == tenant, Generation.generation == generation)
        .where(Generation.state.in_((*_BEFORE[state], state)))
        .values(values)
        .returning(Generation.generation)
    )
    return session.scalar(changed) is not None
