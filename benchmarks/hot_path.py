"""One row by its key: a tenant's handle beside the bare driver, and beside SQLAlchemy."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING

from figures import Figure, rate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Executable

TENANT = "acme"
ROWS = 10_000
KEYS = [(key * 7919) % ROWS + 1 for key in range(1000)]
SQL = "select email from Users where id = ?"
SCHEMA = {"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL", "role": "TEXT"}}


def prepare(folder: Path) -> None:
    """Make a home with one tenant."""
    import migrations_engine as engine  # noqa: PLC0415 - the peers' processes must hold nothing of ours
    from tenantdb import home, settings  # noqa: PLC0415 - as above
    from workers.lifecycle import creation  # noqa: PLC0415 - as above

    os.environ["TENANTDB_HOME"] = str(folder / "home")
    chosen = settings.current()
    home.initialise(chosen, schema=engine.loads(json.dumps(SCHEMA)))
    route = creation.create(TENANT, settings=chosen)
    from tenantdb import get_tenant_db  # noqa: PLC0415 - as above

    rows = [(f"user{n}@example.org", "reader") for n in range(ROWS)]
    with get_tenant_db(TENANT).write() as conn:
        conn.exec_driver_sql("insert into Users(email, role) values (?, ?)", rows)
    (folder / "path").write_text(str(route.path))


def tenant(folder: Path) -> float:
    """``get_tenant_db`` and ``query``, as a request does it."""
    os.environ["TENANTDB_HOME"] = str(folder / "home")
    from tenantdb import get_tenant_db  # noqa: PLC0415 - the peers' processes must hold nothing of ours

    def work() -> None:
        for key in KEYS:
            get_tenant_db(TENANT).query(SQL, (key,))

    return rate(work, operations=len(KEYS))


def bare(folder: Path) -> float:
    """One open connection of the standard library's driver on the same file."""
    conn = sqlite3.connect((folder / "path").read_text())

    def work() -> None:
        for key in KEYS:
            conn.execute(SQL, (key,)).fetchone()

    return rate(work, operations=len(KEYS))


def core(folder: Path) -> float:
    """SQLAlchemy as its users write it: a connection out of the pool, a statement, and back."""
    import sqlalchemy as sa  # noqa: PLC0415 - the bare driver's process must not hold it

    return pooled(folder, lambda: sa.text("select email from Users where id = :key"))


def core_prebuilt(folder: Path) -> float:
    """The same with a statement that was made once and for all."""
    import sqlalchemy as sa  # noqa: PLC0415 - as above

    users = sa.table("Users", sa.column("id", sa.Integer), sa.column("email", sa.String))
    select = sa.select(users.c.email).where(users.c.id == sa.bindparam("key"))
    return pooled(folder, lambda: select)


def pooled(folder: Path, statement: Callable[[], Executable]) -> float:
    """Queries a second, each on a connection of its own from the pool."""
    import sqlalchemy as sa  # noqa: PLC0415 - as above

    engine = sa.create_engine(f"sqlite:///{(folder / 'path').read_text()}")

    def work() -> None:
        for key in KEYS[:100]:
            with engine.connect() as conn:
                conn.execute(statement(), {"key": key}).fetchone()

    return rate(work, operations=100)


SIDES = {"tenant": tenant, "bare": bare, "core": core, "core, prebuilt": core_prebuilt}
FIGURES = (
    Figure(
        says="get_tenant_db + query of one row by key, beside a bare sqlite3 connection",
        of="tenant",
        against="bare",
        at_least=1.0,
    ),
    Figure(
        says="the same, beside SQLAlchemy Core with a pool checkout",
        of="tenant",
        against="core",
        at_least=12.0,
    ),
    Figure(says="the same, where its statement is made beforehand", of="tenant", against="core, prebuilt"),
)
