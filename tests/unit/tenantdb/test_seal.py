from __future__ import annotations

import shutil

import pytest

from migrations_engine import sqlite
from tenantdb import control, fence, seal
from tenantdb.errors import LeaseLost
from tenantdb.model import FileState

WRITES = ("INSERT INTO t VALUES (2, 'b')", "DELETE FROM t", "UPDATE t SET v = 'x'")
BYPASSES = (
    "CREATE TABLE n(x)",
    "DROP TRIGGER _tenantdb_guard_i_t",
    "UPDATE _tenantdb_control SET state = 'open'",
    "PRAGMA user_version = 9",
    "VACUUM",
)


@pytest.fixture
def retired(make_file):
    return make_file(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES (1, 'a')", state=FileState.RETIRED
    )


def test_a_process_that_had_the_file_open_is_refused_before_and_after_the_seal(retired, outsider):
    stale = outsider(retired)
    for sql in WRITES:
        assert "not open for writing" in stale.run(sql)["error"]
    assert seal.seal(retired, operation="op1", token=1)
    for sql in WRITES + BYPASSES:
        assert "readonly" in stale.run(sql)["error"]
    assert stale.run("SELECT * FROM t")["rows"] == [[1, "a"]]


def test_a_process_that_comes_later_is_refused_and_can_read(retired, outsider):
    assert seal.seal(retired, operation="op1", token=1)
    late = outsider(retired)
    for sql in WRITES + BYPASSES:
        assert "readonly" in late.run(sql)["error"]
    assert late.run("SELECT * FROM t")["rows"] == [[1, "a"]]


def test_before_the_seal_ddl_still_gets_through_which_is_why_there_is_one(retired, outsider):
    assert "rows" in outsider(retired).run("CREATE TABLE n(x)")


def test_the_file_alone_without_its_log_is_retired_and_sealed(retired, outsider, tmp_path):
    stale = outsider(retired)
    assert seal.seal(retired, operation="op1", token=1)
    copy = tmp_path / "copy.db"
    shutil.copyfile(retired, copy)
    conn = sqlite.connect(copy)
    assert control.read(conn).state is FileState.RETIRED
    conn.close()
    assert seal.is_sealed(copy)
    stale.run("SELECT 1")


def test_sealing_again_keeps_the_seal_and_the_control_row(retired):
    conn = sqlite.connect(retired)
    before = control.read(conn)
    for _ in range(2):
        assert seal.seal(retired, operation="op1", token=1)
        assert seal.is_sealed(retired)
    assert control.read(conn) == before
    conn.close()


def test_a_seal_that_crashed_before_its_commit_is_made_whole(retired, outsider):
    stale = outsider(retired)
    seal._set_write_version(retired, old=seal.WAL_VERSION, new=seal.SEALED_VERSION)
    assert "rows" in stale.run("CREATE TABLE n(x)")  # it has page 1 in its cache
    assert seal.seal(retired, operation="op1", token=1)
    assert "readonly" in stale.run("CREATE TABLE m(x)")["error"]


def test_a_reader_with_an_old_snapshot_delays_the_seal(retired, outsider):
    stale = outsider(retired)
    stale.run("BEGIN")
    stale.run("SELECT * FROM t")
    conn = sqlite.connect(retired)
    conn.execute("UPDATE _tenantdb_control SET schema_hash = 'x'")
    assert not seal.seal(retired, operation="op1", token=1, wait=0.0)
    assert not seal.is_sealed(retired)
    stale.run("ROLLBACK")
    assert seal.seal(retired, operation="op1", token=1)
    conn.close()


@pytest.mark.parametrize("state", [FileState.BORN, FileState.OPEN])
def test_only_a_retired_file_is_sealed(make_file, state):
    path = make_file(state=state)
    with pytest.raises(LeaseLost):
        seal.seal(path, operation="op1", token=1)
    assert not seal.is_sealed(path)


def test_who_is_not_in_the_control_row_seals_nothing(retired):
    with pytest.raises(LeaseLost):
        seal.seal(retired, operation="op1", token=2)
    assert not seal.is_sealed(retired)


def test_unsealed_and_reopened_it_takes_writes_again_from_who_had_it_open(retired, outsider):
    stale = outsider(retired)
    assert seal.seal(retired, operation="op1", token=1)
    seal.unseal(retired)
    conn = sqlite.connect(retired)
    fence.reopen(conn, operation="op1", token=1)
    conn.close()
    assert "rows" in stale.run("INSERT INTO t VALUES (2, 'b')")
    assert stale.run("SELECT count(*) FROM t")["rows"] == [[2]]


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"x" * 4096)
    with pytest.raises(Exception, match="exit status"):
        seal.unseal(path)
    assert path.read_bytes() == b"x" * 4096


def test_a_worker_that_was_overtaken_does_not_open_what_its_successor_sealed(retired):
    assert seal.seal(retired, operation="op1", token=1)
    with pytest.raises(LeaseLost):
        seal.seal(retired, operation="op0", token=0)
    assert seal.is_sealed(retired)
