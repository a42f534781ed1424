from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[apsw.Connection]:
    conn = apsw.Connection(str(tmp_path / "file.db"))
    conn.execute("CREATE TABLE t (a)")
    conn.execute("BEGIN")
    conn.execute("SELECT * FROM t").fetchall()
    yield conn
    conn.close()


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
