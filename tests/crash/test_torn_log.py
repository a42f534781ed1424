"""Power fails while a change is only in the log, of which the disk has some blocks and others not."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING

import apsw
import pytest

import migrations_engine as engine

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 4096
OLD = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}
CHANGES = {
    "added": {"t": {**OLD["t"], "b": "TEXT"}},
    "rebuilt": {"t": {**OLD["t"], "a": "TEXT NOT NULL DEFAULT ''"}},
}


@pytest.fixture(params=CHANGES)
def changed(request, tmp_path: Path) -> tuple[bytes, bytes, dict[str, str]]:
    """A file whose log was begun by a change, the log, and the hashes of before and after."""
    path = tmp_path / "file.db"
    before, after = (engine.loads(json.dumps(each)) for each in (OLD, CHANGES[request.param]))
    engine.apply(before, path)
    with contextlib.closing(apsw.Connection(str(path))) as conn:
        conn.execute("INSERT INTO t (a) SELECT hex(zeroblob(500)) FROM json_each(?)", (json.dumps([0] * 20),))
    with contextlib.closing(apsw.Connection(str(path))) as other:  # so that the log stays
        other.execute("SELECT * FROM t").fetchall()
        engine.apply(after, path)
        log = tmp_path / "file.db-wal"
        return path.read_bytes(), log.read_bytes(), {"old": before.hash, "new": after.hash}


def test_a_change_whose_log_is_torn_was_never_made(changed, tmp_path):
    file, log, hashes = changed
    blocks = [log[at : at + BLOCK] for at in range(0, len(log), BLOCK)]
    chance = random.Random(1)
    lost = [{at} for at in range(len(blocks))]
    lost += [{at for at in range(len(blocks)) if chance.random() < 0.5} or {0} for _ in range(20)]
    for number, gone in enumerate(lost):
        torn = b"".join(bytes(len(block)) if at in gone else block for at, block in enumerate(blocks))
        assert restarted(tmp_path / f"{number}.db", file, torn) == hashes["new" if torn == log else "old"]
        assert restarted(tmp_path / f"{number}-cut.db", file, log[: min(gone) * BLOCK]) == hashes["old"]
    assert restarted(tmp_path / "whole.db", file, log) == hashes["new"]


def restarted(path: Path, file: bytes, log: bytes) -> str:
    """What a sound database comes up with."""
    path.write_bytes(file)
    path.with_name(f"{path.name}-wal").write_bytes(log)
    with contextlib.closing(apsw.Connection(str(path))) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("SELECT count(*) FROM t").fetchall() == [(20,)]
    return engine.introspect(path).hash
