"""What a tenant file says of itself, read in one snapshot and without a change."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy, DatabaseDamaged, MigrationError
from migrations_engine.introspection import introspect
from migrations_engine.online import capture
from tenantdb import control, fence
from tenantdb.model import FileState

if TYPE_CHECKING:
    from pathlib import Path

    from tenantdb.model import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One file as it was found.

    Attributes:
        path: Where it is, or should be.
        missing: Whether there is none.
        damage: Why it cannot be read.
        control: Its control row; None where it has none.
        structure: The hash of its real structure; None where that was not asked for.
        unguarded: Tables that take writes whatever the control row says.
        captured: Whether it notes its changes.
        sealed: Whether its header keeps everybody from writing.
    """

    path: Path
    missing: bool = False
    damage: str | None = None
    control: Control | None = None
    structure: str | None = None
    unguarded: tuple[str, ...] = ()
    captured: bool = False
    sealed: bool = False

    @property
    def takes_writes(self) -> bool:
        """Whether an ordinary write to it would go through."""
        return self.control is not None and self.control.state is FileState.OPEN and not self.sealed


def look(path: Path, *, structure: bool = True) -> Look:
    """Read what a file says of itself.

    Args:
        path: The file.
        structure: Read all of its schema too.
    """
    try:
        with contextlib.closing(sqlite.connect(path)) as conn, sqlite.mapped_errors(path):
            return _read(conn, path, structure=structure)
    except FileNotFoundError:
        return Look(path=path, missing=True)
    except (DatabaseDamaged, DatabaseBusy, apsw.Error, OSError) as error:
        return Look(path=path, damage=str(error))


def _read(conn: apsw.Connection, path: Path, *, structure: bool) -> Look:
    with sqlite.snapshot(conn):
        return Look(
            path=path,
            control=control.read(conn),
            structure=_structure(conn) if structure else None,
            unguarded=fence.guards_missing(conn),
            captured=conn.table_exists("main", capture.LOG),
            sealed=conn.readonly("main"),
        )


def _structure(conn: apsw.Connection) -> str:
    try:
        return introspect(conn).hash
    except MigrationError as error:
        return f"unreadable ({error})"
