"""The versions that a file went through, in the file itself, each with its whole document."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrations_engine import normalize, sqlite
from migrations_engine.schema import Schema, loads

if TYPE_CHECKING:
    import apsw

TABLE = "_schema_versions"

_CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    version INTEGER PRIMARY KEY,
    schema_hash TEXT NOT NULL,
    document TEXT NOT NULL,
    form TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    strategy TEXT NOT NULL,
    pause_ms REAL NOT NULL,
    way_back TEXT NOT NULL,
    returns TEXT
)"""

_COLUMNS = "version, schema_hash, document, form, applied_at, strategy, pause_ms, way_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a file.

    Attributes:
        version: Its number, from 1.
        schema_hash: The hash of its document, by the canonical form that was current then.
        document: The document itself, so that a later form can hash it again.
        form: That canonical form.
        applied_at: When, in UTC, as ISO 8601.
        strategy: ``in-place`` or ``rebuild``; ``found`` for a structure that nobody applied, ``rollback``.
        pause_ms: How long writers waited, in milliseconds.
        way_back: ``kept`` while ``rollback`` can undo it, else why not: ``none``, ``used`` or ``dropped``.
    """

    version: int
    schema_hash: str
    document: str
    form: str
    applied_at: str
    strategy: str
    pause_ms: float
    way_back: str

    @property
    def schema(self) -> Schema:
        """The schema of that version."""
        return loads(self.document)

    def is_of(self, schema: Schema) -> bool:
        """Whether it is a version of this schema; an older canonical form is hashed again, never migrated."""
        known = self.schema_hash if self.form == normalize.VERSION else self.schema.hash
        return known == schema.hash


def history(conn: apsw.Connection) -> tuple[Version, ...]:
    """All versions of a file, oldest first; empty for a file that the engine never changed."""
    if not conn.table_exists("main", TABLE):
        return ()
    return tuple(
        _version(row) for row in sqlite.rows(conn, f"SELECT {_COLUMNS} FROM {TABLE} ORDER BY version")
    )


def latest(conn: apsw.Connection) -> Version | None:
    """The last version; None for a file that the engine never changed."""
    if not conn.table_exists("main", TABLE):
        return None
    rows = sqlite.rows(conn, f"SELECT {_COLUMNS} FROM {TABLE} ORDER BY version DESC LIMIT 1")
    return _version(rows[0]) if rows else None


def way_back(conn: apsw.Connection) -> str | None:
    """The way back from the last version as ``record`` was given it; None where the file has none."""
    if not conn.table_exists("main", TABLE):
        return None
    found: str | None = sqlite.value(conn, f"SELECT returns FROM {TABLE} ORDER BY version DESC LIMIT 1")
    return found


def record(
    conn: apsw.Connection,
    schema: Schema,
    *,
    strategy: str,
    pause: float,
    way_back: str,
    returns: str | None = None,
) -> int:
    """Write a version down, in the transaction that makes it true; returns its number.

    Args:
        conn: The file.
        schema: The schema that the file has from this transaction on.
        strategy: How it came there.
        pause: Seconds that writers have waited so far.
        way_back: ``kept`` or ``none``.
        returns: What leads back from it, where that lies in the file.
    """
    if not conn.table_exists("main", TABLE):
        conn.execute(_CREATE)
    conn.execute(
        # SQLite gives it the number behind the last.
        f"INSERT INTO {TABLE} ({_COLUMNS}, returns) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            schema.hash,
            schema.to_json(),
            normalize.VERSION,
            dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            strategy,
            round(pause * 1000, 3),
            way_back,
            returns,
        ),
    )
    return conn.last_insert_rowid()


def take_over(source: apsw.Connection, target: apsw.Connection) -> None:
    """Give a file the versions of another one in place of its own, inside a transaction of the target."""
    target.execute(_CREATE)
    target.execute(f"DELETE FROM {TABLE}")
    if source.table_exists("main", TABLE):
        marks = ", ".join("?" for _ in _COLUMNS.split(","))
        target.executemany(
            f"INSERT INTO {TABLE} ({_COLUMNS}) VALUES ({marks})",
            sqlite.rows(source, f"SELECT {_COLUMNS} FROM {TABLE}"),
        )


def close_way_back(conn: apsw.Connection, reason: str) -> None:
    """Note that what was kept for a rollback is there no more, and why."""
    if conn.table_exists("main", TABLE):
        conn.execute(f"UPDATE {TABLE} SET way_back = ?, returns = NULL WHERE way_back = 'kept'", (reason,))


def _version(row: tuple[Any, ...]) -> Version:
    number, schema_hash, document, form, applied_at, strategy, pause_ms, way_back = row
    return Version(
        version=number,
        schema_hash=schema_hash,
        document=document,
        form=form,
        applied_at=applied_at,
        strategy=strategy,
        pause_ms=pause_ms,
        way_back=way_back,
    )
