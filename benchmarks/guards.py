"""What the control row and the guards cost a writer: the same file with them and without."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from figures import Figure, paired

from migrations_engine import sqlite
from tenantdb import control, fence
from tenantdb.model import Control, FileState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 20_000
BATCH = 2000
OPEN = Control(
    tenant="acme", generation=1, epoch=1, state=FileState.OPEN, operation=None, token=1, schema_hash=None
)


def prepare(folder: Path) -> None:
    """Make the two files."""
    for name in ("guarded", "plain"):
        conn = sqlite.connect(folder / name, mode="rwc")
        conn.pragma("journal_mode", "wal")
        with sqlite.immediate(conn):
            conn.execute("CREATE TABLE Users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, role TEXT)")
            conn.execute("CREATE INDEX by_email ON Users(email)")
            rows = ((f"user{n}@example.org", "reader") for n in range(ROWS))
            conn.executemany("INSERT INTO Users(email, role) VALUES (?, ?)", rows)
            if name == "guarded":
                control.write(conn, OPEN)
                fence.install_guards(conn)
        conn.close()


def durable(folder: Path) -> float:
    """Transactions of one row, each synced to the disk before it is acknowledged: the default."""
    return compared(folder, lambda path: transaction(path, level="full"), rounds=1000)


def unsynced(folder: Path) -> float:
    """The same without waiting for the disk."""
    return compared(folder, lambda path: transaction(path, level="normal"), rounds=10_000)


def bulk(folder: Path) -> float:
    """Rows that one long transaction inserts."""
    return compared(folder, insertion, rounds=100)


def compared(folder: Path, work: Callable[[Path], Callable[[], object]], *, rounds: int) -> float:
    """How many times as fast some work is on the file with guards as on the one without."""
    return paired(work(folder / "guarded"), work(folder / "plain"), rounds=rounds)


def transaction(path: Path, *, level: str) -> Callable[[], object]:
    """A write transaction that changes one row."""
    conn = sqlite.connect(path)
    conn.pragma("synchronous", level)
    values = itertools.count(time.time_ns())

    def work() -> None:
        value = next(values)
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("UPDATE Users SET role = ? WHERE id = ?", (str(value), value % ROWS + 1))
        conn.execute("COMMIT")

    return work


def insertion(path: Path) -> Callable[[], object]:
    """A write transaction that inserts many rows."""
    conn = sqlite.connect(path)
    rows = [(f"new{n}@example.org", "x") for n in range(BATCH)]

    def work() -> None:
        conn.execute("BEGIN IMMEDIATE")
        conn.executemany("INSERT INTO Users(email, role) VALUES (?, ?)", rows)
        conn.execute("ROLLBACK")

    return work


SIDES = {"durable": durable, "unsynced": unsynced, "bulk": bulk}
FIGURES = (
    Figure(says="durable writes with guards and control row, beside none", of="durable", at_least=0.95),
    Figure(says="the same, not waiting for the disk", of="unsynced"),
    Figure(says="rows of one bulk insert", of="bulk"),
)
