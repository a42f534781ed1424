"""Making a retired file unwritable for everybody, by its header, and undoing it.

Triggers cannot stop DDL or writes to some virtual tables; a write version that SQLite does not know can: it
opens such a file read-only. It stays readable, and one byte undoes it.

1. Checkpoint TRUNCATE: the ``.db`` alone must say ``retired``; copied without its ``-wal`` it would be open.
2. Hold the write lock, so that nobody commits a page 1 with the old version meanwhile.
3. A helper process writes the byte: closing any descriptor of the file in this process would drop the locks
   that SQLite holds on it.
4. Commit a page other than the first: every other connection then drops its cache and rereads page 1.
5. Look whether it holds, with a connection that knows nothing of it; else begin again.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from tenantdb import control
from tenantdb.errors import LeaseLost
from tenantdb.model import FileState

if TYPE_CHECKING:
    from pathlib import Path

WRITE_VERSION_OFFSET = 18
"""Where the header says which version may write (https://sqlite.org/fileformat.html#file_format_version_numbers)."""

WAL_VERSION = 2
SEALED_VERSION = 3

_RETRY_SECONDS = 0.01

_HELPER = """
import os, sys
path, offset, old, new = sys.argv[1], *map(int, sys.argv[2:])
fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
if os.pread(fd, 16, 0) != b"SQLite format 3\\0" or os.pread(fd, 1, offset)[0] not in (old, new):
    sys.exit(f"{path} is no SQLite file in WAL mode")
os.pwrite(fd, bytes([new]), offset)
os.fsync(fd)
"""


def seal(
    path: Path, *, operation: str, token: int, wait: float = 5.0, by: apsw.Connection | None = None
) -> bool:
    """Seal a retired file; may run any number of times.

    Args:
        path: The tenant file.
        operation: The operation whose id the control row carries.
        token: Its token.
        wait: Seconds to try for; a reader that holds an old snapshot keeps the log from being emptied.
        by: The connection to commit with, outside of any transaction; one of its own by default.

    Returns:
        Whether the seal holds. False leaves a fenced file that the next sweep seals.

    Raises:
        LeaseLost: The control row carries another operation or token, or is not retired.
    """
    deadline = time.monotonic() + wait
    if is_sealed(path):
        # A crash may have come between byte and commit: only the whole sequence proves anything. But a worker
        # that was overtaken must not open what its successor has sealed.
        _require_own(path, operation=operation, token=token)
        unseal(path)
    while not (_try_seal(path, by, operation=operation, token=token) and is_sealed(path)):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_RETRY_SECONDS)
    return True


def unseal(path: Path) -> None:
    """Let a sealed file be written again: for recovery, before the source is reopened."""
    _set_write_version(path, old=SEALED_VERSION, new=WAL_VERSION)


def is_sealed(path: Path) -> bool:
    """Whether SQLite takes the file as read-only because of its header."""
    conn = sqlite.connect(path)
    try:
        return conn.readonly("main")  # known since the first read of page 1, which connect made
    finally:
        conn.close()


def _try_seal(path: Path, by: apsw.Connection | None, *, operation: str, token: int) -> bool:
    """One attempt; False where somebody held a lock or a snapshot."""
    conn = by or sqlite.connect(path)
    try:
        conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        conn.execute("BEGIN IMMEDIATE")
        _require_retired(conn, operation=operation, token=token)
        _set_write_version(path, old=WAL_VERSION, new=SEALED_VERSION)
        # There and back in one transaction: equal bytes would leave the page clean and commit nothing.
        conn.execute(f"UPDATE main.{control.TABLE} SET token = token + 1")
        conn.execute(f"UPDATE main.{control.TABLE} SET token = token - 1")
        conn.execute("COMMIT")
    except (apsw.BusyError, apsw.LockedError):
        return False
    finally:
        if conn is not by:
            conn.close()
        elif conn.in_transaction:
            conn.execute("ROLLBACK")
    return True


def _require_own(path: Path, *, operation: str, token: int) -> None:
    conn = sqlite.connect(path)
    try:
        _require_retired(conn, operation=operation, token=token)
    finally:
        conn.close()


def _require_retired(conn: apsw.Connection, *, operation: str, token: int) -> None:
    row = control.read(conn)
    if row is None or (row.operation, row.token, row.state) != (operation, token, FileState.RETIRED):
        raise LeaseLost(row.tenant if row else "?", token=token)


def _set_write_version(path: Path, *, old: int, new: int) -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        _HELPER,
        str(path),
        str(WRITE_VERSION_OFFSET),
        str(old),
        str(new),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own program, no shell
