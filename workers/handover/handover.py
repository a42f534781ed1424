"""What an operation will do to a tenant's home, as data: from which generation to which.

It is written into the operation's row before anything is made, so that whoever finds the operation later
knows every file that it may have touched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from migrations_engine.errors import NoWayBack
from tenantdb import paths
from tenantdb.catalog import generations, operations, routes, tenants
from tenantdb.catalog.states import GenerationState
from tenantdb.errors import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tenantdb.catalog.models import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One generation and where its file is; ``path`` is relative to its server's root."""

    server: str
    path: str
    generation: int
    epoch: int
    schema_hash: str | None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The place that ``asdict`` gave."""
        return cls(**{name: data[name] for name in ("server", "path", "generation", "epoch", "schema_hash")})

    @classmethod
    def at(cls, row: Generation) -> Self:
        """The place that a generation's row describes."""
        return cls(
            server=row.server_id,
            path=row.path,
            generation=row.generation,
            epoch=row.epoch,
            schema_hash=row.schema_hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A tenant's change from one generation to another.

    Attributes:
        tenant: The canonical id.
        source: The generation that is open when it begins.
        target: The generation that will be open when it ends.
        base: What the target begins as a copy of; the source, or for a rollback the generation before it.
        way_back: The generation that a rollback of the target would begin as; None where there is none. The
            target keeps a change log for it.
        kept: Whether the source keeps a change log for a way back of its own; an undone operation leaves it.
    """

    tenant: str
    source: Place
    target: Place
    base: Place
    way_back: Place | None = None
    kept: bool = False

    @property
    def changes_schema(self) -> bool:
        """Whether the target is of another schema than what it begins as a copy of."""
        return self.way_back == self.source

    @property
    def keeps_log(self) -> bool:
        """Whether the target keeps the change log of what it begins as, because it has the same way back."""
        return self.way_back is not None and not self.changes_schema

    @property
    def keeps_way_back(self) -> bool:
        """Whether a way back that lies in the file itself leads where it led, in the target too."""
        return self.base == self.source and not self.changes_schema

    @classmethod
    def to_server(cls, session: Session, *, tenant: str, operation: str, server: str) -> Self:
        """Plan a tenant's next generation on another server, with the way back that it has.

        Args:
            session: Within the transaction that took the tenant's lease.
            tenant: The canonical id.
            operation: The operation that makes it.
            server: Where it will be.
        """
        source = current(session, tenant)
        target = _next(session, source, tenant=tenant, operation=operation, server=server)
        back = way_back(session, tenant, source.generation)
        return cls(
            tenant=tenant, source=source, target=target, base=source, way_back=back, kept=back is not None
        )

    @classmethod
    def to_schema(cls, session: Session, *, tenant: str, operation: str, schema_hash: str) -> Self:
        """Plan a tenant's next generation, of another schema; the way back leads to the one before it."""
        source = current(session, tenant)
        target = _next(session, source, tenant=tenant, operation=operation, schema_hash=schema_hash)
        kept = way_back(session, tenant, source.generation) is not None
        return cls(tenant=tenant, source=source, target=target, base=source, way_back=source, kept=kept)

    @classmethod
    def to_before(cls, session: Session, *, tenant: str, operation: str) -> Self:
        """Plan a tenant's next generation, which begins as the one before the last change of schema.

        Raises:
            NoWayBack: There is none, or it is not kept any more.
        """
        source = current(session, tenant)
        base = way_back(session, tenant, source.generation)
        if base is None:
            raise NoWayBack(f"tenant {tenant!r} has no earlier version that is kept")
        target = _next(session, source, tenant=tenant, operation=operation, schema_hash=base.schema_hash)
        return cls(tenant=tenant, source=source, target=target, base=base, kept=True)

    def payload(self) -> dict[str, Any]:
        """The form in which the operation's row keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """The handover that ``payload`` gave."""
        way_back = payload["way_back"]
        return cls(
            tenant=payload["tenant"],
            source=Place.of(payload["source"]),
            target=Place.of(payload["target"]),
            base=Place.of(payload["base"]),
            way_back=Place.of(way_back) if way_back else None,
            kept=payload["kept"],
        )

    def flip(self, session: Session, *, token: int) -> None:
        """Point the route to the target, by epoch and token, and move both generations on in their lives.

        Raises:
            LeaseLost: The route or the lease is not what it was.
        """
        flipped = routes.flip(
            session,
            tenant=self.tenant,
            token=token,
            from_epoch=self.source.epoch,
            server=self.target.server,
            path=self.target.path,
            generation=self.target.generation,
            epoch=self.target.epoch,
            schema_hash=self.target.schema_hash,
        )
        if not flipped:
            raise LeaseLost(self.tenant, token=token)
        self._live(session, self.source, GenerationState.RETIRED)
        self._live(session, self.target, GenerationState.OPEN)

    def _live(self, session: Session, place: Place, state: GenerationState) -> None:
        generations.set_state(session, tenant=self.tenant, generation=place.generation, state=state)


def current(session: Session, tenant: str) -> Place:
    """The generation that a tenant's committed route names.

    Raises:
        TenantNotFound: There is no such tenant.
    """
    row = tenants.get(session, tenant)
    return Place(
        server=row.server_id,
        path=row.path,
        generation=row.generation,
        epoch=row.epoch,
        schema_hash=row.schema_hash,
    )


def _next(
    session: Session,
    source: Place,
    *,
    tenant: str,
    operation: str,
    server: str | None = None,
    schema_hash: str | None = None,
) -> Place:
    """Record the generation that comes next, before its file exists."""
    number = generations.next_number(session, tenant)
    place = Place(
        server=server or source.server,
        path=paths.fresh(tenant, number),
        generation=number,
        epoch=source.epoch + 1,
        schema_hash=schema_hash or source.schema_hash,
    )
    generations.add(session, tenant=tenant, operation=operation, **asdict(place))
    return place


def way_back(session: Session, tenant: str, generation: int) -> Place | None:
    """The generation that a rollback of this one would begin as; None where there is none any more.

    A change in place ends it, and makes itself the generation's operation: from then on no write is noted.
    """
    row = generations.find(session, tenant=tenant, generation=generation)
    maker = operations.find(session, row.operation_id) if row and row.operation_id else None
    found = maker.payload.get("way_back") if maker else None
    if row is None or maker is None or found is None:
        return None
    place = Place.of(found)
    before = generations.find(session, tenant=tenant, generation=place.generation)
    return place if before is not None and before.state in _KEPT else None


_KEPT = (GenerationState.OPEN, GenerationState.RETIRED, GenerationState.ARCHIVED)
