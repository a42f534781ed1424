"""Several processes on one tenant: what was acknowledged is there, whoever is killed."""

from __future__ import annotations

import json

import pytest

from migrations_engine import sqlite
from tenantdb import get_tenant_db

WRITER = """
import sys
from tenantdb import get_tenant_db
name, = sys.argv[1:]
number = 0
while True:
    db = get_tenant_db("acme")
    mine = (f"{name}-{number}",)
    db.execute("INSERT INTO Users(email) VALUES (?)", mine)
    print(mine[0])
    assert db.query("SELECT email FROM Users WHERE email = ?", mine) == [mine]
    number += 1
"""


@pytest.fixture
def acme(fleet):
    fleet.create("acme", "CREATE TABLE Users(id INTEGER PRIMARY KEY, email TEXT UNIQUE)")
    return fleet


def emails(fleet):
    conn = sqlite.connect(fleet.route("acme").path)
    try:
        assert sqlite.value(conn, "PRAGMA integrity_check") == "ok"
        return {email for (email,) in sqlite.rows(conn, "SELECT email FROM Users")}
    finally:
        conn.close()


def acknowledged_until_killed(writer):
    writer.process.kill()
    # Not communicate(): it reads past what earlier lines have left in the stream's buffer, and tears one.
    with writer.process as process:
        out, err = process.stdout.read(), process.stderr.read()
    assert err == ""
    return set(out.split("\n")[:-1])  # what follows the last end of line was not said whole


def test_nothing_that_was_acknowledged_is_lost_when_writers_are_killed(acme, child):
    writers = [child(WRITER, f"w{number}") for number in range(3)]
    first = {writer.line() for writer in writers}
    doomed = writers[0]
    for _ in range(20):
        first.add(doomed.line())
    said = acknowledged_until_killed(doomed)
    for _ in range(20):
        first.add(writers[1].line())
    for writer in writers[1:]:
        said |= acknowledged_until_killed(writer)
    assert first | said <= emails(acme)
    assert get_tenant_db("acme").execute("INSERT INTO Users(email) VALUES ('after')") == 1


def test_writers_see_no_error_while_their_tenant_moves_again_and_again(acme, child):
    writers = [child(WRITER, f"w{number}") for number in range(2)]
    said = {writer.line() for writer in writers}
    for _ in range(5):
        acme.move("acme").whole()
        said |= {writer.line() for writer in writers}
    for writer in writers:
        said |= acknowledged_until_killed(writer)
    assert said <= emails(acme)


READER = """
import json, sys
from tenantdb import get_tenant_db
seen = []
print("ready")
for line in sys.stdin:
    seen.append(get_tenant_db("acme").query("SELECT count(*) FROM Users")[0][0])
    print(seen[-1])
"""


def test_a_reader_in_another_process_sees_each_commit_through_every_step_of_a_move(acme, child):
    reader = child(READER)
    reader.line()
    db = get_tenant_db("acme")

    def seen():
        reader.say()
        return int(reader.line())

    for number in range(3):
        db.execute("INSERT INTO Users(email) VALUES (?)", (str(number),))
        assert seen() == number + 1
    move = acme.move("acme")
    for step in (move.retire_and_copy, move.flip, move.mark, move.open, move.release):
        step()
        assert seen() == 3
    db.execute("INSERT INTO Users(email) VALUES ('new')")
    assert seen() == 4


HALF = """
import sys
from sqlalchemy import text
from tenantdb import get_tenant_db
with get_tenant_db("acme").write() as conn:
    conn.execute(text("INSERT INTO Users(email) VALUES ('half')"))
    print("inside")
    sys.stdin.readline()
"""


def test_a_process_killed_inside_a_write_leaves_nothing_and_blocks_nobody(acme, child):
    doomed = child(HALF)
    assert doomed.line() == "inside"
    doomed.kill()
    db = get_tenant_db("acme")
    assert db.query("SELECT count(*) FROM Users") == [(0,)]
    assert db.execute("INSERT INTO Users(email) VALUES ('whole')") == 1
    assert emails(acme) == {"whole"}


TINY = """
import json, sys, threading
from tenantdb import get_tenant_db, routing
get_tenant_db("t0")
files = routing._Process.router.files
files._max_connections = 4
failed, most = [], 0

def work(seed):
    global most
    try:
        for step in range(40):
            tenant = f"t{(step * 7 + seed) % 9}"
            get_tenant_db(tenant).execute("INSERT INTO Users(email) VALUES ('x')")
            assert get_tenant_db(tenant).query("SELECT count(*) FROM Users")[0][0] > 0
            most = max(most, files.connections)
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([failed, most]))
"""


def test_nine_tenants_under_a_cap_of_four_connections_lose_nothing(fleet, child):
    for number in range(9):
        fleet.create(f"t{number}", "CREATE TABLE Users(id INTEGER PRIMARY KEY, email TEXT)")
    failed, most = json.loads(child(TINY).end())
    assert failed == []
    assert most <= 4
    total = sum(get_tenant_db(f"t{n}").query("SELECT count(*) FROM Users")[0][0] for n in range(9))
    assert total == 160
