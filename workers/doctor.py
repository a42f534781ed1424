"""Holding every file against the catalog; it changes nothing, and says what each disagreement means.

A tenant that an operation carries right now is looked at for two homes only: the rest of what it shows is in
between. Where file and catalog disagree the file is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tenantdb.catalog import Catalog, generations, operations, servers, tenants
from tenantdb.catalog.states import GenerationState, OperationState, TenantState
from tenantdb.errors import TenantDamaged
from tenantdb.model import FileState
from workers.handover.handover import way_back
from workers.handover.inspection import Look, look
from workers.hosts import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.orm import Session

    from tenantdb.catalog.models import Generation, Tenant
    from tenantdb.settings import Settings


class Kind(StrEnum):
    """What can be wrong; the value is the stable name for programs."""

    MISSING = "missing-file"
    DAMAGED = "damaged-file"
    STRAY = "stray-file"
    IDENTITY = "wrong-identity"
    STATE = "wrong-state"
    EPOCH = "wrong-epoch"
    NEWER = "newer-than-route"
    TWO_HOMES = "two-homes"
    UNGUARDED = "unguarded-tables"
    DRIFT = "drift"
    SCHEMA = "schema-differs"
    CAPTURE = "capture-left"
    UNSEALED = "unsealed"
    LITTER = "litter"
    STUCK = "stuck-operation"
    UNKNOWN = "unknown-operation"
    FROZEN = "frozen"


_Fault = tuple[Kind, str]
_OUT_OF_SERVICE = (GenerationState.RETIRED, GenerationState.ARCHIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement: what, about whom, where, and in one sentence what to do."""

    kind: Kind
    sentence: str
    tenant: str | None = None
    server: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the catalog says of one tenant; ``way_back``: whether its file keeps a log for one."""

    tenant: Tenant
    generations: tuple[Generation, ...]
    way_back: bool

    @property
    def carried(self) -> bool:
        """Whether an operation has it right now."""
        return self.tenant.operation_id is not None


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; findings as they come.

    Raises:
        CatalogUnavailable: The catalog does not answer.
    """
    catalog = Catalog.open(settings)
    yield from _operations(catalog)
    with catalog.reading() as session:
        listed = [row.id for row in tenants.everyone(session)]
    for tenant in listed:
        yield from _tenant(catalog, tenant)
    yield from _strays(catalog)


def _operations(catalog: Catalog) -> Iterator[Finding]:
    with catalog.reading() as session:
        stuck = operations.stuck(session)
        recent = operations.recent(session, limit=1000)
    for row in stuck:
        yield Finding(
            kind=Kind.STUCK,
            tenant=row.tenant_id,
            sentence=f"{row.kind} {row.id} is carried by nobody. Run: tenantdb recover",
        )
    for row in recent:
        if row.state is OperationState.UNKNOWN:
            yield Finding(
                kind=Kind.UNKNOWN,
                tenant=row.tenant_id,
                sentence=f"what became of {row.kind} {row.id} is not known: {row.error}",
            )


def _tenant(catalog: Catalog, tenant: str) -> Iterator[Finding]:
    """All findings about one tenant and its generations."""
    with catalog.reading() as session:
        known = _known(session, tenant)
    if known.tenant.state is TenantState.FROZEN:
        yield _finding(known.tenant.id, Kind.FROZEN, "nothing begins before a person has looked at it")
    looks = {row.generation: _look(catalog, row, structure=not known.carried) for row in known.generations}
    yield from _homes(known, looks)
    if known.carried:
        return
    for row in known.generations:
        found = looks[row.generation]
        if row.generation == known.tenant.generation:
            yield from _place(row, _current(known, found), found)
        elif row.state in _OUT_OF_SERVICE:
            yield from _place(row, _retired(found), found)
        elif not found.missing:
            yield from _place(row, [(Kind.LITTER, "an operation left it. Run: tenantdb recover")], found)


def _known(session: Session, tenant: str) -> Known:
    row = tenants.get(session, tenant)
    alive = [
        each for each in generations.of_tenant(session, tenant) if each.state is not GenerationState.LOST
    ]
    kept = way_back(session, tenant, row.generation) is not None
    return Known(tenant=row, generations=tuple(alive), way_back=kept)


