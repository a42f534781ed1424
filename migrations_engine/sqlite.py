"""The one place where SQLite is opened: APSW, its own SQLite, and how transactions begin.

Other modules take connections from here, so that version checks, error mapping and locking are decided once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import apsw

from migrations_engine import extensions
from migrations_engine.errors import DatabaseBusy, DatabaseDamaged, MigrationError, SQLiteTooOld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

Mode = Literal["ro", "rw", "rwc"]

FIRST_SOUND_VERSION = 3_054_000
"""The floor that the project tests with; 3.7.0 to 3.51.2 have the WAL-reset bug, which loses commits."""

_FLAGS: dict[Mode, int] = {
    "ro": apsw.SQLITE_OPEN_READONLY,
    "rw": apsw.SQLITE_OPEN_READWRITE,
    "rwc": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
}

_READING = (apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ)

POLL_SECONDS = 0.0002
"""How often a waiting writer tries again: SQLite's own busy handler backs off so far that it starves."""


_NORMAL = 1
"""What PRAGMA synchronous says of a connection that is ``synced_at_end``."""

_CHECKPOINT_PAGES = 1000
"""SQLite's own: the pages in a log from which on a commit brings them to the file."""

OPEN_SECONDS = 1.0
"""How long opening waits for whoever is just closing the file, or recovers its log: both are quick."""


def require_sound_sqlite(version: int | None = None) -> None:
    """Refuse a SQLite that corrupts WAL files under overlapping checkpoints.

    Args:
        version: A SQLITE_VERSION_NUMBER; the linked library's by default.

    Raises:
        SQLiteTooOld: It is older than the floor.
    """
    number = apsw.SQLITE_VERSION_NUMBER if version is None else version
    if number < FIRST_SOUND_VERSION:
        shown = f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
        raise SQLiteTooOld(
            f"SQLite {shown} can lose commits in WAL mode (the WAL-reset bug of 3.7.0 to 3.51.2). "
            "Install APSW with its own SQLite: pip install 'apsw>=3.54'"
        )


def connect(
    path: str | PathLike[str],
    *,
    mode: Mode = "rw",
    alone: Callable[[apsw.Connection], bool] = lambda _: False,
) -> apsw.Connection:
    """Open a database file; never creates one unless the mode says so.

    The connection has no busy handler: ``immediate`` polls, because SQLite's handler is unfair. Foreign key
    actions are off, as every engine transaction needs them.

    Args:
        path: The file.
        mode: Whether it may be written, and made.
        alone: Whether to keep everybody else out until the connection is closed, if nobody has the file open.
            Asked before anything is read.

    Raises:
        FileNotFoundError: There is no such file and the mode does not create one.
        DatabaseDamaged: The file is not a database.
        DatabaseBusy: Another process keeps even readers out.
        UnknownExtension: The application's functions are not where they are said to be.
    """
    require_sound_sqlite()
    with mapped_errors(path):
        try:
            conn = apsw.Connection(str(path), flags=_FLAGS[mode])
        except apsw.CantOpenError:
            _refuse_folder(path)
            raise FileNotFoundError(f"no database at {path}") from None
        try:
            if alone(conn):
                _take_alone(conn)
            conn.set_busy_timeout(int(OPEN_SECONDS * 1000))
            conn.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
            conn.table_exists("main", "sqlite_schema")  # reads the structure, faster than a statement
            conn.set_busy_timeout(0)
            extensions.register(conn)
            _keep_within_limit(conn)
        except BaseException:
            conn.close()
            raise
    return conn


def _keep_within_limit(conn: apsw.Connection) -> None:
    """Let SQLite refuse the pages that the system would refuse.

    In a log they would stay: of a size that the file may not have, for ever, so that not even taking back
    what was begun would go on.
    """
    limit = file_limit()
    if limit is not None:
        page_size = value(conn, "PRAGMA main.page_size")
        conn.execute(f"PRAGMA main.max_page_count = {max(1, limit // page_size)}")


