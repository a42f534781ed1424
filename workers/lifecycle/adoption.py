"""A tenant that begins as a copy of a database that is there already; that file is left as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import migrations_engine as engine
from migrations_engine import sqlite
from migrations_engine.errors import DatabaseDamaged
from migrations_engine.online.phases import Phase
from tenantdb import addresses, ids
from tenantdb.catalog import Catalog, generations, schemas, servers
from tenantdb.catalog.states import GenerationState, OperationKind
from tenantdb.errors import NotAdoptable
from workers.lifecycle import birth, creation
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from migrations_engine.online.phases import Observer
    from tenantdb.model import Route
    from tenantdb.settings import Settings

_IN_USE = (GenerationState.BORN, GenerationState.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The new tenant's route, and what was found in the file."""

    route: Route
    tables: int
    views: int
    triggers: int
    virtual_tables: int


def adopt(
    file: Path,
    *,
    tenant: int | str,
    settings: Settings,
    server: str | None = None,
    region: str | None = None,
    tier: str | None = None,
    observer: Observer = unobserved,
) -> Adopted:
    """Make a tenant of a copy of a database, with the schema that the file has.

    Args:
        file: The database; others may use it meanwhile, the copy is of one instant.
        tenant: The id of the new tenant.
        settings: Where the catalog is.
        server: The server that it goes on; chosen by load if it is not said.
        region: Choose among the servers of this region.
        tier: Choose among the servers of this tier.
        observer: Hears of every boundary of every phase.

    Raises:
        FileNotFoundError: There is no such file.
        NotAdoptable: It is a tenant's file that is in use, damaged, or was changed meanwhile.
        InvalidTenantId: That is no id.
        TenantExists: The id is taken.
        NoServerFits: No server takes it (ServerNotFound, ServerUnusable for the one that was named).
        Unsupported: The file has objects that the engine can't carry.
    """
    identity, catalog = ids.canonical(tenant), Catalog.open(settings)
    schema = _inspect(file)
    birth.clear(catalog, identity)
    with catalog.begin() as session:
        _refuse_in_use(session, file)
        schemas.record(session, schema_hash=schema.hash, document=schema.to_json())
        born = birth.begin(
            session,
            catalog=catalog,
            kind=OperationKind.ADOPT,
            tenant=identity,
            server=creation.choose_server(session, server=server, region=region, tier=tier),
            schema_hash=schema.hash,
            origin=file,
        )
    birth.carry_out(born, ADOPTION, observer=observer)
    return Adopted(
        route=birth.route(born),
        tables=len(schema.tables),
        views=len(schema.views),
        triggers=len(schema.triggers),
        virtual_tables=len(schema.virtual_tables),
    )


def check(born: birth.Birth) -> None:
    """See that the copy is sound, and has the schema that was read before it was made."""
    try:
        conn = sqlite.connect(born.path)
        try:
            with sqlite.mapped_errors(born.origin):
                faults = sqlite.value(conn, "PRAGMA quick_check(1)")
            found = engine.introspect(conn)
        finally:
            conn.close()
    except DatabaseDamaged as error:
        raise NotAdoptable(str(born.origin), reason=str(error)) from error
    if faults != "ok":
        raise NotAdoptable(str(born.origin), reason=f"SQLite finds it damaged: {faults}")
    if found.hash != born.place.schema_hash:
        raise NotAdoptable(str(born.origin), reason="its schema was changed while it was copied; try again")


def _inspect(file: Path) -> engine.Schema:
    if not file.is_file():
        raise FileNotFoundError(2, "no such file", str(file))
    try:
        with birth.reading(file) as conn:
            return engine.introspect(conn)
    except DatabaseDamaged as error:
        raise NotAdoptable(str(file), reason=str(error)) from error


def _refuse_in_use(session: Session, file: Path) -> None:
    """Refuse a file that is a tenant's home: two tenants would seem to share it, and only one does.

    A copy of such a file is fine, and so is one that is kept from a tenant that moved or was deleted.
    """
    real = file.resolve()
    for server in servers.everyone(session):
        root = addresses.folder(server.url)
        if not real.is_relative_to(root):
            continue
        found = generations.at(session, server=server.id, path=real.relative_to(root).as_posix())
        if found is not None and found.state in _IN_USE:
            raise NotAdoptable(
                str(file), reason=f"it is the file of tenant {found.tenant_id!r}; adopt a copy of it"
            )


CHECK = Phase(name="check", run=check)
ADOPTION: tuple[Phase[birth.Birth], ...] = (birth.FILL, CHECK, birth.PUBLISH, birth.OPEN)
