from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy, DatabaseDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[apsw.Connection]:
    conn = apsw.Connection(str(tmp_path / "file.db"))
    conn.execute("CREATE TABLE t (a)")
    conn.execute("BEGIN")
    conn.execute("SELECT * FROM t").fetchall()
    yield conn
    conn.close()


@pytest.fixture
def wal_file(tmp_path: Path) -> Path:
    path = tmp_path / "file.db"
    with contextlib.closing(sqlite.connect(path, mode="rwc")) as conn:
        sqlite.switch_to_wal(conn)
        conn.execute("CREATE TABLE t (a)")
    return path


def test_a_structure_that_is_damaged_is_found_when_the_file_is_opened(wal_file: Path) -> None:
    with contextlib.closing(sqlite.connect(wal_file)) as conn:
        conn.pragma("writable_schema", 1)
        conn.execute("UPDATE sqlite_schema SET sql = 'CREATE TABEL t (a)'")
    with pytest.raises(DatabaseDamaged, match="is damaged: malformed database schema"):
        sqlite.connect(wal_file)


def test_a_file_that_nobody_has_open_is_held_alone(wal_file: Path) -> None:
    with contextlib.closing(sqlite.connect(wal_file, alone=lambda _: True)):
        assert not Path(f"{wal_file}-shm").exists()
        with contextlib.closing(apsw.Connection(str(wal_file))) as other, pytest.raises(apsw.BusyError):
            other.execute("SELECT * FROM t")
    with contextlib.closing(apsw.Connection(str(wal_file))) as other:
        assert other.execute("SELECT * FROM t").fetchall() == []


@pytest.mark.parametrize("statement", ["SELECT * FROM t", "BEGIN IMMEDIATE"])
def test_a_file_that_another_has_open_is_shared(wal_file: Path, statement: str) -> None:
    with contextlib.closing(apsw.Connection(str(wal_file))) as other:
        other.execute(statement)
        with contextlib.closing(sqlite.connect(wal_file, alone=lambda _: True)) as conn:
            assert conn.execute("SELECT * FROM t").fetchall() == []
            other.execute("INSERT INTO t VALUES (1)")


def test_a_file_with_a_rollback_journal_is_shared(tmp_path: Path, reader: apsw.Connection) -> None:
    reader.execute("ROLLBACK")
    with contextlib.closing(sqlite.connect(tmp_path / "file.db", alone=lambda _: True)) as conn:
        assert conn.execute("SELECT * FROM t").fetchall() == []
        reader.execute("INSERT INTO t VALUES (1)")


def test_the_switch_to_wal_waits_for_readers(tmp_path: Path, reader: apsw.Connection) -> None:
    leaving = threading.Timer(0.1, lambda: reader.execute("ROLLBACK"))
    leaving.start()
    conn = sqlite.connect(tmp_path / "file.db")
    sqlite.switch_to_wal(conn)
    assert sqlite.value(conn, "PRAGMA journal_mode") == "wal"
    leaving.join()
    conn.close()


def test_the_switch_to_wal_gives_up_where_a_reader_stays(tmp_path: Path, reader: apsw.Connection) -> None:
    conn = sqlite.connect(tmp_path / "file.db")
    with pytest.raises(DatabaseBusy, match=r"locked by another process \(waited 0\.1 s\)"):
        sqlite.switch_to_wal(conn, wait=0.1)
    conn.close()


def test_what_was_committed_is_on_the_disk_when_the_block_ends(tmp_path, monkeypatch):
    path, synced = tmp_path / "file.db", []

    def noting(descriptor, fsync=os.fsync):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    with contextlib.closing(sqlite.connect(path, mode="rwc")) as other:
        sqlite.switch_to_wal(other)
        other.execute("CREATE TABLE first (a)")
        with sqlite.synced_at_end(sqlite.connect(path)) as conn:
            conn.execute("CREATE TABLE t (a)")
            assert sqlite.value(conn, "PRAGMA synchronous") == 1
        # Another connection needs the log, which the one that closes last would sync and take away.
        assert synced == ["file.db-wal", tmp_path.name]
    with pytest.raises(ZeroDivisionError), sqlite.synced_at_end(sqlite.connect(path)) as conn:
        raise ZeroDivisionError
    assert synced == ["file.db-wal", tmp_path.name]


def test_the_commit_that_begins_a_log_waits_for_no_disk(wal_file):
    with sqlite.synced_at_end(sqlite.connect(wal_file)) as conn:
        for waited in (0, 1):
            with sqlite.unsynced(conn, wait=1.0):
                assert sqlite.value(conn, "PRAGMA synchronous") == waited
                conn.execute("INSERT INTO t VALUES (1)")
                conn.execute("COMMIT")
        assert sqlite.value(conn, "PRAGMA synchronous") == 1


def test_nor_does_it_check_out_pages_whose_log_is_not_on_the_disk(wal_file):
    before = wal_file.read_bytes()
    with sqlite.synced_at_end(sqlite.connect(wal_file)) as conn:
        with sqlite.unsynced(conn, wait=1.0):
            conn.execute("INSERT INTO t VALUES (zeroblob(10000000))")
            conn.execute("COMMIT")
        assert wal_file.read_bytes() == before
        conn.execute("INSERT INTO t VALUES (1)")
        assert wal_file.stat().st_size > 10_000_000


def test_who_waits_for_the_lock_sees_that_the_log_was_begun_meanwhile(wal_file):
    with (
        contextlib.closing(sqlite.connect(wal_file)) as other,
        sqlite.synced_at_end(sqlite.connect(wal_file)) as conn,
    ):
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (1)")
        release = threading.Timer(0.1, other.execute, ["COMMIT"])
        release.start()
        with sqlite.unsynced(conn, wait=5.0):
            assert sqlite.value(conn, "PRAGMA synchronous") == 1
            assert sqlite.value(conn, "SELECT count(*) FROM t") == 1
            conn.execute("ROLLBACK")
        release.join()


@pytest.mark.parametrize("stray", ["", "-wal"])
def test_a_file_with_a_rollback_journal_syncs_each_commit(tmp_path, stray):
    path = tmp_path / "file.db"
    with contextlib.closing(sqlite.connect(path, mode="rwc")) as conn:
        conn.execute("CREATE TABLE first (a)")
    (tmp_path / f"file.db{stray}").touch()
    with (
        sqlite.synced_at_end(sqlite.connect(path, mode="rwc")) as conn,
        sqlite.unsynced(conn, wait=1.0),
    ):
        conn.execute("CREATE TABLE t (a)")
        assert sqlite.value(conn, "PRAGMA synchronous") == 2
        conn.execute("COMMIT")


@pytest.mark.parametrize("begun", [sqlite.immediate, sqlite.snapshot])
def test_a_transaction_knows_what_others_made_before_it(tmp_path, begun):
    with contextlib.closing(sqlite.connect(tmp_path / "file.db", mode="rwc")) as conn:
        sqlite.switch_to_wal(conn)
        with contextlib.closing(sqlite.connect(tmp_path / "file.db")) as other:
            other.execute("CREATE TABLE t (a)")
        with begun(conn):
            assert conn.table_exists("main", "t")


@pytest.mark.parametrize("mode", ["ro", "rw", "rwc"])
def test_a_folder_is_called_a_folder(tmp_path, mode):
    with pytest.raises(IsADirectoryError, match="this is a folder, not a database"):
        sqlite.connect(tmp_path, mode=mode)