def _take_alone(conn: apsw.Connection) -> None:
    """Hold a file in WAL mode for this connection alone, where nobody has it open; else leave it as it is.

    Its log then needs no shared memory, the making of which is a good part of a short change. With a rollback
    journal two that come at once would wait for one another for ever: neither lets go of what it has read.
    """
    conn.pragma("locking_mode", "exclusive")
    try:
        is_held = conn.pragma("journal_mode") == "wal"
    except apsw.Error:  # whatever it is, whoever reads next without this finds it too
        is_held = False
    if not is_held:
        conn.pragma("locking_mode", "normal")


def in_memory() -> apsw.Connection:
    """Open a database that nobody else sees, with the application's functions.

    Raises:
        UnknownExtension: They are not where they are said to be.
    """
    conn = apsw.Connection(":memory:")
    extensions.register(conn)
    return conn


@contextlib.contextmanager
def mapped_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Turn SQLite's errors about the file as a whole into the engine's own, or into the system's."""
    try:
        yield
    except apsw.NotADBError:
        message = f"{path} is not an SQLite database. Name another file, or restore it from a backup"
        raise DatabaseDamaged(message) from None
    except apsw.CorruptError as error:
        raise DatabaseDamaged(f"{path} is damaged: {error}. Restore it from a backup") from error
    except (apsw.BusyError, apsw.LockedError):
        raise DatabaseBusy(f"{path} is locked by another process; try again") from None
    except apsw.ReadOnlyError as error:
        raise PermissionError(errno.EACCES, f"it cannot be written ({error})", str(path)) from None
    except apsw.FullError:
        _refuse_limit(path, "the disk or the file is full")
        raise OSError(errno.ENOSPC, "the disk is full; nothing was changed", str(path)) from None
    except apsw.IOError as error:
        _refuse_folder(path)
        if getattr(error, "extendedresult", None) not in _READING:
            _refuse_limit(path, "writing failed")
        raise OSError(errno.EIO, f"reading or writing failed ({error})", str(path)) from None


def file_limit() -> int | None:
    """How many bytes a file may have that this process writes; None where the system sets no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def _refuse_limit(path: str | PathLike[str], what: str) -> None:
    limit = file_limit()
    if limit is not None:
        words = f"{what}, and a file may have no more than {limit:,} bytes here; nothing was changed"
        raise OSError(errno.EFBIG, f"{words}. Make room, or raise 'ulimit -f'", str(path)) from None


def _refuse_folder(path: str | PathLike[str]) -> None:
    """Say of a folder what it is: SQLite opens one for reading, and fails later."""
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder, not a database", str(path)) from None


@contextlib.contextmanager
def immediate(
    conn: apsw.Connection, *, wait: float = 5.0, busy: Callable[[], Exception] | None = None
) -> Iterator[apsw.Connection]:
    """Hold the write lock of a file for the block; commit at its end, roll back on any error.

    Args:
        conn: A connection outside of any transaction.
        wait: Seconds to poll for the lock.
        busy: Makes the error to raise where the lock was not had in time; DatabaseBusy by default.
    """
    begin_immediate(conn, wait=wait, busy=busy)
    try:
        yield conn
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


def begin_immediate(
    conn: apsw.Connection, *, wait: float = 5.0, busy: Callable[[], Exception] | None = None
) -> None:
    """Begin a write transaction, polling for the lock for ``wait`` seconds."""
    execute_when_free(conn, "BEGIN IMMEDIATE", wait=wait, busy=busy)
    _see_structure(conn)


def switch_to_wal(conn: apsw.Connection, *, wait: float = 5.0) -> None:
    """Put a file in WAL mode, for good; nothing where it is in it already.

    The switch takes the whole file for a moment: two processes that make it at once refuse each other.

    Raises:
        DatabaseBusy: Another process held the file for all of ``wait`` seconds.
    """
    execute_when_free(conn, "PRAGMA journal_mode = WAL", wait=wait)


@contextlib.contextmanager
def synced_at_end(conn: apsw.Connection) -> Iterator[apsw.Connection]:
    """Wait for the disk once, when the block has ended and its connection is closed, not at each commit.

    In WAL mode, where power loss can take back the last commits but leaves the state before them whole, and
    where whoever commits durably next brings all earlier commits to the disk with his own.
    """
    log = conn.filename_wal
    is_noted = conn.pragma("journal_mode") == "wal" and not conn.readonly("main")
    if is_noted:
        conn.pragma("synchronous", "normal")
    try:
        with contextlib.closing(conn):
            yield conn
    finally:
        # The last connection syncs the log as it closes, and takes it away. Others still use this one.
        if is_noted and os.access(log, os.F_OK):
            _sync(Path(log))


@contextlib.contextmanager
def unsynced(conn: apsw.Connection, *, wait: float) -> Iterator[None]:
    """Begin a write transaction that the block ends, on a connection that is ``synced_at_end``.

    At NORMAL too the commit that begins a log waits for the disk: the log may be the old one, begun again,
    and without its new header old frames would count once more after power loss. An empty log has no old
    frames. What is lost of its first transaction, header or frame, takes the whole transaction back.

    Args:
        conn: A connection outside of any transaction.
        wait: Seconds to poll for the lock.
    """
    log = conn.filename_wal
    # A file that is not in WAL mode may have an empty log lying beside it; it is never ``synced_at_end``.
    if conn.pragma("synchronous") != _NORMAL or size(log) != 0:
        begin_immediate(conn, wait=wait)
        yield
        return
    conn.pragma("synchronous", "off")
    # A checkpoint would bring pages to the file whose log is not on the disk: power loss would tear it.
    conn.wal_autocheckpoint(0)
    try:
        begin_immediate(conn, wait=wait)
        if size(log):  # somebody else has begun it before the lock was had
            conn.execute("ROLLBACK")
            conn.pragma("synchronous", "normal")
            begin_immediate(conn, wait=wait)
        yield
    finally:
        conn.pragma("synchronous", "normal")
        conn.wal_autocheckpoint(_CHECKPOINT_PAGES)


def size(path: str | PathLike[str]) -> int | None:
    """The bytes of a file; None where there is no such file."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - making a Path takes longer than asking
    except (FileNotFoundError, NotADirectoryError):
        return None


