"""Bringing the catalog's own schema to this code's version: what ``tenantdb init`` runs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import make_url

from migrations_engine import sqlite
from tenantdb import paths
from tenantdb.catalog.store import HEAD, Catalog
from tenantdb.errors import CatalogVersion

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tenantdb.settings import Settings

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Make the catalog where there is none, else bring it to this version; all or nothing.

    Args:
        settings: They say where the catalog is.

    Returns:
        The versions before (None for a new one) and after.

    Raises:
        CatalogUnavailable: It is locked, damaged, or can't be made.
        CatalogVersion: It is newer than this code.
    """
    url = make_url(settings.catalog)
    if url.get_backend_name() == "sqlite" and url.database:
        _make_file(Path(url.database))
    catalog = Catalog(settings.catalog)
    try:
        # One transaction that holds the write lock: two upgrades at once run one after the other, and one
        # that is killed leaves the version before.
        with catalog.begin() as session:
            return _migrate(catalog, session.connection())
    finally:
        catalog.close()


def config() -> Config:
    """Alembic's configuration, without a file of its own: the migrations are part of the package."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def _make_file(path: Path) -> None:
    paths.private_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        paths.private_file(path)
    conn = sqlite.connect(path)
    try:
        sqlite.switch_to_wal(conn)
    finally:
        conn.close()


def _migrate(catalog: Catalog, connection: Connection) -> tuple[str | None, str]:
    before = MigrationContext.configure(connection).get_current_revision()
    if before is not None and before > HEAD:
        raise CatalogVersion(catalog.url, found=before, needed=HEAD)
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, HEAD)
    return before, HEAD
