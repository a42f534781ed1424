from __future__ import annotations

import apsw
import pytest

from migrations_engine import sqlite
from tenantdb import control, fence
from tenantdb.errors import LeaseLost, TenantBusy, TenantDamaged
from tenantdb.model import FileState

FTS = ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "CREATE VIRTUAL TABLE docs USING fts5(body)")
RETIRED = "UPDATE _tenantdb_control SET state = 'retired'"

WRITES = (
    "INSERT INTO t VALUES (9, 'x')",
    "INSERT OR IGNORE INTO t VALUES (9, 'x')",
    "INSERT OR REPLACE INTO t VALUES (1, 'x')",
    "REPLACE INTO t VALUES (1, 'x')",
    "INSERT INTO t VALUES (1, 'x') ON CONFLICT DO UPDATE SET v = 'y'",
    "UPDATE t SET v = 'x'",
    "UPDATE OR IGNORE t SET v = 'x'",
    "UPDATE t SET id = id + 10",
    "DELETE FROM t",
    "DELETE FROM t WHERE id = 1",
)


@pytest.fixture
def reopened():
    """Opens a file with the engine's connection, closed at the end."""
    opened = []

    def open_it(path):
        opened.append(sqlite.connect(path))
        return opened[-1]

    yield open_it
    for conn in opened:
        conn.close()


@pytest.fixture
def conn(make_file, reopened):
    return reopened(make_file("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", "INSERT INTO t VALUES (1, 'a')"))


def guards(conn):
    return sqlite.rows(
        conn,
        "SELECT tbl_name, name, sql FROM sqlite_schema WHERE name LIKE '\\_tenantdb\\_guard%' ESCAPE '\\'",
    )


@pytest.mark.parametrize("write", WRITES)
def test_an_open_file_takes_every_write_and_a_retired_one_none(conn, write):
    with sqlite.immediate(conn):
        conn.execute(write)
        conn.execute("DELETE FROM t")
        conn.execute("INSERT INTO t VALUES (1, 'a')")
    conn.execute(RETIRED)
    with pytest.raises(apsw.ConstraintError, match="not open for writing"):
        conn.execute(write)
    assert sqlite.rows(conn, "SELECT * FROM t") == [(1, "a")]


@pytest.mark.parametrize("gone", ["DELETE FROM _tenantdb_control", "DROP TABLE _tenantdb_control"])
def test_a_file_that_lost_its_control_row_takes_no_write(conn, gone):
    conn.execute(gone)
    with pytest.raises(apsw.Error):
        conn.execute("INSERT INTO t VALUES (2, 'b')")


def test_a_cascade_into_a_guarded_table_is_refused(make_file, reopened):
    conn = reopened(
        make_file(
            "CREATE TABLE p(id INTEGER PRIMARY KEY)",
            "CREATE TABLE c(p REFERENCES p ON DELETE CASCADE)",
            "INSERT INTO p VALUES (1)",
            "INSERT INTO c VALUES (1)",
        )
    )
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute(f"DROP TRIGGER {fence.GUARD_PREFIX}d_p")
    conn.execute(RETIRED)
    with pytest.raises(apsw.ConstraintError, match="not open for writing"):
        conn.execute("DELETE FROM p")


def test_guards_stand_on_ordinary_tables_and_the_two_of_fts5(make_file, reopened):
    conn = reopened(
        make_file(
            *FTS,
            "CREATE VIRTUAL TABLE places USING rtree(id, x0, x1)",
            "CREATE VIRTUAL TABLE old USING fts4(body)",
            "CREATE TABLE plain_content(x)",
            "CREATE TABLE w(k TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE VIEW v AS SELECT 1",
            "CREATE TABLE _schema_versions(x)",
        )
    )
    expected = ("docs_content", "docs_docsize", "plain_content", "t", "w")
    assert fence.guarded_tables(conn) == expected
    assert {table for table, _, _ in guards(conn)} == set(expected)
    assert len(guards(conn)) == 3 * len(expected)


def test_an_fts5_table_of_a_file_that_is_not_open_takes_no_write(make_file, reopened):
    conn = reopened(make_file(*FTS))
    conn.execute("INSERT INTO docs VALUES ('hello world')")
    conn.execute(RETIRED)
    with pytest.raises(apsw.Error):
        conn.execute("INSERT INTO docs VALUES ('again')")
    assert sqlite.rows(conn, "SELECT * FROM docs WHERE docs MATCH 'hello'") == [("hello world",)]


