"""Words that the processes of one host share without a round trip: is a route fresh, who asks to yield.

The file has two words of 64 bits for each slot; a tenant's slot is a hash of its id, and what two tenants of
one slot share is only needless work. A word is read and written as one, so it needs no lock:

- *freshness*: a random number. Whoever has changed a route writes a new one; a process that remembers another
  number asks the catalog. Losing one loses no write: the tenant's own file says whether it is current.
- *yield*: until when writers are asked to hold back, with the boot that it was asked in; lapses by itself.

The file is made whole under another name and linked to its own: nobody ever maps a part of it. It is never
truncated, which would kill every process that has it mapped. ``attach`` notices that it was deleted or made
anew; all its numbers are other ones then, so every route counts as stale.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import zlib
from typing import TYPE_CHECKING

from tenantdb import boot
from tenantdb.paths import FILE_MODE

if TYPE_CHECKING:
    from pathlib import Path

SLOTS = 8192
_WORD = 8
SIZE = 2 * SLOTS * _WORD

_CLOCK_BITS = 40
_CLOCK_MASK = (1 << _CLOCK_BITS) - 1
_TICKS = 1000
"""A second in the clock's bits: 40 bits of milliseconds are 34 years without a reboot."""


class Marks:
    """The shared words of one home, mapped into this process.

    Attributes:
        words: The freshness words; the hot path reads ``words[slot]`` itself.
    """

    def __init__(self, path: Path) -> None:
        """Map the file, and make it where there is none.

        Raises:
            OSError: The home is not there, or can't be written.
        """
        self._path = path
        self._boot = zlib.crc32(boot.boot_id().encode()) & 0xFFFFFF
        self._map()

    def attach(self) -> None:
        """Map the file again if the one that is mapped is no longer the one that is there."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._map()
            return
        if (status.st_dev, status.st_ino) != self._identity:
            self._map()

    def changed(self, tenant: str) -> None:
        """Tell every process of this host that what it knows of the tenant's route is stale."""
        self.attach()
        self.words[slot(tenant)] = secrets.randbits(64)

    def ask_to_yield(self, tenant: str, *, seconds: float) -> None:
        """Ask writers that have not begun yet to hold back; lapses after ``seconds`` by itself."""
        self.attach()
        until = int((boot.seconds() + seconds) * _TICKS) & _CLOCK_MASK
        self._yields[slot(tenant)] = self._boot << _CLOCK_BITS | until

    def stop_asking(self, tenant: str) -> None:
        """Let writers begin again."""
        self._yields[slot(tenant)] = 0

    def yield_wanted(self, tenant: str) -> float:
        """Seconds for which writers are asked to hold back; 0.0 where nobody asks."""
        word = self._yields[slot(tenant)]
        if not word or word >> _CLOCK_BITS != self._boot:
            return 0.0
        return max(0.0, (word & _CLOCK_MASK) / _TICKS - boot.seconds())

    def _map(self) -> None:
        descriptor = self._open()
        try:
            status = os.fstat(descriptor)
            self._identity = (status.st_dev, status.st_ino)
            whole = memoryview(mmap.mmap(descriptor, SIZE)).cast("Q")
        finally:
            os.close(descriptor)
        self.words, self._yields = whole[:SLOTS], whole[SLOTS:]

    def _open(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            _make(self._path)
            descriptor = os.open(self._path, os.O_RDWR | os.O_NOFOLLOW)
        return descriptor


def slot(tenant: str) -> int:
    """The number of a tenant's words; the same in every process."""
    return zlib.crc32(tenant.encode()) % SLOTS


def _make(path: Path) -> None:
    """Make the file whole, then give it its name; another process may have been faster."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(FILE_MODE, exist_ok=False)
    try:
        draft.write_bytes(secrets.token_bytes(SIZE // 2) + bytes(SIZE // 2))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
