"""One tenant one version back, the same way that the change came: in place, or by a generation."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrations_engine import sqlite, versions
from migrations_engine.execution import wayback
from migrations_engine.reversal import roll_back_in
from tenantdb import fence, ids
from tenantdb.catalog import Catalog
from tenantdb.catalog.states import OperationKind
from workers.handover.handover import Handover
from workers.handover.pause import Limits
from workers.handover.transfer import Transfer, silent
from workers.hosts import marks_of
from workers.migration.inplace import InPlace, change_in_place, in_place_payload
from workers.migration.reversal import return_to_generation
from workers.operations import operation
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import apsw
    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from migrations_engine.reversal import Restored
    from tenantdb.marks import Marks
    from tenantdb.model import Route
    from tenantdb.settings import Settings
    from workers.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackResult:
    """How a rollback went; ``pause_ms`` in milliseconds, ``discarded`` one sentence each."""

    tenant: str
    schema: str | None
    pause_ms: float
    discarded: tuple[str, ...] = ()


def rollback(
    tenant: int | str,
    *,
    settings: Settings,
    discard_since: bool = False,
    limits: Limits | None = None,
    observer: Observer = unobserved,
    progress: Callable[[str, int, int], None] = silent,
) -> RollbackResult:
    """Bring a tenant back to the schema before its last change, with the writes made since.

    Args:
        tenant: Its id.
        settings: Where the catalog is.
        discard_since: Leave out what the older schema cannot hold.
        limits: How long writers may wait.
        observer: Hears of every boundary of every phase.
        progress: Told (phase, done, in all or 0) in long phases.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantBusy: Another operation holds it.
        NoWayBack: There is no earlier version, or it is not kept any more.
        WayBackLossy: The older schema cannot hold everything that was written since.
        OperationFailed: It could not be done; everything is as before.
        OperationUnknown: Recovery has to finish or undo it.
        LeaseLost: Another worker took the operation over.
    """
    catalog, identity, chosen = Catalog.open(settings), ids.canonical(tenant), limits or Limits()
    marks = marks_of(settings)
    begun = operation.begin(catalog, kind=OperationKind.ROLLBACK, tenant=identity, plan=_plan)
    if "target" not in begun.payload:
        return _in_place(begun, marks=marks, discard_since=discard_since, limits=chosen, observer=observer)
    transfer = Transfer(
        operation=begun,
        handover=Handover.of(begun.payload),
        marks=marks,
        limits=chosen,
        observer=observer,
        progress=progress,
        discard=discard_since,
    )
    return_to_generation(transfer)
    return _result(begun, schema=transfer.handover.target.schema_hash, pause=transfer.figures.pause)


def _plan(session: Session, route: Route, identity: str) -> Mapping[str, Any]:
    """A change that was made in place is taken back in place, one that made a generation by another."""
    with contextlib.closing(sqlite.connect(route.path, mode="ro")) as conn:
        lies_in_file = wayback.read(conn) is not None
    if lies_in_file:
        return in_place_payload(session, route.tenant)
    return Handover.to_before(session, tenant=route.tenant, operation=identity).payload()


def _in_place(
    begun: Operation, *, marks: Marks, discard_since: bool, limits: Limits, observer: Observer
) -> RollbackResult:
    done: list[Restored] = []

    def act(conn: apsw.Connection, clock: Callable[[], float]) -> str:
        restored = roll_back_in(conn, discard_since=discard_since, after_ddl=fence.install_guards)
        schema = restored.version.schema
        versions.close_way_back(conn, "used")
        versions.record(conn, schema, strategy="rollback", pause=clock(), way_back="used")
        done.append(restored)
        return schema.hash

    work = InPlace(operation=begun, marks=marks, act=act, limits=limits)
    change_in_place(work, observer=observer)
    restored = done[-1]
    return _result(begun, schema=restored.version.schema.hash, pause=work.pause, discarded=restored.losses)


def _result(
    begun: Operation, *, schema: str | None, pause: float, discarded: tuple[str, ...] = ()
) -> RollbackResult:
    return RollbackResult(
        tenant=begun.tenant, schema=schema, pause_ms=round(pause * 1000, 3), discarded=discarded
    )
