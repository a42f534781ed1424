"""Rollouts: one schema brought to all tenants, and how each of them fared.

All that a rollout knows is in these rows, so that whoever takes its lease can carry it on. ``pending`` is not
handed out yet, ``running`` was handed to a worker; every other outcome is an end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, insert, or_, select, update

from tenantdb.catalog.models import Rollout, RolloutTenant, Tenant
from tenantdb.catalog.states import Outcome, RolloutState, TenantState
from tenantdb.errors import RolloutNotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Update
    from sqlalchemy.orm import Session

UNFINISHED = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.HALTED, RolloutState.ROLLING_BACK)
"""States in which a rollout still has a claim on the fleet; there is at most one such rollout."""

BACKOFF_SECONDS = 0.25
"""A tenant that was busy is handed out again after this times 2 to the power of its attempts."""

_PRESENT = (TenantState.CREATING, TenantState.ACTIVE, TenantState.FROZEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enlisted:
    """A tenant's place in a rollout: its wave, and the schema that it came with."""

    tenant: str
    wave: int
    from_schema: str | None
    outcome: Outcome = Outcome.PENDING
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one try at a tenant ended; ``pending`` asks for another one."""

    outcome: Outcome
    error_type: str | None = None
    error: str | None = None
    sample: list[Any] | None = None
    strategy: str | None = None
    pause_ms: float | None = None


def add(
    session: Session,
    *,
    schema_hash: str,
    document: str,
    previous_schema: str | None,
    waves: Sequence[tuple[str, int]],
    tenants: Sequence[Enlisted],
    max_failures: str,
    allow_destructive: bool,
) -> Rollout:
    """Record a new, running rollout.

    Args:
        session: Within a transaction of the catalog.
        schema_hash: Where to; ``document`` has its text and hints.
        document: The schema's document.
        previous_schema: What new tenants got until now.
        waves: Label and size of each.
        tenants: Each tenant's place.
        max_failures: The failure budget, as text.
        allow_destructive: Whether data may be dropped or rewritten.
    """
    number = (session.scalar(select(func.count()).select_from(Rollout)) or 0) + 1
    row = Rollout(
        id=f"r{number}",
        schema_hash=schema_hash,
        document=document,
        previous_schema=previous_schema,
        state=RolloutState.RUNNING,
        waves=[{"label": label, "size": size} for label, size in waves],
        max_failures=max_failures,
        excused=0,
        allow_destructive=allow_destructive,
    )
    session.add(row)
    session.flush()
    enlist(session, row.id, tenants)
    return row


def enlist(session: Session, rollout: str, tenants: Sequence[Enlisted]) -> None:
    """Give tenants a place in a rollout; one that had a place before gets this one instead."""
    ids = [tenant.tenant for tenant in tenants]
    session.execute(delete(RolloutTenant).where(_of(rollout), RolloutTenant.tenant_id.in_(ids)))
    if not tenants:
        return
    places = [
        {
            "rollout_id": rollout,
            "tenant_id": place.tenant,
            "wave": place.wave,
            "outcome": place.outcome,
            "from_schema": place.from_schema,
            "attempts": place.attempts,
        }
        for place in tenants
    ]
    session.execute(insert(RolloutTenant), places)


def get(session: Session, rollout: str, *, lock: bool = False) -> Rollout:
    """The rollout of that id.

    Raises:
        RolloutNotFound: There is none.
    """
    row = session.get(Rollout, rollout, populate_existing=True, with_for_update=lock or None)
    if row is None:
        raise RolloutNotFound(rollout)
    return row


def everyone(session: Session) -> list[Rollout]:
    """All rollouts, the newest first."""
    return list(session.scalars(select(Rollout).order_by(Rollout.created_at.desc(), Rollout.id.desc())))


def unfinished(session: Session) -> Rollout | None:
    """The rollout that still has a claim on the fleet."""
    return session.scalars(select(Rollout).where(Rollout.state.in_(UNFINISHED))).first()


def change_state(
    session: Session, rollout: str, *, to: RolloutState, only_from: Collection[RolloutState]
) -> bool:
    """Move a rollout to another state; False where it is in none of the expected ones."""
    changed = (
        update(Rollout)
        .where(Rollout.id == rollout, Rollout.state.in_(only_from))
        .values(state=to)
        .returning(Rollout.id)
    )
    return session.scalar(changed) is not None


def take_lease(
    session: Session, rollout: str, *, owner: str, seconds: float, dead: str | None = None
) -> bool:
    """Become the only driver of a rollout, or stay it; False while another one's lease lasts.

    Args:
        session: Within a transaction of the catalog.
        rollout: Its id.
        owner: Who takes it.
        seconds: How long it lasts unless it is taken again.
        dead: An owner that is known to be gone: its lease need not be waited out.
    """
    now = time.time()
    free = or_(
        Rollout.lease_owner.is_(None),
        Rollout.lease_owner.in_([owner, dead or owner]),
        Rollout.lease_expires < now,
    )
    taken = (
        update(Rollout)
        .where(Rollout.id == rollout, free)
        .values(lease_owner=owner, lease_expires=now + seconds)
        .returning(Rollout.id)
    )
    return session.scalar(taken) is not None


def release_lease(session: Session, rollout: str, *, owner: str) -> None:
    """Stop being the driver, if one still is it."""
    session.execute(
        update(Rollout)
        .where(Rollout.id == rollout, Rollout.lease_owner == owner)
        .values(lease_owner=None, lease_expires=None)
    )


def counts(session: Session, rollout: str, *, wave: int | None = None) -> dict[Outcome, int]:
    """How many tenants had each outcome, of the whole rollout or of one wave."""
    counted = select(RolloutTenant.outcome, func.count()).where(_of(rollout)).group_by(RolloutTenant.outcome)
    if wave is not None:
        counted = counted.where(RolloutTenant.wave == wave)
    return dict(session.execute(counted).all())


def counts_by_wave(session: Session, rollout: str) -> dict[tuple[int, Outcome], int]:
    """How many tenants had each outcome in each wave."""
    counted = (
        select(RolloutTenant.wave, RolloutTenant.outcome, func.count())
        .where(_of(rollout))
        .group_by(RolloutTenant.wave, RolloutTenant.outcome)
    )
    return {(wave, outcome): count for wave, outcome, count in session.execute(counted)}


def places(
    session: Session, rollout: str, *, outcomes: Collection[Outcome] = tuple(Outcome)
) -> list[RolloutTenant]:
    """The rollout's tenants that had one of these outcomes, by wave and id."""
    query = (
        select(RolloutTenant)
        .where(_of(rollout), RolloutTenant.outcome.in_(outcomes))
        .order_by(RolloutTenant.wave, RolloutTenant.tenant_id)
    )
    return list(session.scalars(query))


