"""How long writers wait while their tenant moves between two folders, with three of them at full speed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure

import migrations_engine as engine
from tenantdb import addresses, get_tenant_db, home, settings
from tenantdb.catalog import Catalog, routes, servers
from workers import mover
from workers.lifecycle import creation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantdb.settings import Settings

RUNS = 1
"""One run has fifty moves of each size."""

MOVES = 50
WRITERS = 3
TENANT = "acme"
SCHEMA = {"Documents": {"id": "INTEGER PRIMARY KEY", "version": "INTEGER NOT NULL", "body": "TEXT NOT NULL"}}
BODY = 1000
SERVERS = ("local", "second")


def prepare(folder: Path) -> None:
    """Make a home with two servers."""
    chosen = at_home(folder)
    home.initialise(chosen, schema=engine.loads(json.dumps(SCHEMA)))
    url = addresses.normalised(SERVERS[1], f"file:{folder}/second")
    with Catalog.open(chosen).begin() as session:
        servers.add(session, server=SERVERS[1], url=url)
    addresses.prepare(SERVERS[1], url)


def at_home(folder: Path) -> Settings:
    """The settings of this benchmark's home."""
    os.environ["TENANTDB_HOME"] = str(folder / "home")
    return settings.current()


def pause(folder: Path, *, megabytes: int) -> float:
    """The 99th percentile of the pauses of many moves, in milliseconds."""
    chosen, tenant = at_home(folder), f"{TENANT}-{megabytes}"
    creation.create(tenant, settings=chosen, server=SERVERS[0])
    rows = megabytes * 1_000_000 // BODY
    fill(tenant, rows)
    pauses = []
    with writers(folder, tenant, rows):
        for number in range(1, MOVES + 1):
            result = mover.move(tenant, to=SERVERS[number % 2], settings=chosen)
            pauses.append(result.pause_ms)
            remove_old(folder, tenant)
            print(f"  move {number}: {result.pause_ms:.1f} ms, {result.seconds:.1f} s", file=sys.stderr)
    return sorted(pauses)[math.ceil(0.99 * len(pauses)) - 1]


def fill(tenant: str, rows: int) -> None:
    """Write documents, ten megabytes a transaction."""
    step = 10_000_000 // BODY
    for first in range(1, rows + 1, step):
        with get_tenant_db(tenant).write() as conn:
            documents = [(key, "x" * BODY) for key in range(first, min(first + step, rows + 1))]
            conn.exec_driver_sql("insert into Documents values (?, 0, ?)", documents)


def remove_old(folder: Path, tenant: str) -> None:
    """Delete the generations that the tenant has left, which would fill the disk."""
    with Catalog.open(at_home(folder)).reading() as session:
        route = routes.find(session, tenant)
    assert route is not None
    for file in folder.rglob("g*.db*"):
        if file.parent.name == route.path.parent.name and not file.name.startswith(route.path.name):
            file.unlink()


@contextlib.contextmanager
def writers(folder: Path, tenant: str, rows: int) -> Iterator[None]:
    """Keep processes writing; an error that one of them sees is an error of the benchmark."""
    command = [sys.executable, __file__, str(folder), tenant, str(rows)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(WRITERS)]
    try:
        yield
    finally:
        for writer in running:
            writer.communicate()
    failed = [writer.returncode for writer in running if writer.returncode]
    if failed:
        raise SystemExit(f"{len(failed)} of {WRITERS} writers saw an error")


def write(folder: Path, tenant: str, rows: int) -> None:
    """Write at full speed until standard input ends."""
    at_home(folder)
    os.set_blocking(sys.stdin.fileno(), False)
    while sys.stdin.buffer.raw.read(1) is None:
        for _ in range(20):
            key = random.randint(1, rows)
            get_tenant_db(tenant).execute("update Documents set version = version + 1 where id = ?", (key,))


SIDES = {
    "50 MB": lambda folder: pause(folder, megabytes=50),
    "500 MB": lambda folder: pause(folder, megabytes=500),
}
FIGURES = tuple(
    Figure(says=f"p99 of the write pause in {MOVES} moves of {size}", of=size, at_most=50.0, unit="ms")
    for size in SIDES
)

if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