def test_installing_twice_changes_nothing(conn):
    before = sqlite.rows(conn, "SELECT name, sql FROM sqlite_schema ORDER BY name")
    version = conn.pragma("schema_version")
    fence.install_guards(conn)
    assert sqlite.rows(conn, "SELECT name, sql FROM sqlite_schema ORDER BY name") == before
    assert conn.pragma("schema_version") == version


@pytest.mark.parametrize(
    "change",
    [
        ("CREATE TABLE n(x)", ("n",)),
        ("CREATE VIRTUAL TABLE n USING fts5(x)", ("n_content", "n_docsize")),
        ("ALTER TABLE t RENAME TO n", ("n",)),
        ("DROP TRIGGER _tenantdb_guard_u_t", ("t",)),
    ],
)
def test_missing_guards_are_found_and_made_again(conn, change):
    sql, missing = change
    conn.execute(sql)
    assert fence.guards_missing(conn) == missing
    fence.install_guards(conn)
    assert fence.guards_missing(conn) == ()


def test_a_trigger_that_only_has_the_name_of_a_guard_counts_as_missing(conn):
    conn.execute("DROP TRIGGER _tenantdb_guard_i_t")
    conn.execute("CREATE TRIGGER _tenantdb_guard_i_t BEFORE INSERT ON t BEGIN SELECT 1; END")
    assert fence.guards_missing(conn) == ("t",)
    fence.install_guards(conn)
    conn.execute(RETIRED)
    with pytest.raises(apsw.ConstraintError):
        conn.execute("INSERT INTO t VALUES (2, 'b')")


def test_tables_that_swapped_names_are_guarded_both(make_file, reopened):
    conn = reopened(make_file("CREATE TABLE a(x)", "CREATE TABLE b(x)"))
    for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
        conn.execute(f"ALTER TABLE {old} RENAME TO {new}")
    fence.install_guards(conn)
    assert fence.guards_missing(conn) == ()
    assert len(guards(conn)) == 6


@pytest.mark.parametrize("name", ['we"ird', "it's", "per%cent", "é", "[brackets]", "select"])
def test_any_table_name_can_be_guarded(make_file, reopened, name):
    quoted = name.replace('"', '""')
    conn = reopened(make_file(f'CREATE TABLE "{quoted}"(x)'))
    assert fence.guards_missing(conn) == ()
    conn.execute(RETIRED)
    with pytest.raises(apsw.ConstraintError):
        conn.execute(f'INSERT INTO "{quoted}" VALUES (1)')


def test_owned_gives_the_row_and_commits(conn):
    with fence.owned(conn, operation="op1", token=1) as row:
        assert (row.tenant, row.token) == ("acme", 1)
        conn.execute("INSERT INTO t VALUES (2, 'b')")
    assert not conn.in_transaction
    assert sqlite.value(conn, "SELECT count(*) FROM t") == 2


@pytest.mark.parametrize(("operation", "token"), [("op1", 2), ("op1", 0), ("op2", 1)])
def test_owned_refuses_who_is_not_in_the_control_row(conn, operation, token):
    with pytest.raises(LeaseLost), fence.owned(conn, operation=operation, token=token):
        pytest.fail("got in")
    assert not conn.in_transaction


def test_owned_waits_no_longer_than_it_may(conn, reopened):
    other = reopened(conn.filename)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TenantBusy) as caught, fence.owned(conn, operation="op1", token=1, wait=0.01):
        pytest.fail("got in")
    assert caught.value.tenant == "acme"


def test_owned_durable_commits_at_full(conn):
    conn.execute("PRAGMA synchronous = NORMAL")
    with fence.owned(conn, operation="op1", token=1, durable=True):
        assert conn.pragma("synchronous") == 2


def test_admitted_writes_a_born_file_that_nobody_else_ever_sees_open(make_file, reopened):
    path = make_file(state=FileState.BORN)
    conn, other = reopened(path), reopened(path)
    with fence.admitted(conn, operation="op1", token=1):
        conn.execute("INSERT INTO t VALUES (1, 'a')")
        assert control.read(other).state is FileState.BORN
    assert control.read(other).state is FileState.BORN
    assert sqlite.rows(other, "SELECT * FROM t") == [(1, "a")]


