"""A lone file's online rebuild that is killed leaves the old file or the new one; what comes next clears up.

Other processes write all the while, through plain SQLite that knows nothing of the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.lone.rebuild import PHASES

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 600

OLD = {
    "P": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT UNIQUE", "n": "TEXT", "_indexes": ["n"]},
    "C": {"id": "INTEGER PRIMARY KEY", "p": "INTEGER REFERENCES P(id) ON DELETE CASCADE", "x": "TEXT"},
    "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON P BEGIN INSERT INTO C(p) VALUES (NEW.id); END"},
}
NEW = {
    **OLD,
    "P": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "name": "TEXT UNIQUE",
        "n": "INTEGER NOT NULL",
        "_indexes": ["n", "name"],
    },
    "C": {
        "id": "INTEGER PRIMARY KEY",
        "p": "INTEGER NOT NULL REFERENCES P(id) ON DELETE CASCADE",
        "x": "TEXT CHECK (x IS NULL OR length(x) < 100)",
    },
}

_ONLINE = """
import os, signal, sys
import migrations_engine as engine
from migrations_engine.lone import choice
choice.SMALL_BYTES, choice.BUDGET_SECONDS = 0, 0.0
from migrations_engine.planning import estimate
estimate.BASE_SECONDS = 1.0
file, document = sys.argv[1:3]
schema = engine.load(document)
"""

_APPLIER = f"""{_ONLINE}
while True:
    try:
        result = engine.apply(schema, file, allow_destructive=True)
        break
    except engine.DatabaseBusy:
        pass  # outside of WAL mode writers keep even readers out
print(result.changed, result.strategy, flush=True)
"""

# Forks once for each place; the child dies there, the parent looks what is left.
_KILLER = f"""{_ONLINE}
import json, signal
import apsw

def picture():
    conn = apsw.Connection(file)
    conn.set_busy_timeout(5000)
    sound = conn.execute("PRAGMA integrity_check").fetchall()
    rows = [conn.execute(f"SELECT * FROM {{name}} ORDER BY 1").fetchall() for name in "PC"]
    names = [name for name, in conn.execute("SELECT name FROM sqlite_schema")]
    conn.close()
    begins = ("_tenantdb_new", "_tenantdb_log", "_tenantdb_rebuild")
    litter = sum(name.startswith(begins) for name in names)
    return {{"litter": litter, "seen": [engine.introspect(file).hash, sound, rows]}}

def watching(phase, times):
    def watch(progress):
        nonlocal times
        if progress.phase == phase:
            times -= 1
            if times == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    return watch

for line in sys.stdin:
    act, phase, times = json.loads(line)
    child = os.fork()
    if child == 0:
        if act == "apply":
            engine.apply(schema, file, allow_destructive=True, progress=watching(phase, times))
        elif act == "rollback":
            engine.rollback(file)
        else:
            engine.cleanup(file)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(json.dumps({{"killed": os.WIFSIGNALED(status), **picture()}}), flush=True)
"""

# Says each row that was committed; every tenth is changed, deleted, replaced or moved to another key.
_WRITER = """
import random, sqlite3, sys
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
conn.execute("PRAGMA foreign_keys = ON")
me, chance = sys.argv[2], random.Random(sys.argv[2])
mine, n = [], 0
while True:
    n += 1
    name = f"{me}-{n}"
    act = chance.randrange(6) if mine else 0
    if act < 3:
        key = conn.execute("INSERT INTO P(name, n) VALUES (?, ?) RETURNING id", (name, n)).fetchall()[0][0]
        mine.append(key)
        print("+", key, name, flush=True)
        continue
    key = mine.pop(chance.randrange(len(mine)))
    if act == 3:
        conn.execute("DELETE FROM P WHERE id = ?", (key,))
        print("-", key, name, flush=True)
    elif act == 4:
        conn.execute("INSERT OR REPLACE INTO P(id, name, n) VALUES (?, ?, 5)", (key, name))
        mine.append(key)
        print("+", key, name, flush=True)
    else:
        conn.execute("UPDATE P SET name = ?, n = n + 1 WHERE id = ?", (name, key))
        mine.append(key)
        print("+", key, name, flush=True)
