"""A new generation of one large file: the engine's copy and rebuild beside the same by hand.

TENANTDB_BENCH_ROWS says how many rows each of the ten tables has: 80000, which makes about 100 MB, where it
is not set; 800000 make 1 GB. The source is in the system's cache before the clock starts, the result on the
disk when it stops. What proves the rows is timed beside, not in it.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
from figures import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations_engine.planning.plan import Plan

RUNS = 3
ROWS = int(os.environ.get("TENANTDB_BENCH_ROWS", "80000"))
TABLES = [f"t{number}" for number in range(10)]
COLUMNS = {
    "id": "INTEGER PRIMARY KEY",
    "owner": "INTEGER NOT NULL",
    "state": "TEXT",
    "amount": "REAL",
    "created_at": "TEXT",
    "body": "TEXT",
}
NAMES = ", ".join(COLUMNS)
SERIES = "WITH RECURSIVE s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s LIMIT {})"
ROW = (
    "n, n % 1000, 'paid', n * 0.5, datetime(1700000000 + n, 'unixepoch'), "
    "'a body of some length, as people write it, number ' || n"
)


def prepare(folder: Path) -> None:
    """Make the file, and one of a tenth of its rows."""
    for name, rows in (("large", ROWS), ("small", ROWS // 10)):
        with closing(apsw.Connection(str(folder / name))) as conn:
            conn.pragma("journal_mode", "wal")
            conn.pragma("synchronous", "off")
            for table in TABLES:
                conn.execute(f"BEGIN; {create_table(table)}")
                conn.execute(f"INSERT INTO {table} {SERIES.format(rows)} SELECT {ROW} FROM s")
                conn.execute(f"{create_indexes(table)}; COMMIT")


def create_table(name: str, state: str = "TEXT") -> str:
    """The statement of a table."""
    columns = {**COLUMNS, "state": state}
    return f"CREATE TABLE {name} ({', '.join(' '.join(each) for each in columns.items())})"


def create_indexes(table: str) -> str:
    """The statements of its two indexes."""
    return ";".join(f"CREATE INDEX {table}_{name} ON {table} ({name})" for name in ("owner", "created_at"))


def engine(folder: Path, tables: list[str], *, name: str = "large", prove: bool = False) -> float:
    """A tenant's new generation, as a worker makes it; the seconds that it takes, or those of its proof."""
    import migrations_engine  # noqa: PLC0415 - the bare side's process must hold nothing of ours
    from migrations_engine import sqlite  # noqa: PLC0415 - as above
    from migrations_engine.execution import compiling, execute, fresh  # noqa: PLC0415 - as above
    from migrations_engine.online import copy  # noqa: PLC0415 - as above
    from migrations_engine.planning.estimate import estimated  # noqa: PLC0415 - as above

    execute.verify = beside = Stopwatch(execute.verify)
    old = migrations_engine.introspect(folder / name)
    document = json.loads(old.to_json())
    for table in tables:
        document[table]["state"] = "TEXT NOT NULL"
    new = migrations_engine.loads(json.dumps(document))
    source = sqlite.connect(warmed(folder / name))
    with closing(source), tempfile.TemporaryDirectory(dir=folder) as room:
        plan = estimated(compiling.compiled(old, new, strategy="rebuild"), source)
        target = Path(room) / "target"
        target.touch()
        began = time.perf_counter()
        if fresh.is_quicker(source, plan):
            fresh.rows(source, target, plan)
        else:
            copy.pages(source, target)
            rebuild(target, plan)
        seconds = time.perf_counter() - began - beside.seconds
        return proof(source, target, plan) if prove else seconds


