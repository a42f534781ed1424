"""Thin tasks: each calls what also runs without a broker.

None of them is needed: ``sweep`` and ``recover``, which beat repeats, find whatever a lost message left.
"""

from __future__ import annotations

import time
from typing import Any

from tenantdb import settings
from tenantdb.catalog import Catalog, rollouts
from workers import recovery
from workers.app import hint, server_queue
from workers.events import Event, emit
from workers.rollout import batch as batches
from workers.rollout import turn

FORGOTTEN_SECONDS = 30.0
"""A tenant that was handed out so long ago, and that nobody works on, is handed out again."""


@hint(name="workers.rollout.batch")
def batch(arguments: dict[str, Any]) -> None:
    """Bring some tenants of one server to their rollout's schema; then have the next ones handed out."""
    batches.run(arguments, lambda _: None)
    step.delay(arguments["rollout"])


@hint(name="workers.step")
def step(rollout: str) -> None:
    """Hand out the tenants of a rollout that may go now, each to the workers of its server."""
    with Catalog.open(settings.current()).begin() as session:
        handed = turn.step(session, rollout)
    if handed.ended:
        emit(Event.ROLLOUT_ENDED, f"rollout {rollout} is {handed.state}", rollout=rollout)
    # After the commit: a message that came first would find nothing to do.
    for each in handed.batches:
        batch.apply_async([each.arguments()], queue=server_queue(each.server))


@hint(name="workers.sweep")
def sweep(forgotten_seconds: float = FORGOTTEN_SECONDS) -> None:
    """Carry on whatever rollout is going, whichever of its messages were lost."""
    with Catalog.open(settings.current()).begin() as session:
        row = rollouts.unfinished(session)
        if row is None or row.state not in turn.GOING:
            return
        rollouts.take_back_forgotten(session, row.id, before=time.time() - forgotten_seconds)
    step.delay(row.id)


@hint(name="workers.recover")
def recover() -> None:
    """Finish or undo the operations of workers that died."""
    recovery.recover(settings.current())
