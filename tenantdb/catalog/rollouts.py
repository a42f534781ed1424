"""Rollouts: one schema on its way to all tenants, with one row for how it went for each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, or_, select, update

from tenantdb.catalog.models import Rollout, RolloutTenant
from tenantdb.catalog.states import Outcome, RolloutState
from tenantdb.errors import RolloutNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Update
    from sqlalchemy.orm import Session

UNFINISHED = (RolloutState.PLANNED, RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.HALTED)


def add(
    session: Session,
    *,
    rollout: str,
    schema_hash: str,
    waves: Sequence[Mapping[str, Any]],
    tenants: Mapping[str, int],
    max_failures: str | None = None,
    allow_destructive: bool = False,
) -> Rollout:
    """Record a rollout with all its tenants, before anything is done.

    Args:
        session: Within a transaction of the catalog.
        rollout: Its id.
        schema_hash: Of a schema that ``schemas`` has.
        waves: ``{"label", "size"}`` of each wave, in order.
        tenants: The wave, from 0, of each tenant.
        max_failures: The failure budget as it was given: a number or a percentage.
        allow_destructive: Whether steps that destroy data may run.
    """
    row = Rollout(
        id=rollout,
        schema_hash=schema_hash,
        state=RolloutState.PLANNED,
        waves=[dict(wave) for wave in waves],
        max_failures=max_failures,
        allow_destructive=allow_destructive,
    )
    session.add(row)
    session.flush()
    add_tenants(session, rollout=rollout, tenants=tenants)
    return row


def add_tenants(session: Session, *, rollout: str, tenants: Mapping[str, int]) -> None:
    """Let more tenants take part: at the beginning, and those that were made while it ran.

    Args:
        session: Within a transaction of the catalog.
        rollout: Its id.
        tenants: The wave, from 0, of each tenant; none of them takes part yet.
    """
    rows = [
        {"rollout_id": rollout, "tenant_id": tenant, "wave": wave, "outcome": Outcome.PENDING, "attempts": 0}
        for tenant, wave in tenants.items()
    ]
    if rows:
        session.execute(insert(RolloutTenant), rows)


def get(session: Session, rollout: str) -> Rollout:
    """The rollout of that id.

    Raises:
        RolloutNotFound: There is none.
    """
    row = session.get(Rollout, rollout, populate_existing=True)
    if row is None:
        raise RolloutNotFound(rollout)
    return row


def everyone(session: Session) -> list[Rollout]:
    """All rollouts, newest first."""
    return list(session.scalars(select(Rollout).order_by(Rollout.created_at.desc(), Rollout.id)))


def unfinished(session: Session) -> list[Rollout]:
    """Rollouts that are not over: planned, running, paused or halted; oldest first."""
    query = select(Rollout).where(Rollout.state.in_(UNFINISHED)).order_by(Rollout.created_at)
    return list(session.scalars(query))


def set_state(
    session: Session, *, rollout: str, state: RolloutState, only_from: Sequence[RolloutState]
) -> bool:
    """Move a rollout to another state; False where it is in none of those that the step may follow."""
    changed = (
        update(Rollout)
        .where(Rollout.id == rollout, Rollout.state.in_(only_from))
        .values(state=state)
        .returning(Rollout.id)
    )
    return session.scalar(changed) is not None


def lease(session: Session, *, rollout: str, owner: str, seconds: float) -> bool:
    """Take or renew the right to drive a rollout; False while another's lives.

    It only keeps two drivers from doing the same work twice: each tenant's own lease is what protects it.
    """
    now = time.time()
    changed = (
        update(Rollout)
        .where(Rollout.id == rollout)
        .where(or_(Rollout.lease_owner.is_(None), Rollout.lease_owner == owner, Rollout.lease_expires <= now))
        .values(lease_owner=owner, lease_expires=now + seconds)
        .returning(Rollout.id)
    )
    return session.scalar(changed) is not None


def release(session: Session, *, rollout: str, owner: str) -> bool:
    """Give up driving a rollout; False where another drives it."""
    changed = (
        update(Rollout)
        .where(Rollout.id == rollout, Rollout.lease_owner == owner)
        .values(lease_owner=None, lease_expires=None)
        .returning(Rollout.id)
    )
    return session.scalar(changed) is not None


def tenants(
    session: Session, *, rollout: str, wave: int | None = None, outcomes: Sequence[Outcome] | None = None
) -> list[RolloutTenant]:
    """How it went for each tenant, by wave and id.

    Args:
        session: Within a transaction of the catalog.
        rollout: Its id.
        wave: Only this one.
        outcomes: Only tenants with one of these.
    """
    query = select(RolloutTenant).where(RolloutTenant.rollout_id == rollout)
    if wave is not None:
        query = query.where(RolloutTenant.wave == wave)
    if outcomes is not None:
        query = query.where(RolloutTenant.outcome.in_(outcomes))
    ordered = query.order_by(RolloutTenant.wave, RolloutTenant.tenant_id)
    return list(session.scalars(ordered.execution_options(populate_existing=True)))


def counts(session: Session, *, rollout: str) -> dict[Outcome, int]:
    """How many tenants had each outcome."""
    counted = session.execute(
        select(RolloutTenant.outcome, func.count())
        .where(RolloutTenant.rollout_id == rollout)
        .group_by(RolloutTenant.outcome)
    )
    return dict(counted.all())


def start_tenant(session: Session, *, rollout: str, tenant: str, from_schema: str | None) -> bool:
    """Note that a tenant's turn begins; False where it is done, or takes no part."""
    changed = (
        _of_tenant(rollout, tenant, Outcome.PENDING, Outcome.RUNNING, Outcome.FAILED)
        .values(
            outcome=Outcome.RUNNING,
            attempts=RolloutTenant.attempts + 1,
            from_schema=func.coalesce(RolloutTenant.from_schema, from_schema),
            started_at=time.time(),
            finished_at=None,
            error_type=None,
            error=None,
            sample=None,
        )
        .returning(RolloutTenant.tenant_id)
    )
    return session.scalar(changed) is not None