"""


@pytest.fixture(params=["wal", "delete"])
def file(request, tmp_path):
    """A filled file of the old schema, in both journal modes, and the documents beside it."""
    for name, document in (("old", OLD), ("new", NEW)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    path = tmp_path / "lone.db"
    engine.apply(engine.load(tmp_path / "old.json"), path)
    conn = apsw.Connection(str(path))
    conn.execute(
        "WITH RECURSIVE c(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM c LIMIT ?) "
        "INSERT INTO P(name, n) SELECT 'row ' || v, v FROM c",
        (ROWS,),
    )
    conn.execute(f"PRAGMA journal_mode = {request.param}").fetchall()
    conn.close()
    return path


def performed(file: Path, acts: list[tuple[str, str, int]]) -> list[dict[str, object]]:
    """What is left after each act; one that names a phase is killed when it is heard of that many times."""
    command = [sys.executable, "-c", _KILLER, str(file), str(file.with_name("new.json"))]
    lines = "".join(json.dumps(act) + "\n" for act in acts)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


WHERE = [(phase.name, 1) for phase in PHASES] + [("copy", 3), ("verify", 3)]


def test_a_kill_anywhere_leaves_the_old_file_and_whatever_comes_next_clears_up(file):
    acts = [("apply", phase, times) for phase, times in WHERE]
    rest = [("cleanup", "", 0), ("apply", "verify", 2), ("apply", "", 0), ("rollback", "", 0)]
    *killed, cleaned, again, applied, back = performed(file, [*acts, *rest])
    old = cleaned["seen"]
    assert [each["killed"] for each in (*killed, again)] == [True] * (len(WHERE) + 1)
    assert [each["seen"] for each in (*killed, again, back)] == [old] * (len(WHERE) + 2)
    assert [bool(each["litter"]) for each in killed] == [phase != "claim" for phase, _ in WHERE]
    assert [each["litter"] for each in (cleaned, applied, back)] == [0, 0, 0]
    assert applied["seen"][0] == engine.load(file.with_name("new.json")).hash
    assert (old[1], applied["seen"][1]) == ([["ok"]], [["ok"]])


def ledger(lines: list[str]) -> tuple[dict[int, str], set[int]]:
    """What writers were told is there, by key, and the keys that they were told are gone."""
    there: dict[int, str] = {}
    gone: set[int] = set()
    for line in lines:
        sign, key, name = line.split(" ", 2)
        if sign == "+":
            there[int(key)] = name
        else:
            there.pop(int(key), None)
            gone.add(int(key))
    return there, gone


@pytest.mark.parametrize("file", ["wal"], indirect=True)
def test_no_write_that_another_process_was_told_of_is_lost(file, child):
    writers = [child(_WRITER, str(file), name) for name in ("a", "b")]
    said = [[writer.line()] for writer in writers]
    performed(file, [("apply", "copy", 3), ("apply", "drain", 1)])
    both = [child(_APPLIER, str(file), str(file.with_name("new.json"))) for _ in range(2)]
    ends = [each.line() or each.process.stderr.read() for each in both]
    assert sorted(ends) == ["False none", "True rebuild"]
    for writer, lines in zip(writers, said, strict=True):
        lines.append(writer.line())
        assert writer.process.poll() is None  # none of them was refused anything
        writer.process.kill()
        with writer.process as process:
            lines.extend(process.stdout.read().split("\n")[:-1])
    conn = apsw.Connection(str(file))
    rows = dict(conn.execute("SELECT id, name FROM P"))
    children = {parent for (parent,) in conn.execute("SELECT p FROM C")}
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    conn.close()
    for lines in said:
        there, gone = ledger(lines)
        # Each name is the number of a write; one more may have been made that was not said.
        assert len(there) > 5
        wrong = {key for key, name in there.items() if rows.get(key) != name}
        wrong |= gone & rows.keys()
        assert len(wrong) <= 1
    assert children <= rows.keys()
    assert engine.introspect(file).hash == engine.load(file.with_name("new.json")).hash
