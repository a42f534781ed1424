"""What tests of several packages share: tenant files by hand, and an outsider that knows nothing of us."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from tenantdb import control, fence
from tenantdb.model import Control, FileState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
