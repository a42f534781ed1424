"""Finishing or undoing what was interrupted, from facts alone; may be killed and run again at any moment.

1. Find running operations that nobody carries: the lease lapsed, or its process is gone from this host.
2. Take each over: its token is raised and committed before the route or a file is read.
3. Settle it by what the route and the files say.
4. Sweep what is nobody's: unfinished copies, files that wait for their seal, archives whose time is over.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import apsw

from migrations_engine.errors import MigrationError
from tenantdb.catalog import Catalog, operations
from tenantdb.catalog.states import OperationKind, OperationState
from tenantdb.errors import LeaseLost, TenantDBError
from workers import reaper
from workers.handover.handover import Handover
from workers.handover.settlement import Settlement
from workers.hosts import marks_of
from workers.lifecycle import birth, deletion
from workers.migration import inplace
from workers.operations.journal import unobserved
from workers.operations.takeover import take_over

if TYPE_CHECKING:
    from migrations_engine.online.phases import Observer
    from tenantdb.catalog.models import Operation as Row
    from tenantdb.settings import Settings
    from workers.operations.operation import Operation
    from workers.reaper import Swept

PENDING = "pending"
"""An operation that could not be settled now: another recovery tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One operation that was interrupted, and what became of it.

    Attributes:
        operation: Its id.
        kind: What it was to do.
        tenant: To whom.
        outcome: ``done``, ``undone``, ``unknown``; or ``pending`` where it could not be settled now.
        reason: Why it is pending or unknown.
    """

    operation: str
    kind: str
    tenant: str | None
    outcome: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """All that one recovery did."""

    settled: tuple[Settled, ...]
    swept: tuple[Swept, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is left for another recovery, or for a person."""
        return all(each.outcome in (OperationState.DONE, OperationState.UNDONE) for each in self.settled)

    def document(self) -> dict[str, Any]:
        """The recovery as programs get it."""
        return {
            "complete": self.complete,
            "operations": [asdict(each) for each in self.settled],
            "swept": [asdict(each) for each in self.swept],
        }


def recover(settings: Settings, *, observer: Observer = unobserved) -> Recovered:
    """Finish or undo every operation that nobody carries, then sweep.

    Args:
        settings: Where the catalog is.
        observer: Hears of every step of what is done to a handover.

    Raises:
        CatalogUnavailable: The catalog does not answer.
    """
    catalog = Catalog.open(settings)
    with catalog.reading() as session:
        rows = operations.running(session)
    found = (_recover_one(settings, catalog, row, observer) for row in rows)
    settled = tuple(each for each in found if each is not None)
    return Recovered(settled=settled, swept=tuple(reaper.sweep(catalog)))


def _recover_one(settings: Settings, catalog: Catalog, row: Row, observer: Observer) -> Settled | None:
    """Take one operation over and settle it; None where its worker lives."""
    operation = take_over(catalog, row)
    if operation is None:
        return None
    try:
        with operation.alive():
            _settle(settings, operation, observer)
        return _ended(catalog, row)
    except LeaseLost:
        return None  # another recovery was faster
    except (TenantDBError, MigrationError, apsw.Error, OSError) as error:
        operation.let_go()
        return Settled(
            operation=row.id, kind=row.kind, tenant=row.tenant_id, outcome=PENDING, reason=str(error)
        )


def _settle(settings: Settings, operation: Operation, observer: Observer) -> None:
    match operation.kind:
        case OperationKind.CREATE | OperationKind.ADOPT:
            birth.settle(operation)
        case OperationKind.DELETE:
            deletion.settle(settings, operation)
        case _ if "target" in operation.payload:
            Settlement(
                operation=operation, handover=Handover.of(operation.payload), marks=marks_of(settings)
            ).settle(observer=observer)
        case _:
            inplace.settle(operation, marks=marks_of(settings))


def _ended(catalog: Catalog, row: Row) -> Settled:
    with catalog.reading() as session:
        now = operations.find(session, row.id)
    return Settled(
        operation=row.id,
        kind=row.kind,
        tenant=row.tenant_id,
        outcome=now.state if now else PENDING,
        reason=now.error if now else None,
    )
