"""One change over 200 small files, in sequence: the engine beside a loop by hand, and beside Alembic.

Each has a process of its own, and they take turns, file by file, so that both have the same disk. A file's
time runs from opening it to closing it, and the last close checkpoints the WAL, so that all pay for that.
Files are copied and synced before the clock starts. Everybody writes the version down in the transaction of
the change, and leaves the synchronous setting as it is by default, FULL.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

from figures import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[str], object]

RUNS = 5
FILES = 200
ROWS = 200
TABLES = ("customers", "orders", "items", "events", "notes")
STATUS = "TEXT DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent'))"
NEW_STATUS = "TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'paid', 'sent', 'back'))"
ROW = (1, "paid", 9.5, "2026-01-01 00:00:00", "a note, as people write them")
CHANGES = {"added": {"remark": "TEXT"}, "rebuilt": {"status": NEW_STATUS}}
"""The columns of orders that each change brings."""


def prepare(folder: Path) -> None:
    """Make one file as the engine leaves it, one that it never saw, and one for each of the others."""
    import migrations_engine as engine  # noqa: PLC0415 - the peers' processes must hold nothing of ours

    engine.apply(engine.loads(document()), folder / "engine")
    with closing(sqlite3.connect(folder / "found")) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        for table in TABLES:
            conn.execute(create_table(table))
            conn.execute(f"CREATE INDEX ix_{table} ON {table} (created_at)")
    for name in ("engine", "found"):
        with closing(sqlite3.connect(folder / name)) as conn, conn:
            fill(conn)
    for name, column in (("bare", "number INTEGER"), ("alembic", "version_num VARCHAR(32) PRIMARY KEY")):
        shutil.copy(folder / "found", folder / name)
        with closing(sqlite3.connect(folder / name)) as conn, conn:
            conn.execute(f"CREATE TABLE {name}_version ({column})")
            conn.execute(f"INSERT INTO {name}_version VALUES (1)")
    write_scripts(folder / "scripts")


def definitions(status: str = STATUS) -> dict[str, str]:
    """The columns of a table: one foreign key, one CHECK."""
    return {
        "id": "INTEGER PRIMARY KEY",
        "customer_id": "INTEGER REFERENCES customers(id)",
        "status": status,
        "amount": "REAL",
        "created_at": "TEXT",
        "body": "TEXT",
    }


def document(change: str | None = None) -> str:
    """The schema, before or after a change."""
    tables = {
        table: {**definitions(), "_indexes": [{"columns": ["created_at"], "name": f"ix_{table}"}]}
        for table in TABLES
    }
    tables["orders"] |= CHANGES[change] if change else {}
    return json.dumps(tables)


def create_table(name: str, status: str = STATUS) -> str:
    """The statement of a table."""
    return f"CREATE TABLE {name} ({', '.join(' '.join(each) for each in definitions(status).items())})"


def fill(conn: sqlite3.Connection) -> None:
    """Write the rows."""
    columns = "customer_id, status, amount, created_at, body"
    for table in TABLES:
        conn.executemany(f"INSERT INTO {table} ({columns}) VALUES (?, ?, ?, ?, ?)", [ROW] * ROWS)


def beside(folder: Path, ours: str, theirs: str, change: str) -> float:
    """How many times as fast one is as the other, over all files."""
    with tempfile.TemporaryDirectory(dir=folder) as room:
        files = {
            name: [Path(room) / f"{name}{number}.db" for number in range(FILES)] for name in (ours, theirs)
        }
        for name, paths in files.items():
            for path in paths:
                shutil.copy(folder / name, path)
        os.sync()
        spent = {ours: 0.0, theirs: 0.0}
        with Worker(folder, ours, change) as first, Worker(folder, theirs, change) as second:
            for one, other in zip(files[ours], files[theirs], strict=True):
                spent[ours] += first.seconds(one)
                spent[theirs] += second.seconds(other)
    return spent[theirs] / spent[ours]


class Worker:
    """A process that changes the files it is told, and says how long each took."""

    def __init__(self, folder: Path, name: str, change: str) -> None:
        command = [sys.executable, __file__, str(folder), name, change]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.communicate()

    def seconds(self, path: Path) -> float:
        """How long one file takes."""
        print(path, file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def work(folder: Path, name: str, change: str) -> None:
    """Be such a process."""
    run = {"engine": engine, "found": engine, "bare": bare, "alembic": alembic}[name](folder, change)
    print("ready", flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        run(line.rstrip("\n"))
        print(time.perf_counter() - begin, flush=True)


def engine(_folder: Path, change: str) -> Change:
    """``apply``, which proves where each file came out and leaves a way back in it."""
    from migrations_engine import apply, loads  # noqa: PLC0415 - the peers' processes must hold nothing of ours

    schema = loads(document(change))
    return lambda path: apply(schema, path)


def bare(_folder: Path, change: str) -> Change:
    """The loop by hand."""
    return added if change == "added" else rebuilt


def added(path: str) -> None:
    """A column more."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("ALTER TABLE orders ADD COLUMN remark TEXT")
        conn.execute("UPDATE bare_version SET number = 2")
        conn.execute("COMMIT")


