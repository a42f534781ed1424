"""Carrying a handover out: its phases under a heartbeat, and nothing left half done, whatever happens."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

import apsw

from migrations_engine.errors import MigrationError
from migrations_engine.online.phases import run
from tenantdb.catalog.states import OperationState
from tenantdb.errors import CatalogUnavailable, LeaseLost, OperationUnknown, TenantDBError
from workers.events import Event, emit
from workers.handover.settlement import Settlement
from workers.handover.verdict import Verdict
from workers.operations.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from migrations_engine.online.phases import Phase
    from workers.handover.transfer import Transfer


def carry_out(transfer: Transfer, phases: Sequence[Phase[Transfer]]) -> None:
    """Run the phases, then record the end; where one fails, settle the operation as after a kill.

    Raises:
        LeaseLost: Another worker took the operation over: this one leaves everything to it.
        OperationUnknown: It failed, and could not be settled now; recovery will.
    """
    with transfer.operation.alive():
        try:
            _run(transfer, phases)
        except LeaseLost:
            emit(Event.LEASE_LOST, "another worker took it over", operation=transfer.operation.id)
            raise
        except BaseException as error:
            if _settled(transfer, error) is not Verdict.FORWARD or not isinstance(error, Exception):
                raise
        else:
            transfer.operation.end(OperationState.DONE, result=outcome(transfer))
        finally:
            transfer.close()
    emit(Event.OPERATION_DONE, f"{transfer.operation.kind} is done", operation=transfer.operation.id)


def _run(transfer: Transfer, phases: Sequence[Phase[Transfer]]) -> None:
    """Run the phases; a full disk is the system's error, with the file that found no room."""
    try:
        run(phases, transfer, observer=Journal(operation=transfer.operation, then=transfer.observer))
    except apsw.FullError:
        raise OSError(errno.ENOSPC, "the disk is full", str(transfer.target_path)) from None


def outcome(transfer: Transfer) -> Mapping[str, Any]:
    """What the operation's row keeps of its figures."""
    figures = transfer.figures
    return {
        "pause_ms": round(figures.pause * 1000, 3),
        "rows": figures.rows,
        "bytes": figures.bytes,
        "drained": figures.drained,
        "attempts": figures.attempts,
        "verified": figures.verified,
        "verify_seconds": round(figures.verify_seconds, 3),
        "seconds": round(figures.seconds, 3),
    }


def _settled(transfer: Transfer, error: BaseException) -> Verdict:
    """Put in order what a failed operation left; it may even turn out to be done."""
    transfer.close()
    settlement = Settlement(
        operation=transfer.operation,
        handover=transfer.handover,
        marks=transfer.marks,
        error=str(error) or type(error).__name__,
    )
    try:
        return settlement.settle()
    except (TenantDBError, MigrationError, apsw.Error, OSError) as unsettled:
        with contextlib.suppress(CatalogUnavailable):
            transfer.operation.let_go()
        raise OperationUnknown(transfer.operation.id, reason=f"{error}; then {unsettled}") from error