def _sync(path: Path) -> None:
    """Write a file and its name out to the disk; nothing where it has gone: whoever took it has done it."""
    with contextlib.suppress(FileNotFoundError):
        for each in (path, path.parent):
            descriptor = os.open(each, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def execute_when_free(
    conn: apsw.Connection, statement: str, *, wait: float, busy: Callable[[], Exception] | None = None
) -> None:
    """Execute a statement that needs a lock, polling for ``wait`` seconds.

    Raises:
        DatabaseBusy: The lock was not had in time; or what ``busy`` makes.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            conn.execute(statement).fetchall()
        except (apsw.BusyError, apsw.LockedError):
            if time.monotonic() >= deadline:
                raise (busy() if busy else busy_error(conn, wait)) from None
            time.sleep(POLL_SECONDS)
        else:
            return


def busy_error(conn: apsw.Connection, waited: float) -> MigrationError:
    """Say which file is locked and how long it was waited for."""
    return DatabaseBusy(f"{conn.filename} is locked by another process (waited {waited:.1f} s); try again")


@contextlib.contextmanager
def snapshot(conn: apsw.Connection) -> Iterator[apsw.Connection]:
    """Read one consistent state of the file for the block."""
    conn.execute("BEGIN")
    try:
        _see_structure(conn)
        yield conn
    finally:
        conn.execute("ROLLBACK")


def _see_structure(conn: apsw.Connection) -> None:
    """Have a connection read the structure again if another one has changed it.

    BEGIN alone does not, and ``table_exists`` answers from what was read before: without this, a rollback
    that waited for an apply would not see what that has left for it.
    """
    conn.execute("SELECT 1 FROM main.sqlite_schema LIMIT 1").fetchall()


def rows(conn: apsw.Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of one statement."""
    return conn.execute(sql, parameters).fetchall()


def value(conn: apsw.Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The first column of the first row of one statement; None where there is no row."""
    row = conn.execute(sql, parameters).fetchone()
    return row[0] if row else None
