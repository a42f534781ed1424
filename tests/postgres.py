"""A throw-away PostgreSQL: a cluster in a folder of its own, on a socket, gone at the end."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

# An English locale, so that whatever is right by a C locale only fails here.
_INITDB = [
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--auth=trust",
]
_SERVER = [
    "-c",
    "listen_addresses=",
    "-c",
    "fsync=off",
    "-c",
    "timezone=Asia/Tokyo",
    "-c",
    "shared_buffers=16MB",
]


def _programs() -> Path:
    """The folder of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    assert found or on_path, "PostgreSQL is missing: scripts/install-debian-packages.sh postgresql"
    return found[-1].parent if found else Path(on_path or "").parent


def _as_postgres() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: Debian's package brings a user for it."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


@dataclass(slots=True)
class Cluster:
    """A running server."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection as the superuser."""
        user = "postgres" if os.geteuid() == 0 else None
        return psycopg.connect(host=str(self.folder), dbname="postgres", user=user)

    @contextlib.contextmanager
    def place(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection in an empty schema; everything made there is rolled back."""
        with self.connect() as conn:
            name = f"place_{next(self._numbers)}"
            conn.execute(f"CREATE SCHEMA {name}")
            conn.execute(f"SET search_path = {name}")
            yield conn
            conn.rollback()


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a cluster, start it, stop it, remove it."""
    # Not pytest's folder: the server's user must reach it, and a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="tenantdb-postgres-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    programs = _programs()
    data = folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, *_INITDB, "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **_as_postgres(),
        )
        log = (folder / "log").open("wb")
        command = [programs / "postgres", "-D", data, "-k", folder, *_SERVER]
        with log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **_as_postgres()) as server:
            try:
                yield _ready(Cluster(folder), server)
            finally:
                # Not SIGTERM, on which it waits for connections that a failed test left open.
                server.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(folder)


def _ready(found: Cluster, server: subprocess.Popen[bytes]) -> Cluster:
    """Wait until the server takes connections."""
    until = time.monotonic() + 60
    while True:
        try:
            found.connect().close()
        except psycopg.OperationalError:
            assert server.poll() is None, (found.folder / "log").read_text()
            assert time.monotonic() < until, (found.folder / "log").read_text()
            time.sleep(0.05)
        else:
            return found


def plain(value: Any) -> Any:
    """A value as both databases can say it: numbers as numbers, dates as SQLite writes them."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, decimal.Decimal | float):
        return int(value) if value == int(value) else round(float(value), 9)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", timespec="milliseconds" if value.microsecond else "seconds")
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value
