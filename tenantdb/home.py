"""Making the home of a fleet, and bringing it up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.schema import Schema
from tenantdb import addresses, paths
from tenantdb.catalog import Catalog, facts, schemas, servers, tenants
from tenantdb.catalog.states import TenantState
from tenantdb.catalog.upgrade import upgrade
from tenantdb.errors import FleetHasSchema

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tenantdb.settings import Settings

LOCAL = "local"
"""The server that a home has from the beginning: a folder in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """What was found and done.

    Attributes:
        home: The absolute folder.
        catalog: Its URL, without a password.
        version_before: The catalog's version as it was found; None for a new one.
        version: The catalog's version now.
        server_added: Whether the default server was made.
        schema: The hash of the schema that new tenants get.
        schema_changed: Whether that schema is another than before.
    """

    home: Path
    catalog: str
    version_before: str | None
    version: str
    server_added: bool
    schema: str
    schema_changed: bool


def initialise(settings: Settings, *, schema: Schema | None = None) -> Initialised:
    """Make what a fleet needs and is not there yet; may be repeated at any time.

    Args:
        settings: They say where.
        schema: What new tenants get. Without one they stay empty until the first rollout.

    Raises:
        CatalogUnavailable: The catalog is locked, damaged, or can't be made.
        CatalogVersion: It was made by a newer version.
        FleetHasSchema: There are tenants with another schema already: changing it is a rollout.
    """
    layout = settings.layout
    for folder in (settings.home, layout.templates, layout.servers):
        paths.private_folder(folder)
    before, version = upgrade(settings)
    catalog = Catalog.open(settings)
    with catalog.begin() as session:
        facts.identify(session)
        added = _add_local(session, settings)
        chosen, changed = _choose_schema(session, schema)
    return Initialised(
        home=settings.home,
        catalog=catalog.url,
        version_before=before,
        version=version,
        server_added=added,
        schema=chosen,
        schema_changed=changed,
    )


def _add_local(session: Session, settings: Settings) -> bool:
    """Give a fleet without any server its first one."""
    if servers.everyone(session):
        return False
    url = settings.layout.server(LOCAL).resolve().as_uri()
    addresses.prepare(LOCAL, url)
    servers.add(session, server=LOCAL, url=url)
    return True


def _choose_schema(session: Session, given: Schema | None) -> tuple[str, bool]:
    """Record the schema of new tenants: its hash, and whether it is new."""
    has = schemas.of_new_tenants(session)
    if has is not None and given is None:
        return has, False
    wanted = given or Schema()
    if has == wanted.hash:
        return wanted.hash, False
    if has is not None and _has_tenants(session):
        raise FleetHasSchema(has=has, given=wanted.hash)
    schemas.record(session, schema_hash=wanted.hash, document=wanted.to_json())
    schemas.set_of_new_tenants(session, wanted.hash)
    return wanted.hash, True


def _has_tenants(session: Session) -> bool:
    counted = tenants.count_by_state(session)
    return any(count for state, count in counted.items() if state is not TenantState.DELETED)
