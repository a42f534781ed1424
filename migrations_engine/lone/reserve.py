"""Room that is set aside on the disk, so that what was begun can be taken back where the disk fills half way.

Taking tables away needs pages in the log, and the log's pages a place in the file: on a full disk both are
refused, and triggers and half a table would stay. The file that keeps the room has no name, so that it goes
with the process, however that ends.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import NoSpace

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

ROOM_BYTES = 16_000_000
"""What was committed since the last checkpoint, a slice that is dropped, and the structure."""


class Reserve:
    """Some bytes of the disk that a file lies on, kept for the block or until they are given back."""

    def __init__(self, path: str, *, size: int = ROOM_BYTES) -> None:
        """Set the room aside.

        Args:
            path: The file whose disk it is.
            size: Bytes; less where the system lets no file have as many, since then no log has either.

        Raises:
            NoSpace: There is not that much.
        """
        self._file: IO[bytes] | None = tempfile.TemporaryFile(dir=Path(path).parent)  # noqa: SIM115 - ``release`` closes it
        try:
            os.posix_fallocate(self._file.fileno(), 0, min(size, sqlite.file_limit() or size))
        except OSError as error:
            self.release()
            if error.errno != errno.ENOSPC:
                raise
            raise NoSpace(path, where="on its disk", needed=size, available=0) from None

    def release(self) -> None:
        """Give the room back; also where it was before."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        """Keep it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.release()
