"""What becomes of a generation out of service: sealed, and kept until a date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from migrations_engine.errors import DatabaseBusy
from tenantdb import seal
from tenantdb.catalog import generations
from tenantdb.catalog.states import GenerationState
from workers.events import Event, emit

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

    from workers.handover.handover import Handover
    from workers.operations.operation import Operation

KEEP_SECONDS = 7 * 24 * 3600.0
"""How long an old generation stays as the way back."""

_SEAL_SECONDS = 2.0
"""How long readers of an old snapshot are waited for; after that the next sweep seals."""


def seal_retired(
    operation: Operation, path: Path, *, wait: float = _SEAL_SECONDS, by: apsw.Connection | None = None
) -> bool:
    """Make a retired file unwritable for everybody; may run twice.

    Args:
        operation: The one that retired it, or that claimed it since.
        path: The file.
        wait: Seconds to wait for readers of an old snapshot.
        by: The connection to commit with; one of its own by default.

    Returns:
        Whether the seal holds; False leaves a file that its guards still protect.
    """
    try:
        sealed = seal.seal(path, operation=operation.id, token=operation.token, wait=wait, by=by)
    except DatabaseBusy:
        sealed = False
    if not sealed:
        emit(
            Event.SEAL_PENDING, f"{path.name} is read still; the next sweep seals it", operation=operation.id
        )
    return sealed


def keep(operation: Operation, handover: Handover) -> None:
    """Note in the catalog until when the source stays."""
    with operation.catalog.begin() as session:
        operation.require(session)
        generations.set_state(
            session,
            tenant=handover.tenant,
            generation=handover.source.generation,
            state=GenerationState.ARCHIVED,
            keep_until=time.time() + KEEP_SECONDS,
        )
