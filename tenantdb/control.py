"""The control row: a tenant file's own record of whose it is, which generation, and whether it takes writes.

It is written in the same transaction as the change that it speaks of. Where it and the catalog disagree, the
file is right: the catalog's copy is a cache.
"""

from __future__ import annotations

from typing import Any

import apsw

from tenantdb.model import Control, FileState

TABLE = "_tenantdb_control"

_CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    tenant TEXT NOT NULL,
    generation INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('born', 'open', 'retired')),
    operation TEXT,
    token INTEGER NOT NULL,
    schema_hash TEXT
)"""

SELECT = f"SELECT tenant, generation, epoch, state, operation, token, schema_hash FROM main.{TABLE}"
"""Reads the row in the order of ``from_row``; ``main`` because a TEMP table of that name would shadow it."""


def write(conn: apsw.Connection, control: Control) -> None:
    """Write the whole row, inside the caller's transaction; makes its table where there is none."""
    conn.execute(_CREATE)
    conn.execute(
        f"INSERT OR REPLACE INTO main.{TABLE} VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
        (
            control.tenant,
            control.generation,
            control.epoch,
            control.state.value,
            control.operation,
            control.token,
            control.schema_hash,
        ),
    )


def read(conn: apsw.Connection) -> Control | None:
    """The row as the connection's snapshot has it; None where the file has none."""
    try:
        row = conn.execute(SELECT).fetchone()
    except apsw.SQLError:
        if conn.table_exists("main", TABLE):
            raise
        return None
    return from_row(row) if row else None


def from_row(row: tuple[Any, ...]) -> Control:
    """The value of one row that ``SELECT`` gave."""
    tenant, generation, epoch, state, operation, token, schema_hash = row
    return Control(
        tenant=tenant,
        generation=generation,
        epoch=epoch,
        state=FileState(state),
        operation=operation,
        token=token,
        schema_hash=schema_hash,
    )


def set_state(conn: apsw.Connection, state: FileState, *, only_from: FileState) -> bool:
    """Move the state on, inside the caller's transaction; whether the row was where the step begins."""
    conn.execute(f"UPDATE main.{TABLE} SET state = ? WHERE state = ?", (state.value, only_from.value))
    return conn.changes() == 1


def set_schema_hash(conn: apsw.Connection, schema_hash: str) -> None:
    """Note which schema the file has, in the same transaction that gave it to the file."""
    conn.execute(f"UPDATE main.{TABLE} SET schema_hash = ?", (schema_hash,))
