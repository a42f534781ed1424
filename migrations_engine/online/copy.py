"""The bulk copy: all pages of a file as of one instant."""

from __future__ import annotations

import contextlib
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

    def fill(conn: apsw.Connection) -> int:
        _backup(source, conn, progress)
        return capture.watermark(conn) if conn.table_exists("main", capture.LOG) else 0

    return written(target, fill, own=own)


def written(
    target: Path,
    fill: Callable[[apsw.Connection], int],
    *,
    own: Callable[[apsw.Connection], None] | None = None,
) -> CopyReport:
    """Make a file that nobody else can write to until it is whole; then it is in WAL mode and on the disk.

    Args:
        target: An existing file, which is overwritten.
        fill: Writes it through a connection without journal, since a file that is not done is thrown away;
            gives the watermark of what it wrote.
        own: As in ``pages``.
    """
    began = time.monotonic()
    with Maker() as maker, sqlite.mapped_errors(target):
        with contextlib.closing(maker.connect(target)) as conn:
            conn.execute("PRAGMA main.journal_mode = OFF").fetchall()
            conn.execute("PRAGMA main.synchronous = OFF")
            watermark = fill(conn)
        with contextlib.closing(maker.connect(target)) as conn:
            _settle(conn, maker, own)
            return report(conn, watermark=watermark, began=began)


def report(conn: apsw.Connection, *, watermark: int, began: float) -> CopyReport:
    """What was copied into a file, by its size; ``began`` is of the monotonic clock."""
    count, size = (int(sqlite.value(conn, f"PRAGMA page_{of}")) for of in ("count", "size"))
    seconds = time.monotonic() - began
    return CopyReport(bytes=size * count, pages=count, watermark=watermark, seconds=seconds)


def sync(conn: apsw.Connection) -> None:
    """Make everything that was committed to a file so far, by whomever, survive power loss.

    Takes the write lock for one commit, outside of any transaction; the connection stays at synchronous=FULL.
    """
    conn.execute("PRAGMA synchronous = FULL")
    with sqlite.immediate(conn):
        # Writes the header as it is. A commit with nothing to write would sync nothing; this one syncs the
        # whole log, with the frames of all commits before it.
        conn.execute(f"PRAGMA user_version = {sqlite.value(conn, 'PRAGMA user_version')}")


def settle(conn: apsw.Connection) -> None:
    """Put a file in WAL mode and on the disk, that was written without a journal.

    A checkpoint at synchronous=FULL ends with an fsync of the database file itself, which writes out
    everything that the bulk copy has left in the system's cache. Nobody but SQLite opens the file for that:
    closing a descriptor of our own would drop this process's locks on it.
    """
    sqlite.switch_to_wal(conn)
    sync(conn)  # brings the header into the log, and the checkpoint writes it out
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    folder = os.open(Path(conn.filename).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _backup(
    source: apsw.Connection, target: apsw.Connection, progress: Callable[[int, int], None] | None
) -> None:
    """Copy all pages of one snapshot: a writer between two steps would make the backup start again."""
    with sqlite.snapshot(source), target.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(STEP)
            if progress is not None:
                progress(backup.page_count - backup.remaining, backup.page_count)


def _settle(conn: apsw.Connection, maker: Maker, own: Callable[[apsw.Connection], None] | None) -> None:
    """Make the copy its own, put it on disk, and let it be written: in this order."""
    sqlite.switch_to_wal(conn)
    conn.execute("PRAGMA synchronous = FULL")
    if own is not None:
        own(conn)
    maker.release()
    settle(conn)
