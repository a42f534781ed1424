"""The bulk copy: one moment of its source, and on disk when it says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import sqlite
from migrations_engine.online import copy

if TYPE_CHECKING:
    from collections.abc import Iterator


class Recorder(apsw.VFS):
    """SQLite's own way to the disk, with a note of every write and sync."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.base = apsw.vfs_names()[0]
        super().__init__("recorder", base=self.base, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        file = Recorded(self.base, name, flags)
        file.calls = self.calls
        file.name = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name
        return file


class Recorded(apsw.VFSFile):
    calls: list[tuple[str, str]]
    name: str

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.calls.append(("write", self.name))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.calls.append(("write", self.name))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.calls.append(("sync", self.name))
        super().xSync(flags)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[apsw.Connection]:
    conn = sqlite.connect(tmp_path / "source.db", mode="rwc")
    conn.execute("PRAGMA journal_mode = WAL").fetchall()
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body)")
    series = "WITH s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s LIMIT 6000)"
    conn.execute(f"{series} INSERT INTO t SELECT n, zeroblob(3000) FROM s")
    yield conn
    conn.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target.db"
    path.touch(mode=0o600)
    return path


def test_the_last_thing_that_happens_to_the_copied_file_is_a_sync(
    source: apsw.Connection, target: Path
) -> None:
    recorder = Recorder()
    try:
        copy.pages(source, target)
    finally:
        recorder.unregister()
    assert [what for what, name in recorder.calls if name == "target.db"][-1] == "sync"


def test_a_copy_is_one_moment_of_a_source_that_is_written_all_the_time(
    source: apsw.Connection, target: Path
) -> None:
    writer = sqlite.connect(source.filename)
    rows = sqlite.value(writer, "SELECT count(*) FROM t")
    told: list[tuple[int, int]] = []

    def write(done: int, total: int) -> None:
        told.append((done, total))
        writer.execute("DELETE FROM t WHERE id = (SELECT max(id) FROM t)")
        writer.execute("UPDATE t SET body = 'later' WHERE id < 100")

    report = copy.pages(source, target, progress=write)
    copied = sqlite.connect(target)
    assert sqlite.rows(copied, "SELECT count(*), sum(typeof(body) = 'blob') FROM t") == [(rows, rows)]
    assert sqlite.value(copied, "PRAGMA integrity_check") == "ok"
    assert len(told) > 1
    assert told[-1] == (report.pages, report.pages)
    copied.close()
    writer.close()


def test_a_copy_is_in_wal_mode_and_needs_no_log_beside_it(source: apsw.Connection, target: Path) -> None:
    copy.pages(source, target)
    assert not target.with_name("target.db-wal").exists()
    copied = sqlite.connect(target)
    assert sqlite.value(copied, "PRAGMA journal_mode") == "wal"
    copied.close()


def test_only_its_owner_can_read_a_copy(source: apsw.Connection, target: Path) -> None:
    copy.pages(source, target)
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_progress_raises_ends_the_copy_and_lets_go_of_the_source(
    source: apsw.Connection, target: Path
) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy.pages(source, target, progress=stop)
    assert not source.in_transaction


def test_sync_writes_out_what_others_committed_without_syncing(tmp_path: Path) -> None:
    recorder = Recorder()
    try:
        conn = sqlite.connect(tmp_path / "one.db", mode="rwc")
        conn.execute("PRAGMA journal_mode = WAL").fetchall()
        conn.execute("PRAGMA synchronous = OFF")
        conn.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        assert ("sync", "one.db-wal") not in recorder.calls
        copy.sync(conn)
        assert recorder.calls[-1] == ("sync", "one.db-wal")
        conn.close()
    finally:
        recorder.unregister()