def rebuild(path: Path, plan: Plan) -> None:
    """Carry a plan out in a copy of all pages, and bring that to the disk."""
    from migrations_engine import sqlite  # noqa: PLC0415 - as above
    from migrations_engine.execution import execute  # noqa: PLC0415 - as above
    from migrations_engine.online import copy  # noqa: PLC0415 - as above

    with closing(sqlite.connect(path)) as conn:
        conn.execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
        with execute.prepared(conn), sqlite.immediate(conn):
            execute.change_in(conn, plan)
        copy.sync(conn)
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def proof(source: apsw.Connection, target: Path, plan: Plan) -> float:
    """The seconds that comparing all rows of both sides takes."""
    from migrations_engine import sqlite  # noqa: PLC0415 - as above
    from migrations_engine.online import capture, mapping, verify  # noqa: PLC0415 - as above

    mappings = mapping.between(plan.old, plan.new)
    with sqlite.immediate(source):
        capture.install(source, [each.source for each in mappings])
    with closing(sqlite.connect(target)) as conn:
        began = time.perf_counter()
        report = verify.full(source, conn, mappings, after=0, admit=sqlite.immediate)
        if report.rows != ROWS * len(TABLES):
            raise SystemExit(f"{report.rows} rows")
        return time.perf_counter() - began


class Stopwatch:
    """A function that is timed."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self.seconds = 0.0

    def __call__(self, *args: object, **options: object) -> object:
        """Call it."""
        began = time.perf_counter()
        try:
            return self._function(*args, **options)
        finally:
            self.seconds += time.perf_counter() - began


def backup(folder: Path) -> float:
    """The backup API, then one table rebuilt by hand in a file without journal."""
    with tempfile.TemporaryDirectory(dir=folder) as room, closing(apsw.Connection(f"{room}/target")) as conn:
        source = apsw.Connection(str(warmed(folder / "large")))
        began = time.perf_counter()
        conn.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        with conn.backup("main", source, "main") as pages:
            pages.step()
        conn.execute(f"PRAGMA foreign_keys = OFF; BEGIN; {create_table('new', 'TEXT NOT NULL')}")
        conn.execute(f"INSERT INTO new SELECT {NAMES} FROM t0; DROP TABLE t0; ALTER TABLE new RENAME TO t0")
        conn.execute(f"{create_indexes('t0')}; COMMIT")
        return settled(conn, f"{room}/target", began)


def attached(folder: Path) -> float:
    """A new file with all tables, their rows through ATTACH, then the indexes, without journal."""
    source = warmed(folder / "large")
    with tempfile.TemporaryDirectory(dir=folder) as room, closing(apsw.Connection(f"{room}/target")) as conn:
        began = time.perf_counter()
        conn.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        conn.execute("ATTACH ? AS old; BEGIN", (str(source),))
        for table in TABLES:
            conn.execute(create_table(table, "TEXT NOT NULL"))
            conn.execute(f"INSERT INTO main.{table} SELECT {NAMES} FROM old.{table}")
            conn.execute(create_indexes(table))
        conn.execute("COMMIT")
        return settled(conn, f"{room}/target", began)


def settled(conn: apsw.Connection, path: str, began: float) -> float:
    """Close a file and bring it to the disk; the seconds since the beginning."""
    conn.close()
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return time.perf_counter() - began


def warmed(path: Path) -> Path:
    """The file, which the system has read by now, and nothing else left to write."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    os.sync()
    return path


def peak(folder: Path, *, name: str) -> float:
    """The most memory that a rebuild of all tables takes, in MB."""
    engine(folder, TABLES, name=name, prove=name == "large")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


SIDES = {
    "one table": lambda folder: engine(folder, TABLES[:1]),
    "one table by hand": backup,
    "all tables": lambda folder: engine(folder, TABLES),
    "all tables by hand": attached,
    "proof": lambda folder: engine(folder, TABLES, prove=True),
    "memory": lambda folder: peak(folder, name="large"),
    "memory of a tenth": lambda folder: peak(folder, name="small"),
}
SIZE = f"10 tables of {ROWS} rows"
FIGURES = (
    Figure(
        says=f"{SIZE}: new generation, one table rebuilt, beside backup API and that rebuild by hand",
        of="one table",
        against="one table by hand",
        at_most=1.5,
    ),
    Figure(
        says="the same, all tables, beside ATTACH and INSERT SELECT, indexes after",
        of="all tables",
        against="all tables by hand",
        at_most=1.1,
    ),
    Figure(says="the proof of all rows, which is in neither", of="proof", unit="s"),
    Figure(says="peak memory", of="memory", unit="MB"),
    Figure(says="peak memory of a tenth of the rows", of="memory of a tenth", unit="MB"),
)
