"""One batch of a rollout: some tenants of one server, one after the other, each with an end of its own.

It runs in a child of the dispatcher or as a Celery task, and may run twice, late, or beside its repetition: a
tenant that has its end is passed over, and a tenant that another worker holds is tried again later.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import migrations_engine as engine
from migrations_engine.errors import DataDoesNotFit, MigrationError, Misfit
from tenantdb import settings
from tenantdb.catalog import Catalog, rollouts, tenants
from tenantdb.catalog.rollouts import Ending
from tenantdb.catalog.states import Outcome, RolloutState
from tenantdb.errors import TenantDBError
from workers.events import Event, emit
from workers.migration import migration, rollback
from workers.rollout.turn import GOING, Batch, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantdb.catalog.models import Rollout, RolloutTenant
    from tenantdb.settings import Settings

log = logging.getLogger("workers")

MAX_TRIES = 8
"""How often a tenant is tried that is busy, or at which workers die: with its rests, about two minutes."""


def run(arguments: dict[str, Any], report: Callable[[Any], None]) -> None:
    """Bring a batch's tenants to their rollout's schema, or back from it; stops where the rollout does.

    Args:
        arguments: What ``Batch.arguments`` gave.
        report: Called after each tenant with its id and outcome.
    """
    batch = Batch.of(arguments)
    now = settings.current()
    catalog = Catalog.open(now)
    for number, tenant in enumerate(batch.tenants):
        with catalog.begin() as session:
            rollout = rollouts.get(session, batch.rollout)
            if rollout.state not in GOING:
                rollouts.take_back(session, batch.rollout, tenants=batch.tenants[number:])
                return
            place = rollouts.begin_try(session, batch.rollout, tenant)
        if place is None:
            continue
        ending = _try(now, rollout, place)
        with catalog.begin() as session:
            halted = record(session, batch.rollout, tenant, ending)
        _tell(rollout, tenant, ending, halted=halted)
        report({"tenant": tenant, "outcome": ending.outcome})


def _tell(rollout: Rollout, tenant: str, ending: Ending, *, halted: bool) -> None:
    if ending.outcome is Outcome.FAILED:
        sentence = f"rollout {rollout.id} failed for tenant {tenant!r}: {ending.error}"
        emit(Event.ROLLOUT_FAILURE, sentence, rollout=rollout.id, tenant=tenant)
    if halted:
        sentence = f"rollout {rollout.id} halts: more failures than it bears ({rollout.max_failures})"
        emit(Event.ROLLOUT_HALTED, sentence, rollout=rollout.id)


def _try(now: Settings, rollout: Rollout, place: RolloutTenant) -> Ending:
    if place.attempts > MAX_TRIES:
        return Ending(
            outcome=Outcome.FAILED,
            error_type=place.error_type or "WorkerDied",
            error=place.error or f"{MAX_TRIES} workers died at it",
        )
    try:
        return _back(now, rollout, place) if _goes_back(rollout) else _forward(now, rollout, place)
    except (MigrationError, TenantDBError) as error:
        return ending_of(error)
    except Exception as error:  # a fault of ours with one tenant must not keep the others from their turn
        log.exception("tenant %r", place.tenant_id, extra={"tenant": place.tenant_id, "rollout": rollout.id})
        return ending_of(error)


def _goes_back(rollout: Rollout) -> bool:
    return rollout.state is RolloutState.ROLLING_BACK


def _back(now: Settings, rollout: Rollout, place: RolloutTenant) -> Ending:
    # An earlier try may have brought it back and died before it could say so: once more would be too far.
    with Catalog.open(now).reading() as session:
        is_there = tenants.get(session, place.tenant_id).schema_hash == rollout.schema_hash
    if is_there:
        rollback.rollback(place.tenant_id, settings=now, discard_since=rollout.discard_since)
    return Ending(outcome=Outcome.ROLLED_BACK)


def _forward(now: Settings, rollout: Rollout, place: RolloutTenant) -> Ending:
    result = migration.migrate(
        place.tenant_id,
        _schema(rollout.document),
        settings=now,
        allow_destructive=rollout.allow_destructive,
    )
    # Unchanged in a later try: an earlier one brought it here and died before it could say so.
    unchanged = not result.changed and place.attempts == 1
    return Ending(
        outcome=Outcome.SAME if unchanged else Outcome.DONE,
        strategy=result.strategy,
        pause_ms=result.pause_ms,
    )


@lru_cache(maxsize=4)
def _schema(document: str) -> engine.Schema:
    """Read a document once for each worker, not for each tenant."""
    return engine.loads(document)


def ending_of(error: Exception) -> Ending:
    """What an error means for a tenant's place in its rollout: another try, or a failure that says why."""
    return Ending(
        outcome=Outcome.PENDING if getattr(error, "retryable", False) else Outcome.FAILED,
        error_type=type(error).__name__,
        error=str(error),
        sample=[_plain(misfit) for misfit in error.misfits] if isinstance(error, DataDoesNotFit) else None,
    )


def _plain(misfit: Misfit) -> dict[str, Any]:
    return {**asdict(misfit), "sample": [_plain_key(key) for key in misfit.sample]}


def _plain_key(key: object) -> object:
    """A row's key as JSON can carry it."""
    if isinstance(key, tuple | list):
        return [_plain_key(part) for part in key]
    return f"x'{key.hex()}'" if isinstance(key, bytes) else key
