"""Source and target in one connection: the target's, with the source attached read-only.

Rows go from file to file inside SQLite, so that no value passes through another language's idea of text and
numbers. And one BEGIN IMMEDIATE takes the target's write lock and the source's snapshot together: log and
rows are read as of one instant.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIAS = "_tenantdb_source"
"""The schema name under which the source stands in the target's connection."""


@contextlib.contextmanager
def linked(source: apsw.Connection, target: apsw.Connection) -> Iterator[str]:
    """Keep the source attached to the target's connection for the block.

    Whatever needs it does that by itself; done once around a cut-over it saves reading the source's schema
    in the pause.

    Args:
        source: A connection to the source; may hold its write lock, and its uncommitted changes are not seen.
        target: A connection outside of any transaction.

    Yields:
        The schema name of the source's tables: ``main`` where both are one file.
    """
    files = {name: file for _, name, file in sqlite.rows(target, "PRAGMA database_list")}
    if source.filename == target.filename:
        yield "main"
    elif files.get(ALIAS) == source.filename:
        yield ALIAS
    else:
        _attach(target, source.filename)
        try:
            yield ALIAS
        finally:
            target.execute(f"DETACH {ALIAS}")


def _attach(target: apsw.Connection, filename: str) -> None:
    # Read-only, or BEGIN IMMEDIATE on the target would take the source's write lock as well.
    was = target.config(apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, -1)
    target.config(apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, 0)
    try:
        target.execute(f"ATTACH ? AS {ALIAS}", (filename,))
    finally:
        target.config(apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, was)
