"""A file that nobody but its maker can write to while it is made, because its header says so.

A copy of an open file says of itself that it is open, until it is told otherwise. A process that dies in
between would leave a second file that takes writes. A header that names a write version which SQLite does not
know makes a file read-only (https://sqlite.org/fileformat.html#file_format_version_numbers).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING, Self

import apsw

from migrations_engine import extensions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

_WRITE_VERSION = 18
_READ_VERSION = 19
_UNKNOWN = b"\x03"


class Maker(apsw.VFS):
    """Opens files that nobody else can write to, until ``release`` and the next write of the header."""

    def __init__(self) -> None:
        self.shut = True
        self._name = f"tenantdb-{secrets.token_hex(8)}"
        super().__init__(self._name, base="")

    def __enter__(self) -> Self:
        """Be there for connections."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget it; every connection is closed by now."""
        self.unregister()

    def connect(self, path: Path) -> apsw.Connection:
        """Open a file and keep everybody else out of it, so that its log needs no shared memory."""
        conn = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=self._name)
        conn.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        extensions.register(conn)
        return conn

    def release(self) -> None:
        """Write headers as they are, from now on."""
        self.shut = False

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - APSW's
        """Stand between SQLite and the database itself; its log is as it is."""
        kind = _Database if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else apsw.VFSFile
        file = kind("", name, flags)
        if isinstance(file, _Database):
            file.maker = self
        return file


@contextlib.contextmanager
def shut(path: Path) -> Iterator[Callable[[], None]]:
    """Keep everybody out of a file while one transaction writes it without a journal.

    To be entered before any connection to the file is opened and left after all are closed: closing a
    descriptor drops this process's locks on the file.

    Yields:
        What shuts the file, to be called in that transaction. Its commit writes the header as SQLite knows
        it, and so opens the file; a process that dies before leaves it shut.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield lambda: _write_version(descriptor)
    finally:
        os.close(descriptor)


def _write_version(descriptor: int) -> None:
    os.pwrite(descriptor, _UNKNOWN, _WRITE_VERSION)


class _Database(apsw.VFSFile):
    """The file itself: on disk the header says that nobody may write, to us it says what it said before."""

    maker: Maker

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - APSW's
        data = super().xRead(amount, offset)
        if offset or len(data) <= _READ_VERSION:
            return data
        return data[:_WRITE_VERSION] + data[_READ_VERSION : _READ_VERSION + 1] + data[_READ_VERSION:]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - APSW's
        if not offset and self.maker.shut:
            data = data[:_WRITE_VERSION] + _UNKNOWN + data[_READ_VERSION:]
        super().xWrite(data, offset)
