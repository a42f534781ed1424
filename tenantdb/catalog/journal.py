"""What operations did, event by event; resuming reads only this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from tenantdb.catalog.models import JournalEntry, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tenantdb.catalog.states import PhaseEvent


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
    session.execute(select(Operation.id).where(Operation.id == operation).with_for_update())
    last = session.scalar(select(func.max(JournalEntry.seq)).where(JournalEntry.operation_id == operation))
    entry = JournalEntry(
        operation_id=operation,
        seq=(last or 0) + 1,
        phase=phase,
        event=event,
        data=None if data is None else dict(data),
    )
    session.add(entry)
    session.flush()
    return entry.seq


def entries(session: Session, operation: str) -> list[JournalEntry]:
    """All events of an operation, in the order in which they happened."""
    query = select(JournalEntry).where(JournalEntry.operation_id == operation).order_by(JournalEntry.seq)
    return list(session.scalars(query))


def last(session: Session, *, operation: str, phase: str, event: PhaseEvent) -> JournalEntry | None:
    """The latest such event of a phase."""
    query = (
        select(JournalEntry)
        .where(JournalEntry.operation_id == operation)
        .where(JournalEntry.phase == phase, JournalEntry.event == event)
        .order_by(JournalEntry.seq.desc())
    )
    return session.scalars(query).first()
