"""Processes that never heard of a move, or of us at all, against the file that the tenant has left."""

from __future__ import annotations

import pytest

from migrations_engine import sqlite
from tenantdb import seal

WRITES = (
    "INSERT INTO Users(email) VALUES ('stale')",
    "INSERT OR REPLACE INTO Users VALUES (1, 'stale', '')",
    "UPDATE Users SET email = 'stale'",
    "DELETE FROM Users",
)
BREAKOUTS = (
    "UPDATE _tenantdb_control SET state = 'open'",
    "DROP TRIGGER _tenantdb_guard_i_Users",
    "CREATE TABLE elsewhere(x)",
    "ALTER TABLE Users RENAME TO mine",
    "PRAGMA journal_mode = delete",
    "PRAGMA user_version = 5",
    "VACUUM",
)


@pytest.fixture
def moved(fleet, outsider):
    """A tenant that has moved, and a shell that has had its old file open since before."""
    fleet.create("acme")
    shell = outsider(fleet.route("acme").path)
    assert "rows" in shell.run("UPDATE Users SET role = 'b'")
    move = fleet.move("acme")
    move.whole()
    return move, shell


def rows_in(path):
    conn = sqlite.connect(path)
    try:
        return sqlite.rows(conn, "SELECT * FROM Users")
    finally:
        conn.close()


def test_a_shell_that_had_the_file_open_is_refused_before_and_after_the_seal(moved):
    move, shell = moved
    for sql in WRITES:
        assert "not open for writing" in shell.run(sql)["error"]
    assert seal.seal(move.old.path, operation="move", token=move.token)
    for sql in WRITES + BREAKOUTS:
        assert "readonly" in shell.run(sql)["error"]
    assert shell.run("SELECT email, role FROM Users")["rows"] == [["ann@x.org", "b"]]
    assert rows_in(move.path) == [(1, "ann@x.org", "b")]


def test_a_shell_that_comes_later_is_refused(moved, outsider):
    move, _ = moved
    late = outsider(move.old.path)
    for sql in WRITES:
        assert "not open for writing" in late.run(sql)["error"]
    assert seal.seal(move.old.path, operation="move", token=move.token)
    sealed = outsider(move.old.path)
    for sql in WRITES:
        assert "readonly" in sealed.run(sql)["error"]


def test_what_a_shell_committed_before_the_fence_is_in_the_new_file(fleet, outsider):
    fleet.create("acme")
    shell = outsider(fleet.route("acme").path)
    move = fleet.move("acme")
    shell.run("BEGIN IMMEDIATE")
    shell.run("INSERT INTO Users(email) VALUES ('in time')")
    shell.run("COMMIT")
    move.whole()
    assert [email for _, email, _ in rows_in(move.path)] == ["ann@x.org", "in time"]


def test_a_born_target_refuses_everybody_before_the_switch(fleet, outsider):
    fleet.create("acme")
    move = fleet.move("acme")
    move.retire_and_copy()
    shell = outsider(move.path)
    for sql in WRITES:
        assert "not open for writing" in shell.run(sql)["error"]
    move.flip()
    move.open()
    assert "rows" in shell.run(WRITES[0])


STALE = """
import sys
from tenantdb import TenantDBError, get_tenant_db, routing
db = get_tenant_db("acme")
db.execute("UPDATE Users SET role = 'c'")
router = routing._Process.router
known = router.routes.current("acme")
router.routes.current = lambda tenant: known     # a process that believes what it knew, whatever is marked
print("ready")
sys.stdin.readline()
print(db.execute("INSERT INTO Users(email) VALUES ('late')"))
print(db.query("SELECT count(*) FROM Users")[0][0])
"""


def test_a_process_with_a_stale_route_finds_the_new_file_by_the_old_one(fleet, child):
    fleet.create("acme")
    stale = child(STALE)
    assert stale.line() == "ready"
    move = fleet.move("acme")
    move.whole()
    stale.say()
    assert stale.end().split() == ["1", "2"]
    assert [email for _, email, _ in rows_in(move.path)] == ["ann@x.org", "late"]
    assert len(rows_in(move.old.path)) == 1
