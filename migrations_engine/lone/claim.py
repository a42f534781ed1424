"""Whose rebuild a file holds the objects of: the record of the process at work, in the file itself.

It decides two things. Whoever comes next asks whether that process still lives, before he sweeps its litter.
And the process itself looks at every transaction whether the record still has its token: one that was taken
for dead, because it cannot be seen from another container, finds its work gone and stops without a trace.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw

TABLE = "_tenantdb_rebuild"

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MINE: set[str] = set()
"""The tokens of the rebuilds that run in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One rebuild's owner: its token, its process, when that began, and in which boot of the machine."""

    token: str
    pid: int
    started: str
    boot: str

    @property
    def is_live(self) -> bool:
        """Whether that process is still at it. A number that another process has by now is none."""
        if self.boot != _boot():
            return False
        if self.pid == os.getpid():
            return self.token in _MINE
        return _exists(self.pid) and _started(self.pid) == self.started


def make(conn: apsw.Connection) -> Claim:
    """Record this process as the owner, inside the caller's transaction."""
    pid = os.getpid()
    claim = Claim(token=uuid.uuid4().hex, pid=pid, started=_started(pid), boot=_boot())
    conn.execute(f"CREATE TABLE {TABLE} (token, pid, started, boot)")
    conn.execute(
        f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?)", (claim.token, claim.pid, claim.started, claim.boot)
    )
    _MINE.add(claim.token)
    return claim


def read(conn: apsw.Connection) -> Claim | None:
    """The owner that a file names; None where it names none."""
    # Not table_exists(), which answers from what the connection has read of the structure at some time.
    if not conn.execute("SELECT 1 FROM main.sqlite_schema WHERE name = ?", (TABLE,)).fetchall():
        return None
    row = conn.execute(f"SELECT token, pid, started, boot FROM main.{TABLE}").fetchone()
    return Claim(token=row[0], pid=row[1], started=row[2], boot=row[3]) if row else None


def drop(conn: apsw.Connection) -> None:
    """Take the record out of the file, inside the caller's transaction; also where there is none."""
    conn.execute(f"DROP TABLE IF EXISTS main.{TABLE}")


def forget(claim: Claim) -> None:
    """End this process's part: a record with that token that is still in the file is litter from now on."""
    _MINE.discard(claim.token)


def holds(conn: apsw.Connection, claim: Claim) -> bool:
    """Whether the file still names this owner."""
    found = read(conn)
    return found is not None and found.token == claim.token


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat(pid)[0] != "Z"  # it was killed, and nobody has asked yet how it ended


def _started(pid: int) -> str:
    """When a process began, in ticks since boot: field 22 of its stat; empty where the system has none."""
    return _stat(pid)[19]


def _stat(pid: int) -> list[str]:
    """The fields of a process's stat behind its name, which may hold spaces and parentheses."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [""] * 20
    return text.rpartition(")")[2].split()