def place(session: Session, rollout: str, tenant: str) -> RolloutTenant | None:
    """A tenant's row in a rollout; None where it has no part in it."""
    return session.get(RolloutTenant, (rollout, tenant), populate_existing=True)


def open_wave(session: Session, rollout: str) -> int | None:
    """The first wave that still has tenants without an end."""
    left = RolloutTenant.outcome.in_([Outcome.PENDING, Outcome.RUNNING])
    return session.scalar(select(func.min(RolloutTenant.wave)).where(_of(rollout), left))


def hand_out(session: Session, rollout: str, *, wave: int, server: str, limit: int) -> list[str]:
    """Mark up to ``limit`` of a wave's waiting tenants on a server as handed to a worker; give their ids."""
    now = time.time()
    rested = RolloutTenant.finished_at <= now - BACKOFF_SECONDS * func.pow(2, RolloutTenant.attempts)
    query = (
        select(RolloutTenant.tenant_id)
        .join(Tenant, Tenant.id == RolloutTenant.tenant_id)
        .where(
            _of(rollout),
            RolloutTenant.wave == wave,
            RolloutTenant.outcome == Outcome.PENDING,
            or_(RolloutTenant.finished_at.is_(None), rested),
            Tenant.server_id == server,
        )
        .order_by(RolloutTenant.attempts, RolloutTenant.tenant_id)
        .limit(limit)
    )
    ids = list(session.scalars(query))
    handed = {"outcome": Outcome.RUNNING, "started_at": now}
    session.execute(
        update(RolloutTenant).where(_of(rollout), RolloutTenant.tenant_id.in_(ids)).values(handed)
    )
    return ids


