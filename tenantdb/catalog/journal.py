"""What operations did, event by event; resuming reads only this."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import bindparam, func, insert, select

from tenantdb.catalog.models import JournalEntry, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table
    from sqlalchemy.orm import Session

    from tenantdb.catalog.states import PhaseEvent


_OPERATIONS = cast("Table", Operation.__table__)
_ENTRIES = cast("Table", JournalEntry.__table__)

# Made once: an operation notes some twenty events, and building a statement costs more than running it.
_LOCK = select(_OPERATIONS.c.id).where(_OPERATIONS.c.id == bindparam("of")).with_for_update()
_NEXT = select(func.coalesce(func.max(_ENTRIES.c.seq), 0) + 1).where(
    _ENTRIES.c.operation_id == bindparam("of")
)
_APPEND = (
    insert(_ENTRIES)
    .values(operation_id=bindparam("of"), seq=_NEXT.scalar_subquery(), at=bindparam("now"))
    .returning(_ENTRIES.c.seq)
)


def note(
    session: Session,
    *,
    operation: str,
    phase: str,
    event: PhaseEvent,
    data: Mapping[str, Any] | None = None,
) -> int:
    """Append an event to an operation's journal.

    Args:
        session: Within a transaction of the catalog.
        operation: Its id.
        phase: The phase that it is about.
        event: What happened.
        data: What a later phase, or another worker, needs to know of it.

    Returns:
        The event's number within the operation, from 1.
    """
    # The operation's row is locked first: two writers would take the same number (SQLite locks everything).
    session.execute(_LOCK, {"of": operation})
    values = {
        "of": operation,
        "phase": phase,
        "event": event,
        "now": time.time(),
        "data": None if data is None else dict(data),
    }
    seq: int = session.execute(_APPEND, values).scalar_one()
    return seq


def entries(session: Session, operation: str) -> list[JournalEntry]:
    """All events of an operation, in the order in which they happened."""
    query = select(JournalEntry).where(JournalEntry.operation_id == operation).order_by(JournalEntry.seq)
    return list(session.scalars(query))
