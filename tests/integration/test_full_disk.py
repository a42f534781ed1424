"""A disk that fills while a lone file is rebuilt: the old file stays as it was, and nothing of ours."""

import os
import subprocess
import sys

import pytest

APPLY = """
import os, sys
import apsw
import migrations_engine as engine

folder = sys.argv[1]
path = os.path.join(folder, "a.db")
columns = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT"}

def schema(**table):
    import json
    return engine.loads(json.dumps({"t": {**columns, **table}}))

def fill_the_disk(progress):
    if progress.phase == "copy" and progress.rows > 20_000:
        with open(os.path.join(folder, "filler"), "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

engine.apply(schema(), path)
conn = apsw.Connection(path)
rows = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 60000) "
filled = "INSERT INTO t SELECT i, 'a' || i || hex(zeroblob(25)), 'b' || i || hex(zeroblob(50)) FROM n"
conn.execute(rows + filled)
conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
conn.close()
wanted = schema(a="TEXT NOT NULL", _indexes=["a", "b"])
assert engine.plan(wanted, path).online
try:
    engine.apply(wanted, path, progress=fill_the_disk)
except OSError as error:
    print(error.strerror)
conn = apsw.Connection(path)
print(sorted(name for name, in conn.execute("SELECT name FROM sqlite_schema")))
print(conn.execute("SELECT count(*) FROM t").fetchall(), conn.execute("PRAGMA integrity_check").fetchall())
print(sorted(os.listdir(folder)))
"""

LIMITED = """
import json, os, resource, sys
import apsw
import migrations_engine as engine

path = os.path.join(sys.argv[1], "a.db")

def schema(**table):
    return engine.loads(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT", **table}}))

engine.apply(schema(), path)
conn = apsw.Connection(path)
rows = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
conn.execute(rows + "INSERT INTO t SELECT i, 'a' || hex(zeroblob(25)), 'b' || hex(zeroblob(50)) FROM n")
conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
short, long = schema(c="TEXT"), schema(a="TEXT NOT NULL COLLATE NOCASE", _indexes=["a", "b"])
assert engine.plan(long, path).online
for wanted, limit in ((short, 1_000), (long, 6_000_000), (long, 9_000_000)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        engine.apply(wanted, path)
    except (OSError, engine.NoSpace) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(said)
    print([name for name, in conn.execute("SELECT name FROM sqlite_schema WHERE name GLOB '_tenantdb*'")])
    print(conn.execute("SELECT count(*), max(a) = min(a) FROM t").fetchall())
print(conn.execute("PRAGMA integrity_check").fetchall(), sorted(os.listdir(sys.argv[1])))
"""


@pytest.fixture
def alone(tmp_path):
    """Words before a command that give it a disk of 64 MB of its own, at this folder."""
    roots = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    disk = ["sh", "-c", f'mount -t tmpfs -o size=64m none "{tmp_path}" && exec "$@"', "-"]
    if subprocess.run([*roots, *disk, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a disk of his own")
    return [*roots, *disk]


def test_a_disk_that_fills_half_way_leaves_the_old_file_and_no_litter(alone, tmp_path):
    done = subprocess.run(
        [*alone, sys.executable, "-c", APPLY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "the disk is full; nothing was changed",
        "['_schema_versions', 'sqlite_sequence', 't']",
        "[(60000,)] [('ok',)]",
        "['a.db', 'a.db-shm', 'a.db-wal', 'filler']",
    ], done.stderr


def test_a_size_that_the_system_lets_no_file_exceed_is_named_and_nothing_is_left(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    whole, advice = ["[]", "[(20000, 1)]"], "bytes here; nothing was changed. Make room, or raise 'ulimit -f'"
    needed = (
        "the change needs about 4 MB in the file itself (see 'ulimit -f'), 3 MB are free; nothing was changed"
    )
    assert done.stdout.splitlines() == [
        f"writing failed, and a file may have no more than 1,000 {advice}",
        *whole,
        f"{tmp_path}/a.db: {needed}. Make room, or drop what is kept for the way back ('cleanup')",
        *whole,
        f"the disk or the file is full, and a file may have no more than 9,000,000 {advice}",
        *whole,
        "[('ok',)] ['a.db', 'a.db-shm', 'a.db-wal']",
    ], done.stderr
