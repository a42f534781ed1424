"""The bulk copy: all pages of a file as of one instant."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.online import capture
from migrations_engine.online.unwritable import Maker

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

STEP = 4096
"""Pages between two calls of the progress callback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What was copied: bytes, pages, the watermark that the copy carries, and how long it took in seconds."""

    bytes: int
    pages: int
    watermark: int
    seconds: float


def pages(
    source: apsw.Connection,
    target: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    own: Callable[[apsw.Connection], None] | None = None,
) -> CopyReport:
    """Copy a consistent snapshot of a whole file; at the end it is in WAL mode and survives power loss.

    The copy holds everything, the source's control row, guards, capture and log included. Nobody can write to
    it, through any kill, before ``own`` has changed what it says of itself.

    Args:
        source: A connection outside of any transaction.
        target: An empty file that the caller has created exclusively; what it holds is overwritten.
        progress: Told (pages copied, pages in all) from time to time; what it raises ends the copy.
        own: Called with a connection to the copy, outside of any transaction, before anybody else may write.
    """
    started = time.monotonic()
    with Maker() as maker, sqlite.mapped_errors(target):
        count = _backup(source, target, maker, progress)
        conn = maker.connect(target)
        try:
            _settle(conn, maker, own)
            watermark = capture.watermark(conn) if conn.table_exists("main", capture.LOG) else 0
            size = sqlite.value(conn, "PRAGMA page_size") * count
        finally:
            conn.close()
    return CopyReport(bytes=size, pages=count, watermark=watermark, seconds=time.monotonic() - started)


def sync(conn: apsw.Connection) -> None:
    """Make everything that was committed to a file so far, by whomever, survive power loss.

    Takes the write lock for one commit, outside of any transaction; the connection stays at synchronous=FULL.
    """
    conn.execute("PRAGMA synchronous = FULL")
    with sqlite.immediate(conn):
        # Writes the header as it is. A commit with nothing to write would sync nothing; this one syncs the
        # whole log, with the frames of all commits before it.
        conn.execute(f"PRAGMA user_version = {sqlite.value(conn, 'PRAGMA user_version')}")


def _backup(
    source: apsw.Connection, target: Path, maker: Maker, progress: Callable[[int, int], None] | None
) -> int:
    """Copy all pages without any safety of their own: an interrupted copy is thrown away whole."""
    conn = maker.connect(target)
    try:
        conn.execute("PRAGMA journal_mode = OFF").fetchall()
        conn.execute("PRAGMA synchronous = OFF")
        # One snapshot for all steps: a writer between two of them would make the backup start again.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        return _step_through(conn, source, progress)
    finally:
        conn.close()
        if source.in_transaction:
            source.execute("ROLLBACK")


def _step_through(
    target: apsw.Connection, source: apsw.Connection, progress: Callable[[int, int], None] | None
) -> int:
    with target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(STEP)
            if progress is not None:
                progress(backup.page_count - backup.remaining, backup.page_count)
        count: int = backup.page_count
    return count


def _settle(conn: apsw.Connection, maker: Maker, own: Callable[[apsw.Connection], None] | None) -> None:
    """Make the copy its own, put it on disk, and let it be written: in this order.

    A checkpoint at synchronous=FULL ends with an fsync of the database file itself, which writes out
    everything that the bulk copy has left in the system's cache. Nobody but SQLite opens the file for that:
    closing a descriptor of our own would drop this process's locks on it.
    """
    sqlite.switch_to_wal(conn)
    conn.execute("PRAGMA synchronous = FULL")
    if own is not None:
        own(conn)
    maker.release()
    sync(conn)  # brings the header into the log, and the checkpoint writes it out
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    folder = os.open(Path(conn.filename).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