def end_tenant(
    session: Session,
    *,
    rollout: str,
    tenant: str,
    outcome: Outcome,
    strategy: str | None = None,
    pause_ms: float | None = None,
) -> bool:
    """Note how it went for a tenant (failures apart, see ``fail_tenant``); False where it takes no part."""
    changed = (
        _of_tenant(rollout, tenant)
        .values(outcome=outcome, strategy=strategy, pause_ms=pause_ms, finished_at=time.time())
        .returning(RolloutTenant.tenant_id)
    )
    return session.scalar(changed) is not None


def fail_tenant(
    session: Session,
    *,
    rollout: str,
    tenant: str,
    error_type: str,
    error: str,
    sample: Sequence[Any] | None = None,
) -> bool:
    """Note why a tenant could not take the schema; False where it takes no part.

    Args:
        session: Within a transaction of the catalog.
        rollout: Its id.
        tenant: The canonical id.
        error_type: The error's class.
        error: Its message.
        sample: Keys of rows that stood in the way, if any did.
    """
    changed = (
        _of_tenant(rollout, tenant)
        .values(
            outcome=Outcome.FAILED,
            error_type=error_type,
            error=error,
            sample=None if sample is None else list(sample),
            finished_at=time.time(),
        )
        .returning(RolloutTenant.tenant_id)
    )
    return session.scalar(changed) is not None


def reset_tenants(session: Session, *, rollout: str, outcomes: Sequence[Outcome]) -> int:
    """Let the tenants with one of these outcomes have their turn again; returns how many."""
    changed = (
        update(RolloutTenant)
        .where(RolloutTenant.rollout_id == rollout, RolloutTenant.outcome.in_(outcomes))
        .values(outcome=Outcome.PENDING)
        .returning(RolloutTenant.tenant_id)
    )
    return len(session.scalars(changed).all())


def _of_tenant(rollout: str, tenant: str, *only_from: Outcome) -> Update:
    """An update of one tenant's row, where its outcome is one of these if any are named."""
    changed = update(RolloutTenant).where(
        RolloutTenant.rollout_id == rollout, RolloutTenant.tenant_id == tenant
    )
    return changed.where(RolloutTenant.outcome.in_(only_from)) if only_from else changed
