"""What our dialect costs beside SQLAlchemy's own for the standard library's driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from figures import Figure, rate

import tenantdb.dialect  # noqa: F401 - registers sqlite+apsw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 1000
users = sa.Table(
    "users",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String),
)
BY_KEY = sa.select(users.c.email).where(users.c.id == sa.bindparam("key"))


def prepare(folder: Path) -> None:
    """Make a table of a thousand rows."""
    with engine("apsw", folder).begin() as conn:
        users.create(conn)
        conn.execute(users.insert(), [{"email": f"u{n}@example.org"} for n in range(ROWS)])


def engine(driver: str, folder: Path) -> sa.Engine:
    """An engine on the table."""
    return sa.create_engine(f"sqlite+{driver}:///{folder}/file.db")


def by_key(driver: str, folder: Path) -> float:
    """Core selects of one row, a second."""
    with engine(driver, folder).connect() as conn:
        return rate(
            lambda: [conn.execute(BY_KEY, {"key": key}).fetchone() for key in range(100)], operations=100
        )


def all_rows(driver: str, folder: Path) -> float:
    """Rows fetched by Core, a second."""
    with engine(driver, folder).connect() as conn:
        return rate(lambda: conn.execute(sa.select(users)).fetchall(), operations=ROWS)


def on(driver: str, measure: Callable[[str, Path], float]) -> Callable[[Path], float]:
    """A measurement on one driver."""
    return lambda folder: measure(driver, folder)


SIDES = {
    "select by key, apsw": on("apsw", by_key),
    "select by key, pysqlite": on("pysqlite", by_key),
    "rows, apsw": on("apsw", all_rows),
    "rows, pysqlite": on("pysqlite", all_rows),
}
FIGURES = (
    Figure(
        says="Core select of one row by key, beside pysqlite",
        of="select by key, apsw",
        against="select by key, pysqlite",
    ),
    Figure(says="rows fetched by Core, beside pysqlite", of="rows, apsw", against="rows, pysqlite"),
)
