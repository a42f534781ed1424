"""A real fleet for tests: a home, folder servers, tenants, and a look at what lies on disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import apsw

import migrations_engine as engine
from tenantdb import addresses, home
from tenantdb.catalog import Catalog, generations, operations, routes, servers
from tenantdb.settings import Settings
from workers import doctor
from workers.hosts import host_of
from workers.lifecycle import creation

if TYPE_CHECKING:
    from pathlib import Path

    from tenantdb.model import Route

_TRIGGER = (
    "CREATE TRIGGER counted AFTER INSERT ON parents BEGIN "
    "UPDATE notes SET n = coalesce(n, 0) + 1 WHERE k = -1; END"
)


def _schema(**columns: str) -> engine.Schema:
    """A schema whose notes have these columns beside their key."""
    document = {
        "notes": {"k": "INTEGER PRIMARY KEY", **columns},
        "parents": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT UNIQUE"},
        "_triggers": {"counted": _TRIGGER},
    }
    return engine.loads(json.dumps(document))


OLD = _schema(v="TEXT", n="INTEGER")
"""What a tenant begins with: a trigger whose effect may not happen twice, a counter, a unique key."""

NEW = _schema(v="TEXT NOT NULL COLLATE NOCASE", n="INTEGER", extra="TEXT DEFAULT 'x'")
"""Needs a rebuild of ``notes``."""

WIDER = _schema(v="TEXT", n="INTEGER", extra="TEXT")
"""Is reached in place."""


class Fleet:
    """A home with the servers a and b."""

    def __init__(self, folder: Path, *, schema: engine.Schema = OLD) -> None:
        self.settings = Settings(home=folder / "home")
        home.initialise(self.settings, schema=schema)
        self.catalog = Catalog.open(self.settings)
        for server in ("a", "b"):
            url = (folder / server).as_uri()
            addresses.prepare(server, url)
            with self.catalog.begin() as session:
                servers.add(session, server=server, url=url)

    def create(self, tenant: str, *, rows: int = 0) -> str:
        """Make a tenant on server a, with some rows that nobody changes."""
        route = creation.create(tenant, settings=self.settings, server="a")
        conn = apsw.Connection(str(route.path))
        with conn:
            conn.execute("INSERT INTO notes VALUES (-1, 'counter', 0)")
            fixed = ((-k, f"row {k}") for k in range(2, rows + 2))
            conn.executemany("INSERT INTO notes VALUES (?, ?, 0)", fixed)
        conn.close()
        return tenant

    def route(self, tenant: str) -> Route:
        with self.catalog.reading() as session:
            found = routes.find(session, tenant)
        assert found
        return found

    def rows(self, tenant: str, sql: str = "SELECT k, v FROM notes WHERE k >= 0") -> list[tuple[Any, ...]]:
        return self.read(self.route(tenant).path, sql)

    def read(self, path: Path, sql: str) -> list[tuple[Any, ...]]:
        conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return conn.execute(sql).fetchall()
        finally:
            conn.close()

    def files(self, tenant: str) -> list[Path]:
        """Every database file of the tenant, whether the catalog knows it or not."""
        with self.catalog.reading() as session:
            known = generations.of_tenant(session, tenant)
        paths = (host_of(self.catalog, row.server_id).locate(row.path, tenant=tenant) for row in known)
        folders = {path.parent for path in paths}
        return sorted(path for folder in folders for path in folder.glob("*.db"))

    def writable(self, tenant: str) -> list[Path]:
        """The files that take a write from somebody who knows nothing of us."""
        return [path for path in self.files(tenant) if takes_writes(path)]

    def findings(self, tenant: str) -> list[doctor.Finding]:
        return [each for each in doctor.examine(self.settings) if each.tenant in (tenant, None)]

    def operations(self, tenant: str) -> list[str]:
        """The states of its operations, newest first, the creation left out."""
        with self.catalog.reading() as session:
            return [row.state.value for row in operations.recent(session, tenant=tenant)][:-1]

    def lapse(self, tenant: str) -> None:
        """Let the tenant's lease run out, as if its owner had been silent for long."""
        with self.catalog.begin() as session:
            session.connection().exec_driver_sql(
                "UPDATE tenants SET lease_expires = 1.0 WHERE id = ?", (tenant,)
            )


def takes_writes(path: Path) -> bool:
    """Whether a write goes through, from somebody who knows nothing of us; it is taken back."""
    conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    conn.set_busy_timeout(5000)
    try:
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("UPDATE notes SET n = n + 1 WHERE k = -1")
        conn.execute("ROLLBACK")
    except apsw.Error:
        return False
    else:
        return True
    finally:
        conn.close()
