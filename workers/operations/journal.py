"""The durable record of an operation's phases: each boundary is a row before the process goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.online.phases import Boundary
from tenantdb.catalog.states import PhaseEvent
from workers.events import Event, emit

if TYPE_CHECKING:
    from migrations_engine.online.phases import Observer
    from workers.operations.operation import Operation


def unobserved(_phase: str, _boundary: Boundary, /) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """An observer that writes boundaries down, and then tells the next one."""

    operation: Operation
    then: Observer = unobserved

    def __call__(self, phase: str, boundary: Boundary, /) -> None:
        """Record a boundary; it proves the lease too.

        Raises:
            LeaseLost: Another worker carries the operation.
        """
        self.operation.note(phase, PhaseEvent(boundary.value))
        event = Event.PHASE_ENTERED if boundary is Boundary.ENTERED else Event.PHASE_LEFT
        emit(event, f"{phase}: {boundary}", operation=self.operation.id, phase=phase)
        self.then(phase, boundary)
