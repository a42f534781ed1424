"""Transactions, locks, threads, and the connection's end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import apsw
import pytest

from tenantdb.dialect import dbapi
from tenantdb.dialect.errors import ConnectionClosed, translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.db"


@pytest.fixture
def conn(path: Path) -> Iterator[dbapi.Connection]:
    connection = dbapi.connect(path, timeout=0.05)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, b TEXT)")
    yield connection
    connection.close()


def count(connection: dbapi.Connection, table: str = "t") -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    found: int = row[0]
    return found


def test_a_change_begins_a_transaction_that_can_be_rolled_back(conn: dbapi.Connection) -> None:
    conn.execute("INSERT INTO t(b) VALUES ('x')")
    assert conn.in_transaction
    conn.rollback()
    assert count(conn) == 0


def test_a_query_and_a_pragma_begin_none(conn: dbapi.Connection) -> None:
    conn.execute("SELECT * FROM t").fetchall()
    conn.execute("PRAGMA foreign_keys = ON")
    assert not conn.in_transaction
    assert conn.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_ddl_is_part_of_the_transaction(conn: dbapi.Connection) -> None:
    conn.begin()
    conn.execute("INSERT INTO t(b) VALUES ('x')")
    conn.execute("CREATE TABLE u(x)")
    conn.execute("ALTER TABLE t ADD COLUMN c")
    conn.rollback()
    assert count(conn) == 0
    with pytest.raises(dbapi.OperationalError, match="no such table"):
        count(conn, "u")


def test_commit_and_rollback_without_a_transaction_do_nothing(conn: dbapi.Connection) -> None:
    conn.commit()
    conn.rollback()
    assert not conn.in_transaction


def test_in_autocommit_each_statement_commits_itself(conn: dbapi.Connection) -> None:
    conn.autocommit = True
    conn.begin()
    conn.execute("INSERT INTO t(b) VALUES ('x')")
    conn.rollback()
    assert count(conn) == 1


def test_begin_joins_the_applications_own(conn: dbapi.Connection) -> None:
    conn.execute("BEGIN")
    conn.execute("INSERT INTO t(b) VALUES ('x')")
    conn.begin()
    conn.commit()
    assert not conn.in_transaction
    assert count(conn) == 1


def test_savepoints_undo_what_came_after_them(conn: dbapi.Connection) -> None:
    conn.begin()
    conn.execute("INSERT INTO t(b) VALUES ('kept')")
    conn.execute("SAVEPOINT s")
    conn.execute("INSERT INTO t(b) VALUES ('undone')")
    conn.execute("ROLLBACK TO s")
    conn.execute("RELEASE s")
    conn.commit()
    assert conn.execute("SELECT b FROM t").fetchall() == [("kept",)]


def test_an_immediate_begin_takes_the_lock_at_once(conn: dbapi.Connection, path: Path) -> None:
    other = dbapi.connect(path, timeout=0, begin="immediate")
    other.begin()
    conn.begin_mode = "immediate"
    with pytest.raises(dbapi.OperationalError, match="locked") as caught:
        conn.begin()
    assert caught.value.sqlite_errorname == "SQLITE_BUSY"
    other.close()


def test_a_deferred_begin_takes_no_lock(conn: dbapi.Connection, path: Path) -> None:
    other = dbapi.connect(path, timeout=0)
    other.begin()
    conn.begin_mode = "immediate"
    conn.begin()
    assert conn.in_transaction
    other.close()


def test_a_writer_waits_for_the_lock(conn: dbapi.Connection, path: Path) -> None:
    waiting = dbapi.connect(path, timeout=30, begin="immediate")
    conn.begin_mode = "immediate"
    conn.begin()
    thread = threading.Thread(target=waiting.begin)
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    conn.rollback()
    thread.join(30)
    assert waiting.in_transaction
    waiting.close()


def lose(connection: dbapi.Connection) -> None:
    """Begin, write, and let SQLite roll all of it back."""
    connection.begin()
    connection.execute("INSERT INTO t(id, b) VALUES (1, 'first')")
    with pytest.raises(dbapi.IntegrityError):
        connection.execute("INSERT OR ROLLBACK INTO t(id, b) VALUES (1, 'again')")


def test_a_transaction_that_sqlite_rolled_back_is_not_continued(conn: dbapi.Connection) -> None:
    lose(conn)
    with pytest.raises(dbapi.OperationalError, match="rolled this transaction back"):
        conn.execute("INSERT INTO t(b) VALUES ('second half')")
    conn.rollback()
    assert count(conn) == 0


def test_a_transaction_that_sqlite_rolled_back_is_not_committed(conn: dbapi.Connection) -> None:
    lose(conn)
    with pytest.raises(dbapi.OperationalError, match="rolled this transaction back"):
        conn.commit()
    conn.rollback()
    conn.commit()


def test_a_transaction_that_the_application_ended_itself_is_not_lost(conn: dbapi.Connection) -> None:
    conn.begin()
    conn.execute("INSERT INTO t(b) VALUES ('x')")
    conn.execute("COMMIT")
    conn.commit()
    assert count(conn) == 1


def test_a_closed_connection_refuses(conn: dbapi.Connection) -> None:
    conn.close()
    assert not conn.is_open
    for use in (conn.cursor, conn.begin, conn.commit, conn.rollback):
        with pytest.raises(ConnectionClosed):
            use()
    conn.close()


def test_a_cursor_of_a_closed_connection_refuses(conn: dbapi.Connection) -> None:
    cursor = conn.cursor()
    conn.close()
    with pytest.raises(dbapi.ProgrammingError):
        cursor.execute("SELECT 1")
    cursor.close()


def test_closing_rolls_back(conn: dbapi.Connection, path: Path) -> None:
    conn.execute("INSERT INTO t(b) VALUES ('x')")
    conn.close()
    assert count(dbapi.connect(path)) == 0


def test_a_connection_may_change_its_thread(conn: dbapi.Connection) -> None:
    def write() -> None:
        conn.execute("INSERT INTO t(b) VALUES ('x')")
        conn.commit()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert count(conn) == 1


def test_a_second_thread_at_the_same_time_is_refused(conn: dbapi.Connection) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        leave.wait(30)

    conn.create_function("hold", 0, hold)
    thread = threading.Thread(target=lambda: conn.execute("SELECT hold()"))
    thread.start()
    entered.wait(30)
    try:
        with pytest.raises(dbapi.ProgrammingError, match="thread"):
            conn.execute("SELECT 1")
    finally:
        leave.set()
        thread.join()


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_file_is_created_only_where_the_mode_says_so(path: Path, mode: dbapi.Mode) -> None:
    with pytest.raises(dbapi.OperationalError):
        dbapi.connect(path, mode=mode)
    assert not path.exists()


def test_a_read_only_connection_refuses_changes(conn: dbapi.Connection, path: Path) -> None:
    reader = dbapi.connect(path, mode="ro")
    with pytest.raises(dbapi.OperationalError, match="readonly"):
        reader.execute("INSERT INTO t(b) VALUES ('x')")
    reader.close()


def test_an_uri_has_its_own_mode(conn: dbapi.Connection, path: Path) -> None:
    reader = dbapi.connect(f"file:{path}?mode=ro")
    with pytest.raises(dbapi.OperationalError, match="readonly"):
        reader.execute("DELETE FROM t")
    reader.close()


class Steps:
    """A keeper that notes what it is asked to do."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def begin(self, mode: str) -> None:
        self.seen.append(f"begin {mode}")

    def commit(self) -> None:
        self.seen.append("commit")

    def rollback(self) -> None:
        self.seen.append("rollback")

    def explain(self, error: Exception) -> Exception:
        self.seen.append(f"explain {type(error).__name__}")
        return LookupError("the keeper's word") if isinstance(error, apsw.SQLError) else translated(error)


def test_a_lent_connection_leaves_transactions_errors_and_closing_to_its_keeper() -> None:
    raw, keeper = apsw.Connection(":memory:"), Steps()
    lent = dbapi.Connection(raw, keeper=keeper, begin_mode="immediate")
    raw.execute("BEGIN")
    lent.begin()
    lent.commit()
    lent.rollback()
    with pytest.raises(LookupError, match="the keeper's word"):
        lent.execute("SELECT * FROM nothing")
    lent.close()
    assert keeper.seen == ["begin immediate", "commit", "rollback", "explain SQLError"]
    assert raw.in_transaction
    raw.close()
