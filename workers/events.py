"""What operations say while they run: one call logs and counts, so that the two cannot drift."""

from __future__ import annotations

import logging
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("workers")


class Event(StrEnum):
    """Everything that operations report; the value is the stable name for machines."""

    OPERATION_BEGUN = "operation.begun"
    OPERATION_DONE = "operation.done"
    OPERATION_UNDONE = "operation.undone"
    OPERATION_UNKNOWN = "operation.unknown"
    LEASE_LOST = "operation.lease-lost"
    PHASE_ENTERED = "phase.entered"
    PHASE_LEFT = "phase.left"
    PAUSE_MISSED = "pause.missed"
    PAUSE_ENDED = "pause.ended"
    SEAL_PENDING = "seal.pending"
    RECOVERED = "recovery.settled"
    SWEPT = "recovery.swept"
    ROLLOUT_BEGUN = "rollout.begun"
    ROLLOUT_FAILURE = "rollout.failure"
    ROLLOUT_HALTED = "rollout.halted"
    ROLLOUT_ENDED = "rollout.ended"
    WORKER_DIED = "worker.died"


_LEVELS: Mapping[Event, int] = {
    Event.PHASE_ENTERED: logging.DEBUG,
    Event.PHASE_LEFT: logging.DEBUG,
    Event.OPERATION_UNKNOWN: logging.ERROR,
    Event.LEASE_LOST: logging.WARNING,
    Event.PAUSE_MISSED: logging.WARNING,
    Event.WORKER_DIED: logging.WARNING,
}

counts: Counter[Event] = Counter()
"""How often each event happened in this process."""


def emit(event: Event, sentence: str, **fields: object) -> None:
    """Log one event with its ids as fields, and count it.

    Args:
        event: Which one.
        sentence: What a person reads.
        fields: Ids and figures; they become attributes of the log record.
    """
    counts[event] += 1
    log.log(_LEVELS.get(event, logging.INFO), "%s", sentence, extra={"event": event.value, **fields})
