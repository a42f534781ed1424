"""Carrying out an operation that needs no journal: phases under a heartbeat, then nothing half done."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import apsw

from migrations_engine.errors import MigrationError
from migrations_engine.online.phases import run
from tenantdb.catalog.states import OperationState
from tenantdb.errors import LeaseLost, TenantDBError
from workers.events import Event, emit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrations_engine.online.phases import Observer, Phase
    from workers.operations.operation import Operation

Context = TypeVar("Context")


def carry_out(
    operation: Operation,
    phases: Sequence[Phase[Context]],
    context: Context,
    *,
    observer: Observer,
    settle: Callable[[str], object],
) -> None:
    """Run the phases, then record the end; where one fails, settle the operation as after a kill.

    Args:
        operation: Under the caller's lease.
        phases: The process.
        context: Handed to every phase.
        observer: Hears of every boundary.
        settle: Called with the reason; finishes or undoes what was begun, and records the end.

    Raises:
        LeaseLost: Another worker took the operation over: this one leaves everything to it.
    """
    with operation.alive():
        try:
            run(phases, context, observer=observer)
        except LeaseLost:
            emit(Event.LEASE_LOST, "another worker took it over", operation=operation.id)
            raise
        except BaseException as error:
            _settle(operation, settle, str(error) or type(error).__name__)
            raise
        operation.end(OperationState.DONE)
    sentence = f"{operation.kind} of tenant {operation.tenant!r} is done"
    emit(Event.OPERATION_DONE, sentence, operation=operation.id, tenant=operation.tenant)


def _settle(operation: Operation, settle: Callable[[str], object], reason: str) -> None:
    """Put it in order; what stands in the way of that too is left to the next recovery, at once."""
    try:
        settle(reason)
    except (TenantDBError, MigrationError, apsw.Error, OSError):
        with contextlib.suppress(TenantDBError):
            operation.let_go()