def test_admitted_leaves_nothing_of_a_block_that_failed(make_file, reopened):
    conn = reopened(make_file(state=FileState.BORN))
    with pytest.raises(apsw.SQLError), fence.admitted(conn, operation="op1", token=1):
        conn.execute("INSERT INTO t VALUES (1, 'a'); SELECT * FROM nowhere")
    assert control.read(conn).state is FileState.BORN
    assert sqlite.rows(conn, "SELECT * FROM t") == []


@pytest.mark.parametrize("state", [FileState.OPEN, FileState.RETIRED])
def test_admitted_refuses_a_file_that_is_not_born(make_file, reopened, state):
    conn = reopened(make_file(state=state))
    with pytest.raises(LeaseLost), fence.admitted(conn, operation="op1", token=1):
        pytest.fail("got in")
    assert control.read(conn).state is state


def test_a_claim_shuts_out_the_holder_of_the_older_token(conn):
    before = fence.claim(conn, operation="op2", token=5)
    assert (before.operation, before.token) == ("op1", 1)
    with pytest.raises(LeaseLost), fence.owned(conn, operation="op1", token=1):
        pytest.fail("got in")
    with fence.owned(conn, operation="op2", token=5):
        pass


def test_a_claim_may_be_repeated(conn):
    fence.claim(conn, operation="op2", token=5)
    fence.claim(conn, operation="op2", token=5)
    assert control.read(conn).token == 5


@pytest.mark.parametrize(("operation", "token"), [("op3", 5), ("op3", 4), ("op2", 4)])
def test_a_claim_with_an_older_token_is_refused(conn, operation, token):
    fence.claim(conn, operation="op2", token=5)
    with pytest.raises(LeaseLost):
        fence.claim(conn, operation=operation, token=token)
    assert (control.read(conn).operation, control.read(conn).token) == ("op2", 5)


def test_a_file_without_control_row_cannot_be_claimed(conn):
    conn.execute("DELETE FROM _tenantdb_control")
    with pytest.raises(TenantDamaged):
        fence.claim(conn, operation="op2", token=5)


def test_retire_stops_every_write(conn):
    with fence.owned(conn, operation="op1", token=1, durable=True):
        fence.retire(conn)
    with pytest.raises(apsw.ConstraintError):
        conn.execute("INSERT INTO t VALUES (2, 'b')")


def test_a_fence_that_would_not_survive_power_loss_is_refused(conn):
    conn.execute("PRAGMA synchronous = NORMAL")
    with pytest.raises(RuntimeError), fence.owned(conn, operation="op1", token=1):
        fence.retire(conn)
    assert control.read(conn).state is FileState.OPEN


@pytest.mark.parametrize("state", [FileState.BORN, FileState.RETIRED])
def test_only_an_open_file_can_be_retired(make_file, reopened, state):
    conn = reopened(make_file(state=state))
    with pytest.raises(TenantDamaged), fence.owned(conn, operation="op1", token=1, durable=True):
        fence.retire(conn)


def test_a_born_file_is_opened_once_and_only_at_its_epoch(make_file, reopened):
    conn = reopened(make_file(state=FileState.BORN, epoch=4))
    assert not fence.open_generation(conn, epoch=3)
    assert control.read(conn).state is FileState.BORN
    assert fence.open_generation(conn, epoch=4)
    assert not fence.open_generation(conn, epoch=4)
    assert control.read(conn).state is FileState.OPEN


def test_a_retired_file_is_never_opened_by_a_route(make_file, reopened):
    conn = reopened(make_file(state=FileState.RETIRED, epoch=4))
    assert not fence.open_generation(conn, epoch=4)
    assert control.read(conn).state is FileState.RETIRED


def test_recovery_reopens_a_retired_file_by_token_alone(make_file, reopened):
    conn = reopened(make_file(state=FileState.RETIRED))
    with pytest.raises(LeaseLost):
        fence.reopen(conn, operation="op1", token=2)
    fence.reopen(conn, operation="op1", token=1)
    assert control.read(conn).state is FileState.OPEN