def running_on(session: Session, rollout: str, *, server: str) -> int:
    """How many tenants on a server are handed out."""
    query = (
        select(func.count())
        .select_from(RolloutTenant)
        .join(Tenant, Tenant.id == RolloutTenant.tenant_id)
        .where(_of(rollout), RolloutTenant.outcome == Outcome.RUNNING, Tenant.server_id == server)
    )
    return session.scalar(query) or 0


def servers_waiting(session: Session, rollout: str, *, wave: int) -> list[str]:
    """The servers that hold tenants of a wave which are not handed out yet, by id."""
    query = (
        select(Tenant.server_id)
        .join(RolloutTenant, Tenant.id == RolloutTenant.tenant_id)
        .where(_of(rollout), RolloutTenant.wave == wave, RolloutTenant.outcome == Outcome.PENDING)
        .distinct()
        .order_by(Tenant.server_id)
    )
    return list(session.scalars(query))


def begin_try(session: Session, rollout: str, tenant: str) -> RolloutTenant | None:
    """Count one more try at a tenant; None where it has its end already (a message came twice)."""
    begun = (
        update(RolloutTenant)
        .where(
            _of(rollout),
            RolloutTenant.tenant_id == tenant,
            RolloutTenant.outcome.in_([Outcome.PENDING, Outcome.RUNNING]),
        )
        .values(outcome=Outcome.RUNNING, attempts=RolloutTenant.attempts + 1, started_at=time.time())
        .returning(RolloutTenant.tenant_id)
    )
    return None if session.scalar(begun) is None else place(session, rollout, tenant)


def end_try(session: Session, rollout: str, tenant: str, ending: Ending) -> None:
    """Record how a try ended. An end that is recorded already stays: two workers may have had the tenant."""
    session.execute(
        update(RolloutTenant)
        .where(
            _of(rollout),
            RolloutTenant.tenant_id == tenant,
            RolloutTenant.outcome.in_([Outcome.PENDING, Outcome.RUNNING]),
        )
        .values(
            outcome=ending.outcome,
            error_type=ending.error_type,
            error=ending.error,
            sample=ending.sample,
            strategy=ending.strategy,
            pause_ms=ending.pause_ms,
            finished_at=time.time(),
        )
    )


def set_outcome(session: Session, rollout: str, tenant: str, ending: Ending) -> None:
    """Record an end in place of the one before: what was done to this tenant by itself."""
    session.execute(
        update(RolloutTenant)
        .where(_of(rollout), RolloutTenant.tenant_id == tenant)
        .values(
            outcome=ending.outcome,
            error_type=ending.error_type,
            error=ending.error,
            sample=ending.sample,
            finished_at=time.time(),
        )
    )


def take_back(session: Session, rollout: str, *, tenants: Collection[str] | None = None) -> int:
    """Make tenants that were handed out wait again: all of them, or only these; returns how many."""
    query = update(RolloutTenant).where(_of(rollout), RolloutTenant.outcome == Outcome.RUNNING)
    if tenants is not None:
        query = query.where(RolloutTenant.tenant_id.in_(tenants))
    return _waiting_again(session, query)


def take_back_forgotten(session: Session, rollout: str, *, before: float) -> int:
    """Make tenants wait again that were handed out before a time and that nobody works on.

    Their message was lost, or their worker died; where it only was late, the tenant is tried twice, which
    does no harm.
    """
    idle = select(Tenant.id).where(Tenant.operation_id.is_(None))
    query = update(RolloutTenant).where(
        _of(rollout),
        RolloutTenant.outcome == Outcome.RUNNING,
        RolloutTenant.started_at < before,
        RolloutTenant.tenant_id.in_(idle),
    )
    return _waiting_again(session, query)


def _waiting_again(session: Session, query: Update) -> int:
    taken = query.values(outcome=Outcome.PENDING).returning(RolloutTenant.tenant_id)
    return len(session.scalars(taken).all())


def drop_deleted(session: Session, rollout: str) -> None:
    """Forget tenants that were deleted before their turn: there is nothing left to bring anywhere."""
    gone = select(Tenant.id).where(Tenant.state == TenantState.DELETED)
    session.execute(
        delete(RolloutTenant).where(
            _of(rollout), RolloutTenant.outcome == Outcome.PENDING, RolloutTenant.tenant_id.in_(gone)
        )
    )