def rebuilt(path: str) -> None:
    """The twelve steps of SQLite's manual for one table."""
    names = ", ".join(definitions())
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        conn.execute("BEGIN IMMEDIATE")
        conn.execute(create_table("new_orders", NEW_STATUS))
        conn.execute(f"INSERT INTO new_orders ({names}) SELECT {names} FROM orders")
        conn.execute("DROP TABLE orders")
        conn.execute("ALTER TABLE new_orders RENAME TO orders")
        conn.execute("CREATE INDEX ix_orders ON orders (created_at)")
        if conn.execute("PRAGMA foreign_key_check").fetchall():
            raise SystemExit("rows without parents")
        conn.execute("UPDATE bare_version SET number = 2")
        conn.execute("COMMIT")


def alembic(folder: Path, change: str) -> Change:
    """``alembic upgrade`` as its manual has it: one configuration, one command a file."""
    from alembic import command, config  # noqa: PLC0415 - the others' processes need none of it

    settings = config.Config()
    settings.set_main_option("script_location", str(folder / "scripts"))

    def run(path: str) -> None:
        settings.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
        command.upgrade(settings, change)

    return run


def write_scripts(folder: Path) -> None:
    """Make Alembic's folder: an environment as its template has it, and the changes, each from one base."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENVIRONMENT)
    for revision, before, body in (("1", None, "pass"), ("added", "1", ADD), ("rebuilt", "1", BATCH)):
        head = f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {revision!r}"
        text = f"{head}\ndown_revision = {before!r}\ndef upgrade():\n    {body}\n"
        (folder / "versions" / f"{revision}_.py").write_text(text)


ENVIRONMENT = """
from alembic import context
from sqlalchemy import engine_from_config, pool

section = context.config.get_section(context.config.config_ini_section)
with engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
ADD = 'op.add_column("orders", sa.Column("remark", sa.Text(), nullable=True))'
BATCH = """known = sa.CheckConstraint("status IN ('new', 'paid', 'sent', 'back')", name="known")
    with op.batch_alter_table("orders", table_args=[known]) as batch:
        batch.alter_column("status", existing_type=sa.Text(), nullable=False)"""

PAIRS = (
    ("engine", "bare", "added", 0.9, "a column more, beside a bare sqlite3 loop"),
    ("found", "bare", "added", None, "the same, files that the engine never saw"),
    ("engine", "alembic", "added", 2.0, "the same, beside alembic upgrade"),
    ("engine", "bare", "rebuilt", 0.9, "a table rebuilt, beside a bare sqlite3 loop"),
    ("found", "bare", "rebuilt", None, "the same, files that the engine never saw"),
    ("engine", "alembic", "rebuilt", 3.5, "the same, beside alembic upgrade in batch mode"),
)


def pair(ours: str, theirs: str, change: str) -> Callable[[Path], float]:
    """The side that compares two."""
    return lambda folder: beside(folder, ours, theirs, change)


SIDES = {f"{o}, {t}, {change}": pair(o, t, change) for o, t, change, _, _ in PAIRS}
FIGURES = tuple(
    Figure(says=f"{FILES} small files: {says}", of=f"{o}, {t}, {change}", at_least=least)
    for o, t, change, least, says in PAIRS
)

if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
