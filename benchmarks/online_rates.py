"""How fast the online core copies, drains and proves, and what capture costs a writer."""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, paired, rate

from migrations_engine import introspect, sqlite
from migrations_engine.online import capture, copy, digest, mapping, replay, verify
from migrations_engine.online.shape import shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

    from migrations_engine.online.mapping import Mapping

RUNS = 3
ROWS = 300_000
DIRTY = 50_000
BATCH = 500
TABLE = "CREATE TABLE Users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, role TEXT, n INT, note TEXT)"
PARTIAL = "CREATE UNIQUE INDEX live_notes ON Users (note) WHERE role <> 'gone'"
SERIES = "WITH s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s LIMIT {})"
ROW = "'user' || n || '@example.org', 'reader', n * 7, 'a note of some length, number ' || n"


def prepare(folder: Path) -> None:
    """Make a file with capture, and two for what capture costs with and without a partial unique index."""
    with_rows(folder / "noted", TABLE, rows=ROWS, noted=True)
    for name in ("plain", "captured"):
        with_rows(folder / name, TABLE, rows=20_000, noted=name == "captured")
    for name in ("partial", "partial-captured"):
        with_rows(folder / name, f"{TABLE};{PARTIAL}", rows=20_000, noted=name != "partial")


def with_rows(path: Path, statements: str, *, rows: int, noted: bool) -> None:
    """Make one file."""
    conn = sqlite.connect(path, mode="rwc")
    conn.pragma("journal_mode", "wal")
    conn.execute(statements)
    conn.execute(f"INSERT INTO Users {SERIES.format(rows)} SELECT n, {ROW} FROM s")
    if noted:
        with sqlite.immediate(conn):
            capture.install(conn, shapes(introspect(conn)))
    conn.close()


def copying(folder: Path) -> float:
    """Megabytes a second of the page copy, its syncs included."""
    source = sqlite.connect(folder / "noted")
    with tempfile.TemporaryDirectory(dir=folder) as room:
        report = copy.pages(source, empty(room))
    return report.bytes / report.seconds / 1e6


def draining(folder: Path) -> float:
    """Dirty keys that a drain replays in a second of processor time."""
    source, mappings = opened(folder / "noted")
    with tempfile.TemporaryDirectory(dir=folder) as room:
        target, watermark = copied(source, room)
        source.execute("UPDATE Users SET n = n + 1 WHERE id % ? = 0", (ROWS // DIRTY,))
        begin = time.process_time()
        report = replay.drain(source, target, mappings, after=watermark, admit=sqlite.immediate)
        return report.keys / (time.process_time() - begin)


def proving(folder: Path) -> float:
    """Rows that are read, hashed and compared on both sides in a second of processor time."""
    source, mappings = opened(folder / "noted")
    with tempfile.TemporaryDirectory(dir=folder) as room:
        target, watermark = copied(source, room)
        begin = time.process_time()
        report = verify.full(source, target, mappings, after=watermark, admit=sqlite.immediate)
        return report.rows / (time.process_time() - begin)


def hashing(folder: Path) -> float:
    """Rows a second that one side takes, in processor time."""
    conn = sqlite.connect(folder / "captured")
    return rate(lambda: digest.of(conn, ["*"], "FROM Users"), operations=20_000)


def inserts(name: str) -> Callable[[Path], float]:
    """Rows that one long transaction inserts in a second of processor time, into one of the files."""
    return lambda folder: rate(inserting(folder / name), operations=BATCH)


def transactions(folder: Path) -> float:
    """Durable transactions of one row with capture, beside none."""
    return paired(updating(folder / "captured"), updating(folder / "plain"), rounds=300)


def inserting(path: Path) -> Callable[[], object]:
    """A transaction that inserts many rows and takes them back."""
    conn = sqlite.connect(path)
    rows = [(f"new{n}@example.org", "x", n, f"new note {n}") for n in range(BATCH)]

    def work() -> None:
        conn.execute("BEGIN IMMEDIATE")
        conn.executemany("INSERT INTO Users (email, role, n, note) VALUES (?, ?, ?, ?)", rows)
        conn.execute("ROLLBACK")

    return work


def updating(path: Path) -> Callable[[], object]:
    """A durable transaction that changes one row."""
    conn = sqlite.connect(path)
    conn.pragma("synchronous", "full")
    numbers = itertools.count()

    def work() -> None:
        number = next(numbers)
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("UPDATE Users SET n = n + 1 WHERE id = ?", (number % 20_000 + 1,))
        conn.execute("COMMIT")

    return work


def opened(path: Path) -> tuple[apsw.Connection, tuple[Mapping, ...]]:
    """A source and its mappings onto itself."""
    conn = sqlite.connect(path)
    return conn, mapping.identities(introspect(conn))


def empty(room: str) -> Path:
    """A new empty file."""
    path = Path(room) / "target"
    path.touch()
    return path


def copied(source: apsw.Connection, room: str) -> tuple[apsw.Connection, int]:
    """A copy without capture, and its watermark."""
    path = empty(room)
    watermark = copy.pages(source, path).watermark
    target = sqlite.connect(path)
    target.pragma("synchronous", "normal")
    with sqlite.immediate(target):
        capture.remove(target)
    return target, watermark


SIDES = {
    "copying": copying,
    "draining": draining,
    "proving": proving,
    "hashing": hashing,
    "transactions": transactions,
    "plain": inserts("plain"),
    "captured": inserts("captured"),
    "partial": inserts("partial"),
    "partial_captured": inserts("partial-captured"),
}
FIGURES = (
    Figure(says="page copy, on disk at the end", of="copying", unit="MB/s"),
    Figure(says="dirty keys replayed, per CPU second", of="draining", unit="keys"),
    Figure(says="rows proved on both sides, per CPU second", of="proving", unit="rows"),
    Figure(says="rows hashed on one side, per CPU second", of="hashing", unit="rows"),
    Figure(says="durable transactions with capture, beside none", of="transactions"),
    Figure(says="rows of a bulk insert with capture, beside none", of="captured", against="plain"),
    Figure(says="the same with a partial unique index", of="partial_captured", against="partial"),
)
