"""A copy takes no writes before it was made its own, whoever tries and whenever its maker dies."""

import apsw
import pytest

from migrations_engine.online import copy


@pytest.fixture
def source(tmp_path):
    conn = apsw.Connection(str(tmp_path / "source.db"))
    conn.execute("PRAGMA journal_mode = WAL").fetchall()
    conn.execute("CREATE TABLE t(a); INSERT INTO t VALUES ('theirs')")
    yield conn
    conn.close()


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target.db"
    path.touch()
    return path


def write_version(path):
    return path.read_bytes()[18]


def make_own(conn):
    conn.execute("UPDATE t SET a = 'ours'")


class Died(Exception):
    pass


def test_what_lies_on_disk_before_it_is_owned_is_read_only(source, target):
    seen = []
    copy.pages(source, target, own=lambda _: seen.append(write_version(target)))
    assert seen == [3]


def test_a_copy_whose_maker_died_before_it_was_owned_takes_no_writes(source, target):
    def die(_):
        raise Died

    with pytest.raises(Died):
        copy.pages(source, target, own=die)
    with pytest.raises(apsw.ReadOnlyError):
        apsw.Connection(str(target)).execute("UPDATE t SET a = 'second home'")


def test_a_finished_copy_is_its_own_and_takes_writes(source, target):
    copy.pages(source, target, own=make_own)
    conn = apsw.Connection(str(target))
    assert conn.execute("SELECT a FROM t").fetchall() == [("ours",)]
    conn.execute("UPDATE t SET a = 'written'")
    assert conn.pragma("journal_mode") == "wal"


def test_a_file_that_nobody_may_write_to_gives_a_copy_that_can_be(source, target, tmp_path):
    source.close()
    with (tmp_path / "source.db").open("r+b") as file:
        file.seek(18)
        file.write(b"\x03")
    sealed = apsw.Connection(str(tmp_path / "source.db"))
    copy.pages(sealed, target, own=make_own)
    conn = apsw.Connection(str(target))
    conn.execute("UPDATE t SET a = 'written'")
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
