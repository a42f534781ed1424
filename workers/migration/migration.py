"""One tenant brought to a schema: where it lies if that is short, else by a new generation."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from migrations_engine import sqlite
from migrations_engine.checks import misfits as checks
from migrations_engine.errors import DataDoesNotFit, DestructiveChange
from migrations_engine.execution import applying
from migrations_engine.execution.compiling import compiled
from migrations_engine.introspection import introspect
from migrations_engine.planning.estimate import estimated
from tenantdb import fence, ids
from tenantdb.catalog import Catalog, routes, schemas
from tenantdb.catalog.states import OperationKind
from tenantdb.errors import TenantBusy, TenantNotFound
from workers.handover.handover import Handover
from workers.handover.pause import Limits
from workers.handover.transfer import Transfer, silent
from workers.hosts import marks_of
from workers.migration.inplace import InPlace, change_in_place, in_place_payload
from workers.migration.rebuild import is_online, rebuild
from workers.operations import operation
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import apsw
    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from migrations_engine.planning.plan import Plan, Strategy
    from migrations_engine.schema import Schema
    from tenantdb.marks import Marks
    from tenantdb.model import Route
    from tenantdb.settings import Settings
    from workers.operations.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResult:
    """How a migration went; ``pause_ms`` in milliseconds."""

    tenant: str
    changed: bool
    strategy: Strategy
    pause_ms: float
    schema: str


def migrate(
    tenant: int | str,
    schema: Schema,
    *,
    settings: Settings,
    allow_destructive: bool = False,
    limits: Limits | None = None,
    observer: Observer = unobserved,
    progress: Callable[[str, int, int], None] = silent,
) -> MigrationResult:
    """Bring a tenant to a schema, while it is read and written.

    Args:
        tenant: Its id.
        schema: What it is to have.
        settings: Where the catalog is.
        allow_destructive: Leave to drop tables and columns and to rewrite values.
        limits: How long writers may wait.
        observer: Hears of every boundary of every phase.
        progress: Told (phase, done, in all or 0) in long phases.

    Raises:
        TenantNotFound: There is no such tenant.
        TenantBusy: Another operation holds it.
        DestructiveChange: It would destroy data, without leave.
        DataDoesNotFit: Rows that the schema rejects; everything is as before.
        OperationFailed: It could not be done; everything is as before.
        OperationUnknown: Recovery has to finish or undo it.
        LeaseLost: Another worker took the operation over.
    """
    task = _Task(
        catalog=Catalog.open(settings),
        marks=marks_of(settings),
        tenant=ids.canonical(tenant),
        schema=schema,
        limits=limits or Limits(),
        observer=observer,
        progress=progress,
    )
    return task.run(allow_destructive=allow_destructive)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One call of ``migrate``."""

    catalog: Catalog
    marks: Marks
    tenant: str
    schema: Schema
    limits: Limits
    observer: Observer
    progress: Callable[[str, int, int], None]

    def run(self, *, allow_destructive: bool) -> MigrationResult:
        """Look at the file, then go the way that it takes."""
        route = self._route()
        plan = self._plan(route)
        if plan.change.destructive and not allow_destructive:
            raise DestructiveChange(list(plan.change.losses))
        if plan.strategy == "none":
            return self._result(plan, "none", 0.0)
        # What destroys data goes by a new generation even where it is short: the old one is the way back.
        if plan.strategy == "in-place" and not plan.change.destructive and plan.pause <= self.limits.budget:
            with contextlib.suppress(TenantBusy):  # it took longer than was predicted, and was taken back
                return self._in_place(plan, route)
        return self._by_rebuild(plan, route) if is_online(plan) else self._in_place(plan, route)

    def _route(self) -> Route:
        with self.catalog.reading() as session:
            found = routes.find(session, self.tenant)
        if found is None:
            raise TenantNotFound(self.tenant)
        return found

    def _plan(self, route: Route) -> Plan:
        """What it takes on this very file; rows that would not fit are refused before anything is made."""
        with contextlib.closing(sqlite.connect(route.path, mode="ro")) as conn, sqlite.snapshot(conn):
            plan = estimated(_compiled(introspect(conn), self.schema), conn)
            misfits = checks.misfits(conn, plan) if plan.strategy != "none" else []
        if misfits:
            raise DataDoesNotFit(misfits)
        return plan

    def _in_place(self, plan: Plan, route: Route) -> MigrationResult:
        """Change the live file in one short transaction."""

        def act(conn: apsw.Connection, clock: Callable[[], float]) -> str:
            applying.apply_in(conn, plan, keep=True, after_ddl=fence.install_guards, clock=clock)
            return plan.new.hash

        begun = self._begin(route, lambda session, _: in_place_payload(session, self.tenant))
        work = InPlace(operation=begun, marks=self.marks, act=act, limits=self.limits)
        change_in_place(work, observer=self.observer)
        return self._result(plan, "in-place", work.pause)

    def _by_rebuild(self, plan: Plan, route: Route) -> MigrationResult:
        """Make a new generation."""
        begun = self._begin(
            route,
            lambda session, identity: Handover.to_schema(
                session, tenant=self.tenant, operation=identity, schema_hash=plan.new.hash
            ).payload(),
        )
        transfer = Transfer(
            operation=begun,
            handover=Handover.of(begun.payload),
            marks=self.marks,
            limits=self.limits,
            observer=self.observer,
            progress=self.progress,
        )
        rebuild(transfer, plan)
        return self._result(plan, "rebuild", transfer.figures.pause)

    def _begin(self, seen: Route, payload: Callable[[Session, str], Mapping[str, Any]]) -> Operation:
        """Take the lease, if the tenant is still where the plan was made for it."""

        def planned(session: Session, route: Route, identity: str) -> Mapping[str, Any]:
            if route != seen:
                raise TenantBusy(self.tenant, waited=0.0, reason="another operation was faster")
            schemas.record(session, schema_hash=self.schema.hash, document=self.schema.to_json())
            return payload(session, identity)

        return operation.begin(self.catalog, kind=OperationKind.MIGRATE, tenant=self.tenant, plan=planned)

    def _result(self, plan: Plan, strategy: Strategy, pause: float) -> MigrationResult:
        return MigrationResult(
            tenant=self.tenant,
            changed=strategy != "none",
            strategy=strategy,
            pause_ms=round(pause * 1000, 3),
            schema=plan.new.hash,
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two schemas as a key: a document's hints are no part of a schema's own equality, but of the way."""

    old_hash: str
    new_document: str
    old: Schema = field(compare=False)
    new: Schema = field(compare=False)


def _compiled(old: Schema, new: Schema) -> Plan:
    return _compiled_once(_Pair(old.hash, new.to_json(), old, new))


@lru_cache(maxsize=64)
def _compiled_once(pair: _Pair) -> Plan:
    """A plan depends on the two schemas alone: one for a whole fleet."""
    return compiled(pair.old, pair.new)
