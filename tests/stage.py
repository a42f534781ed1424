"""Actors in processes of their own: forked from one that has everything imported, so that each takes no time.

Run as a program it reads commands from standard input, a JSON document a line, and forks a child for each.
It never opens a database itself.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from migrations_engine.execution import fresh
from tenantdb import get_tenant_db, settings
from tenantdb.errors import TenantDBError
from tests import fleet, histories, posts
from workers import mover, recovery
from workers.lifecycle import adoption, creation, deletion
from workers.migration import migration, rollback

SCHEMAS = {
    "old": fleet.OLD,
    "new": fleet.NEW,
    "wider": fleet.WIDER,
    "plain": histories.PLAIN,
    "rebuilt": histories.REBUILT,
    "posts": posts.OLD,
    "starred posts": posts.NEW,
    "trimmed posts": posts.TRIMMED,
}


class Stage:
    """The parent's side: starts actors and ends with all of them gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stage"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def start(self, act: str, **arguments: Any) -> int:
        """Fork an actor; gives its process id."""
        return int(self._ask({"act": act, **arguments}))

    def wait(self, pid: int) -> int:
        """The exit code of an actor once it has ended; negative for the signal that ended it."""
        return int(self._ask({"wait": pid}))

    def run(self, act: str, **arguments: Any) -> int:
        return self.wait(self.start(act, **arguments))

    def _ask(self, command: dict[str, Any]) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class Killer:
    """Ends this process at one place of an operation, as a power cut would; or stops it, the first time."""

    def __init__(self, at: dict[str, Any]) -> None:
        self._place = {key: at[key] for key in at if key != "signal"}
        self._signal = getattr(signal, at.get("signal", "SIGKILL"))
        self._struck = not at

    def phase(self, phase: str, boundary: str, /) -> None:
        self._strike({"phase": phase, "boundary": str(boundary)})

    def progress(self, phase: str, _done: int, _total: int) -> None:
        self._strike({"inside": phase})

    def _strike(self, place: dict[str, Any]) -> None:
        if place == self._place and not self._struck:
            self._struck = True
            os.kill(os.getpid(), self._signal)


def operate(arguments: dict[str, Any]) -> None:
    """Run one operation, and die in it if so told."""
    killer, now = Killer(arguments.get("kill") or {}), settings.current()
    if arguments.get("fresh"):  # however small the tenant is
        fresh.is_quicker = lambda *_: True
    tenant, watch = arguments["tenant"], {"observer": killer.phase, "progress": killer.progress}
    match arguments["kind"]:
        case "create":
            creation.create(tenant, settings=now, server="a", observer=killer.phase)
        case "adopt":
            file = Path(arguments["file"])
            adoption.adopt(file, tenant=tenant, settings=now, server="a", observer=killer.phase)
        case "delete":
            deletion.delete(tenant, settings=now, observer=killer.phase)
        case "move":
            mover.move(tenant, to=arguments["to"], settings=now, **watch)
        case "migrate":
            migration.migrate(
                tenant, SCHEMAS[arguments["schema"]], settings=now, allow_destructive=True, **watch
            )
        case "rollback":
            rollback.rollback(tenant, settings=now, discard_since=True, **watch)
        case "recover":
            done = recovery.recover(now, observer=killer.phase)
            if not done.complete:
                raise SystemExit(str(done))


def write(arguments: dict[str, Any]) -> None:
    """Change rows of one's own until told to stop; what was acknowledged goes to the ledger, line by line."""
    stop, number = Path(arguments["stop"]), int(arguments["number"])
    ledger = os.open(arguments["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    choose = random.Random(number)
    mine: list[int] = []
    key = number * 1_000_000
    while not stop.exists():
        key += 1
        entry = _change(arguments["tenant"], choose, mine, key)
        os.write(ledger, (json.dumps(entry) + "\n").encode())
        time.sleep(0.001)


def _change(tenant: str, choose: random.Random, mine: list[int], key: int) -> dict[str, Any]:
    action = choose.random()
    if mine and action < 0.2:
        gone = mine.pop(choose.randrange(len(mine)))
        entry, sql = {"k": gone, "v": None}, ("DELETE FROM notes WHERE k = ?", (gone,))
    elif mine and action < 0.5:
        changed = choose.choice(mine)
        entry = {"k": changed, "v": f"changed {key}"}
        sql = ("REPLACE INTO notes (k, v) VALUES (?, ?)", (changed, entry["v"]))
    else:
        mine.append(key)
        entry = {"k": key, "v": f"made {key}"}
        sql = ("INSERT INTO notes (k, v) VALUES (?, ?)", (key, entry["v"]))
    try:
        db = get_tenant_db(tenant)
        db.execute(*sql)
        db.execute("INSERT INTO parents (name) VALUES (?)", (f"p{key}",))
    except TenantDBError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return entry


def mutate(arguments: dict[str, Any]) -> None:
    """Commit random transactions until told to stop; the ledger has each with its number in commit order."""
    stop, choose = Path(arguments["stop"]), random.Random(arguments["seed"])
    ledger = os.open(arguments["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while not stop.exists():
        statements = histories.transaction(choose)
        try:
            with get_tenant_db(arguments["tenant"]).write() as conn:
                for sql, values in statements:
                    conn.exec_driver_sql(sql, tuple(values))
                conn.exec_driver_sql(histories.NUMBER)
                number = conn.exec_driver_sql(histories.READ_NUMBER).scalar()
        except IntegrityError:
            continue  # a constraint refused it, and all of it was rolled back
        except TenantDBError as error:
            number, statements = 0, [(f"{type(error).__name__}: {error}", [])]
        os.write(ledger, (json.dumps([number, statements]) + "\n").encode())


def post(arguments: dict[str, Any]) -> None:
    """Change posts of one's own, and their entries in every virtual table, until told to stop."""
    stop, number = Path(arguments["stop"]), int(arguments["number"])
    ledger = os.open(arguments["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    choose, mine, key = random.Random(number), list[int](), number * 1_000_000
    while not stop.exists():
        key += 1
        entry: dict[str, Any]
        try:
            with get_tenant_db(arguments["tenant"]).write() as conn:
                changed, title = posts.change(conn, choose, mine, key)
            entry = {"post": changed, "title": title}
        except TenantDBError as error:
            entry = {"error": f"{type(error).__name__}: {error}"}
        os.write(ledger, (json.dumps(entry) + "\n").encode())
        time.sleep(0.001)


ACTS = {"operate": operate, "write": write, "mutate": mutate, "post": post}


def _fork(command: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.environ["TENANTDB_HOME"] = command["home"]
        os.dup2(2, 1)
        ACTS[command["act"]](command)
        code = 0
    except BaseException:  # noqa: BLE001 - the parent sees the exit code, a person the traceback
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def main() -> None:
    """Serve commands until standard input ends; then end every actor that is left."""
    actors = set()
    for line in sys.stdin:
        command = json.loads(line)
        if "wait" in command:
            actors.discard(command["wait"])
            answer = os.waitstatus_to_exitcode(os.waitpid(command["wait"], 0)[1])
        else:
            answer = _fork(command)
            actors.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in actors:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
