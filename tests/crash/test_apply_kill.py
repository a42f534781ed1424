"""A change that is killed leaves the old database or the new one, whole; the next apply goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import apsw
import pytest

import migrations_engine as engine

if TYPE_CHECKING:
    from pathlib import Path

IS_CAMPAIGN = bool(os.environ.get("TENANTDB_CAMPAIGN"))
STRIDE = 1 if IS_CAMPAIGN else 4
"""A kill before each statement, or each fourth."""
KILLS = 60 if IS_CAMPAIGN else 5
"""Kills at a moment of chance."""

OLD = {
    "P": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT", "n": "TEXT", "_indexes": ["name"]},
    "C": {"id": "INTEGER PRIMARY KEY", "p": "INTEGER REFERENCES P(id) ON DELETE CASCADE"},
    "Gone": {"x": "TEXT"},
    "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON P BEGIN INSERT INTO C(p) VALUES (NEW.id); END"},
    "_virtual_tables": {
        "F": "CREATE VIRTUAL TABLE F USING fts5(name)",
        "G": "CREATE VIRTUAL TABLE G USING fts5(name, content='P', content_rowid='id')",
    },
}
NEW = {
    "P": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "name": "TEXT NOT NULL",
        "n": "INTEGER",
        "_indexes": ["n"],
    },
    "C": {**OLD["C"], "tag": "TEXT"},
    "Fresh": {"y": "TEXT"},
    "_triggers": OLD["_triggers"],
    "_virtual_tables": {"F": "CREATE VIRTUAL TABLE F USING fts5(name, note)"},
}

# Forks once for each statement of an act; the child kills itself before it, the parent looks what is left.
_KILLER = """
import json, os, shutil, signal, sys
import apsw
import migrations_engine as engine
from migrations_engine import runner, sqlite

act, pristine, file, new, stride = sys.argv[1:6]
schema = engine.load(new)
opened = sqlite.connect

def traced(limit):
    def connect(*args, **options):
        conn = opened(*args, **options)
        def before(cursor, sql, bindings):
            limit[0] -= 1
            if limit[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return True
        conn.exec_trace = before
        return conn
    return connect

def run():
    try:
        perform()
    except engine.NoWayBack:
        pass  # it was killed after its commit

def perform():
    if act == "apply":
        engine.apply(schema, file, allow_destructive=True)
    elif act == "rollback":
        engine.rollback(file)
    else:
        engine.cleanup(file)

def fresh():
    for name in (file, file + "-wal", file + "-shm"):
        if os.path.exists(name):
            os.unlink(name)
    shutil.copy(pristine, file)

at = 1 - int(stride)
while True:
    at += int(stride)
    fresh()
    child = os.fork()
    if child == 0:
        sqlite.connect = traced([at])
        run()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    conn = apsw.Connection(file)
    sound = conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    names = [r[0] for r in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
    rows = {n: sorted(map(repr, conn.execute(f'SELECT * FROM "{n}"'))) for n in names if n[0] != "_"}
    conn.close()
    litter = [n for n in names if n.startswith("_tenantdb")]
    left = {"hash": engine.introspect(file).hash, "rows": rows, "sound": sound, "litter": litter}
    done = os.WIFEXITED(status)
    run()
    print(json.dumps({"left": left, "then": engine.introspect(file).hash, "done": done}), flush=True)
    if done:
        break
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The two documents, a filled file of the old one, and one that was brought to the new one."""
    for name, document in (("old", OLD), ("new", NEW)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    engine.apply(engine.load(tmp_path / "old.json"), old)
    conn = apsw.Connection(str(old))
    conn.execute("INSERT INTO P(name, n) VALUES ('a', '007'), ('b', '8'); INSERT INTO Gone VALUES ('x')")
    conn.execute("INSERT INTO F VALUES ('red fox'), ('blue'); INSERT INTO G(G) VALUES ('rebuild')")
    conn.execute("PRAGMA journal_mode = DELETE").fetchall()
    conn.close()
    new.write_bytes(old.read_bytes())
    engine.apply(engine.load(tmp_path / "new.json"), new, allow_destructive=True)
    for path in (
        old,
        new,
    ):  # one file each, so that a copy of it is whole; in WAL mode again when it is opened
        conn = apsw.Connection(str(path))
        conn.execute("PRAGMA journal_mode = WAL").fetchall()
        conn.close()
    return {"old": old, "new": new, "document": tmp_path / "new.json", "file": tmp_path / "file.db"}


def killed_everywhere(files: dict[str, Path], act: str, pristine: str) -> list[dict[str, object]]:
    """What is left after a kill before a statement of an act, and after acting again; the last one ended."""
    arguments = [act, files[pristine], files["file"], files["document"], STRIDE]
    command = [sys.executable, "-c", _KILLER, *arguments]
    printed = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    found = [json.loads(line) for line in printed.stdout.splitlines()]
    assert found, printed.stderr
    return found


def test_apply_killed_before_any_statement_leaves_old_or_new(files):
    found = killed_everywhere(files, "apply", "old")
    old, *_, new = (each["left"] for each in found)
    assert len(found) * STRIDE > 40
    assert old["hash"] != new["hash"]
    assert [each["left"] for each in found if each["left"] not in (old, new)] == []
    assert {each["then"] for each in found} == {new["hash"]}


@pytest.mark.parametrize("act", ["rollback", "cleanup"])
def test_the_way_back_killed_before_any_statement_leaves_one_of_two(files, act):
    found = killed_everywhere(files, act, "new")
    before, *_, after = (each["left"] for each in found)
    assert before["litter"]
    assert after["litter"] == []
    assert all(each["left"] in (before, after) for each in found)


_WRITER = """
import sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
while True:
    try:
        n = conn.execute("insert into P(name, n) values ('w', 1) returning id").fetchall()[0][0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
    else:
        print(n, flush=True)
"""

_CHANGER = """
import sys
import migrations_engine as engine
old, new = engine.load(sys.argv[2]), engine.load(sys.argv[3])
print("ready", flush=True)
while True:
    engine.apply(new, sys.argv[1], allow_destructive=True)
    engine.apply(old, sys.argv[1], allow_destructive=True)
"""


def test_changes_killed_at_any_moment_lose_no_row_that_another_process_wrote(files, child):
    file = files["old"]
    documents = [str(file.with_name(name)) for name in ("old.json", "new.json")]
    writer = child(_WRITER, str(file))
    first = writer.line()
    for at in range(KILLS):
        changer = child(_CHANGER, str(file), *documents)
        assert changer.line() == "ready"
        for _ in range(1 + at % 5):  # some writes later, wherever it is by then
            writer.line()
        changer.kill()
    writer.process.kill()
    with writer.process as process:
        said = process.stdout.read()  # not communicate(), which reads past the stream's own buffer
    acknowledged = {int(line) for line in [first, *said.split("\n")[:-1]] if line}
    conn = apsw.Connection(str(file))
    assert acknowledged <= {row[0] for row in conn.execute("SELECT id FROM P")}
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    conn.close()
    assert engine.introspect(file).hash in {engine.load(document).hash for document in documents}