def _look(catalog: Catalog, row: Generation, *, structure: bool) -> Look:
    host = host_of(catalog, row.server_id)
    try:
        return look(host.locate(row.path, tenant=row.tenant_id), structure=structure)
    except TenantDamaged as error:
        return Look(path=Path(error.path), damage=error.reason)


def _homes(known: Known, looks: Mapping[int, Look]) -> Iterator[Finding]:
    """Two files that take writes: what must never be."""
    homes = [str(each.path) for each in looks.values() if each.takes_writes]
    if len(homes) > 1:
        listed = ", ".join(homes)
        yield _finding(known.tenant.id, Kind.TWO_HOMES, f"{len(homes)} files take writes: {listed}")


def _current(known: Known, found: Look) -> Iterator[_Fault]:
    """What can be wrong with the file that the route names."""
    if found.missing or found.damage or found.control is None:
        yield from _unreadable(found)
        return
    row, says = known.tenant, found.control
    if (says.tenant, says.generation) != (row.id, row.generation):
        yield Kind.IDENTITY, f"it says that it is generation {says.generation} of tenant {says.tenant!r}"
    if says.epoch > row.epoch:
        yield (
            Kind.NEWER,
            f"it is at epoch {says.epoch}, its route at {row.epoch}: the catalog went back in time",
        )
    if says.epoch < row.epoch:
        yield Kind.EPOCH, f"it is at epoch {says.epoch}, its route at {row.epoch}"
    if says.state is not FileState.OPEN or found.sealed:
        yield Kind.STATE, f"it is {'sealed' if found.sealed else says.state}, and the route names it"
    yield from _structure(known, found)
    if found.captured and not known.way_back:
        yield Kind.CAPTURE, "it notes its changes, and no operation wants them. Run: tenantdb recover"


def _structure(known: Known, found: Look) -> Iterator[_Fault]:
    if found.unguarded:
        yield Kind.UNGUARDED, f"nothing guards {', '.join(found.unguarded)}"
    says = found.control.schema_hash if found.control else None
    if found.structure != says:
        yield Kind.DRIFT, f"its structure is {found.structure}, it says {says}: it was changed by hand"
    if says != known.tenant.schema_hash:
        yield Kind.SCHEMA, f"it has schema {says}, the catalog says {known.tenant.schema_hash}"


def _retired(found: Look) -> Iterator[_Fault]:
    """What can be wrong with a file out of service."""
    if found.missing or found.damage or found.control is None:
        yield from _unreadable(found)
        return
    if found.control.state is not FileState.RETIRED:
        yield Kind.STATE, f"it is out of service, and says that it is {found.control.state}"
    elif not found.sealed:
        yield Kind.UNSEALED, "its guards keep writers out, but not its header yet. Run: tenantdb recover"


def _unreadable(found: Look) -> Iterator[_Fault]:
    if found.missing:
        yield Kind.MISSING, "there is no such file; restore it from a backup"
    else:
        yield Kind.DAMAGED, found.damage or "it has no control row"


def _strays(catalog: Catalog) -> Iterator[Finding]:
    """Files that no row names: perhaps of a time that the catalog does not know, so nobody removes them."""
    with catalog.reading() as session:
        known = {
            server.id: {row.path for row in generations.on_server(session, server.id)}
            for server in servers.everyone(session)
        }
    for server, expected in known.items():
        host = host_of(catalog, server)
        for path in host.files():
            if path not in expected:
                yield Finding(
                    kind=Kind.STRAY, server=server, path=path, sentence="no tenant is known to have it"
                )


def _place(row: Generation, faults: Iterable[_Fault], found: Look) -> Iterator[Finding]:
    for kind, sentence in faults:
        yield Finding(
            kind=kind, tenant=row.tenant_id, server=row.server_id, path=str(found.path), sentence=sentence
        )


def _finding(tenant: str, kind: Kind, sentence: str) -> Finding:
    return Finding(kind=kind, tenant=tenant, sentence=sentence)