def strays(session: Session, rollout: Rollout, *, wave: int) -> list[Enlisted]:
    """Places in a new wave for tenants with another schema that a rollout is done with, or never saw.

    They were created from the old template while it began, or restored or adopted meanwhile. Tries that they
    had count on, so that a tenant which never takes the schema comes to an end.
    """
    query = (
        select(Tenant.id, Tenant.schema_hash, func.coalesce(RolloutTenant.attempts, 0))
        .outerjoin(
            RolloutTenant, and_(RolloutTenant.tenant_id == Tenant.id, RolloutTenant.rollout_id == rollout.id)
        )
        .where(
            Tenant.state.in_(_PRESENT),
            Tenant.schema_hash.is_distinct_from(rollout.schema_hash),
            or_(
                RolloutTenant.tenant_id.is_(None),
                RolloutTenant.outcome.in_([Outcome.DONE, Outcome.SAME]),
            ),
        )
        .order_by(Tenant.id)
    )
    return [
        Enlisted(tenant=tenant, wave=wave, from_schema=schema, attempts=attempts)
        for tenant, schema, attempts in session.execute(query)
    ]


def reset(session: Session, rollout: str, *, outcomes: Collection[Outcome], tenant: str | None = None) -> int:
    """Give tenants that ended so another first try; all of them, or one. Returns how many."""
    query = update(RolloutTenant).where(_of(rollout), RolloutTenant.outcome.in_(outcomes))
    if tenant is not None:
        query = query.where(RolloutTenant.tenant_id == tenant)
    again = query.values(
        outcome=Outcome.PENDING, attempts=0, error_type=None, error=None, sample=None, finished_at=None
    )
    return len(session.scalars(again.returning(RolloutTenant.tenant_id)).all())


def turn_back(session: Session, rollout: Rollout) -> None:
    """Make every tenant that has the rollout's schema wait for its way back, and close the others' turns."""
    there = select(Tenant.id).where(Tenant.schema_hash == rollout.schema_hash, Tenant.state.in_(_PRESENT))
    ended_there = and_(
        RolloutTenant.tenant_id.in_(there),
        RolloutTenant.outcome.in_([Outcome.DONE, Outcome.FAILED, Outcome.RUNNING, Outcome.PENDING]),
    )
    never_there = and_(
        RolloutTenant.tenant_id.not_in(there),
        RolloutTenant.outcome.in_([Outcome.RUNNING, Outcome.PENDING]),
    )
    fresh = {"attempts": 0, "error_type": None, "error": None, "sample": None, "finished_at": None}
    for which, outcome in ((never_there, Outcome.ROLLED_BACK), (ended_there, Outcome.PENDING)):
        session.execute(update(RolloutTenant).where(_of(rollout.id), which).values(outcome=outcome, **fresh))


def turn_strays_back(session: Session, rollout: Rollout) -> int:
    """Make tenants wait that count as back and have the rollout's schema all the same; returns how many.

    A worker was still bringing them there while the rollout turned; tries that they had count on.
    """
    there = select(Tenant.id).where(Tenant.schema_hash == rollout.schema_hash, Tenant.state.in_(_PRESENT))
    again = (
        update(RolloutTenant)
        .where(
            _of(rollout.id), RolloutTenant.outcome == Outcome.ROLLED_BACK, RolloutTenant.tenant_id.in_(there)
        )
        .values(outcome=Outcome.PENDING)
        .returning(RolloutTenant.tenant_id)
    )
    return len(session.scalars(again).all())


def born_there(session: Session, rollout: Rollout) -> list[Tenant]:
    """Tenants without a place in the rollout that have its schema: they were created with it."""
    enlisted = select(RolloutTenant.tenant_id).where(_of(rollout.id))
    query = select(Tenant).where(
        Tenant.schema_hash == rollout.schema_hash, Tenant.state.in_(_PRESENT), Tenant.id.not_in(enlisted)
    )
    return list(session.scalars(query.order_by(Tenant.id)))


def _of(rollout: str) -> ColumnElement[bool]:
    return RolloutTenant.rollout_id == rollout
