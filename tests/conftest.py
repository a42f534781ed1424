"""What tests of several packages share: tenant files and fleets by hand, child processes, and an outsider."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from migrations_engine import sqlite
from tenantdb import control, fence, paths, routing, settings
from tenantdb.catalog import Catalog, leases, routes, servers, tenants
from tenantdb.catalog.states import TenantState
from tenantdb.catalog.upgrade import upgrade
from tenantdb.marks import Marks
from tenantdb.model import Control, FileState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tenantdb.model import Route

# Hundreds of processes start in a run: where it is set, each compiles whatever it imports, SQLAlchemy too.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell lets a run in the background ignore Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

USERS = "CREATE TABLE Users(id INTEGER PRIMARY KEY, email TEXT, role TEXT)"

_OUTSIDER = """
import json, sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
for line in sys.stdin:
    try:
        answer = {"rows": conn.execute(json.loads(line)).fetchall()}
    except sqlite3.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""


class Outsider:
    """The standard library's sqlite3 in a process of its own, holding one connection open."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OUTSIDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, sql: str) -> dict[str, Any]:
        """{"rows": [...]} or {"error": message}."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(sql) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def outsider() -> Iterator[Callable[[Path], Outsider]]:
    """Opens a file in a process that uses sqlite3 and knows nothing of us."""
    opened: list[Outsider] = []

    def open_outside(path: Path) -> Outsider:
        opened.append(Outsider(path))
        opened[-1].run("SELECT count(*) FROM sqlite_schema")
        return opened[-1]

    yield open_outside
    for each in opened:
        each.close()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Makes a guarded tenant file with the given tables by hand."""

    def make(
        *statements: str,
        name: str = "g1.db",
        state: FileState = FileState.OPEN,
        epoch: int = 1,
        token: int = 1,
    ) -> Path:
        path = tmp_path / name
        conn = apsw.Connection(str(path))
        conn.pragma("journal_mode", "wal")
        conn.pragma("synchronous", "off")
        conn.execute("BEGIN IMMEDIATE")
        for sql in statements or ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)",):
            conn.execute(sql)
        row = Control(
            tenant="acme",
            generation=1,
            epoch=epoch,
            state=state,
            operation="op1",
            token=token,
            schema_hash=None,
        )
        control.write(conn, row)
        fence.install_guards(conn)
        conn.execute("COMMIT")
        conn.close()
        return path

    return make


class Child:
    """A process that runs Python code of ours and speaks in lines."""

    def __init__(self, code: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def say(self, text: str = "") -> None:
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """The rest of what it prints, once it has ended well."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    """Starts processes; what still runs at the end is killed."""
    started: list[Child] = []

    def start(code: str, *arguments: str) -> Child:
        started.append(Child(code, *arguments))
        return started[-1]

    yield start
    for each in started:
        with each.process as process:  # closes its pipes, also those of one that has ended by itself
            process.kill()


class Fleet:
    """A home with one server and tenants that are made by hand, without the operations that make them."""

    def __init__(self) -> None:
        self.settings = settings.current()
        self.catalog = Catalog.open(self.settings)
        self.root = self.settings.layout.server("local")

    def create(self, tenant: str, *statements: str, path: str | None = None) -> Path:
        """Make a tenant with the given tables and rows; the path of its file."""
        relative = path or paths.fresh(tenant, 1)
        with self.catalog.begin() as session:
            row = tenants.begin(
                session, tenant=tenant, server="local", path=relative, generation=1, schema_hash=None
            )
            epoch = row.epoch
        file = paths.create(self.root, relative, tenant=tenant)
        conn = apsw.Connection(str(file))
        conn.pragma("journal_mode", "wal")
        conn.pragma("synchronous", "off")
        with sqlite.immediate(conn):
            for sql in statements or (USERS, "INSERT INTO Users VALUES (1, 'ann@x.org', 'a')"):
                conn.execute(sql)
            control.write(conn, self.row(tenant, generation=1, epoch=epoch, state=FileState.OPEN))
            fence.install_guards(conn)
        conn.close()
        self.set_state(tenant, TenantState.ACTIVE)
        return file

    def row(self, tenant: str, *, generation: int, epoch: int, state: FileState) -> Control:
        return Control(
            tenant=tenant,
            generation=generation,
            epoch=epoch,
            state=state,
            operation="made",
            token=0,
            schema_hash=None,
        )

    def set_state(self, tenant: str, state: TenantState) -> None:
        with self.catalog.begin() as session:
            row = tenants.get(session, tenant)
            tenants.set_state(
                session, tenant=tenant, token=row.lease_token, state=state, only_from=[row.state]
            )
        self.marks().changed(tenant)

    def route(self, tenant: str) -> Route:
        with self.catalog.reading() as session:
            found = routes.find(session, tenant)
        assert found
        return found

    def marks(self) -> Marks:
        return Marks(self.settings.layout.marks)

    def move(self, tenant: str) -> Move:
        return Move(self, tenant)


class Move:
    """A tenant's way to a new generation, one step at a time, as an operation would take them."""

    def __init__(self, fleet: Fleet, tenant: str) -> None:
        self.fleet = fleet
        self.tenant = tenant
        self.old = fleet.route(tenant)
        with fleet.catalog.begin() as session:
            token = leases.take(session, tenant=tenant, owner="test", seconds=60, operation="move")
        assert token
        self.token = token
        self.relative = paths.fresh(tenant, self.old.generation + 1)
        self.path = fleet.root / self.relative
        self.epoch = self.old.epoch + 1
        source = sqlite.connect(self.old.path)
        fence.claim(source, operation="move", token=token)
        source.close()

    def retire_and_copy(self) -> None:
        """Fence the source, then copy it; nobody writes in between, so nothing has to be drained."""
        source = sqlite.connect(self.old.path)
        with fence.owned(source, operation="move", token=self.token, durable=True):
            fence.retire(source)
        target = apsw.Connection(str(paths.create(self.fleet.root, self.relative, tenant=self.tenant)))
        with target.backup("main", source, "main") as backup:
            backup.step()
        row = self.fleet.row(
            self.tenant, generation=self.old.generation + 1, epoch=self.epoch, state=FileState.BORN
        )
        control.write(target, row)
        target.close()
        source.close()

    def flip(self) -> None:
        with self.fleet.catalog.begin() as session:
            assert routes.flip(
                session,
                tenant=self.tenant,
                token=self.token,
                from_epoch=self.old.epoch,
                server="local",
                path=self.relative,
                generation=self.old.generation + 1,
                epoch=self.epoch,
                schema_hash=None,
            )

    def mark(self) -> None:
        self.fleet.marks().changed(self.tenant)

    def open(self) -> None:
        target = sqlite.connect(self.path)
        fence.open_generation(target, epoch=self.epoch)
        target.close()

    def release(self) -> None:
        with self.fleet.catalog.begin() as session:
            leases.release(session, tenant=self.tenant, token=self.token)

    def whole(self) -> None:
        for step in (self.retire_and_copy, self.flip, self.mark, self.open, self.release):
            step()


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a catalog and one server, to be copied."""
    home = tmp_path_factory.mktemp("home")
    upgrade(settings.Settings(home=home))
    return home


@pytest.fixture
def fleet(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """A fleet without tenants; this process and its children find it by TENANTDB_HOME."""
    home = tmp_path / "home"
    shutil.copytree(empty_home, home)
    monkeypatch.setenv("TENANTDB_HOME", str(home))
    made = Fleet()
    made.root.mkdir(parents=True, mode=0o700)
    with made.catalog.begin() as session:
        servers.add(session, server="local", url=made.root.as_uri())
    yield made
    made.catalog.close()
    routing.close()
