"""Processes that fork while they use tenants: nothing that was acknowledged is lost, nothing hangs."""

from __future__ import annotations

import json

import pytest

from migrations_engine import sqlite

INSERT = "INSERT INTO Users(email) VALUES ('b')"

PRELUDE = """
import json, os, sys, threading, traceback
from sqlalchemy import text
from tenantdb import get_tenant_db, ForkedInTransaction

INSERT = "INSERT INTO Users(email) VALUES (?)"
db = get_tenant_db("acme")

def in_child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid

def ended_well(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


def emails(fleet):
    conn = sqlite.connect(fleet.route("acme").path)
    try:
        assert sqlite.value(conn, "PRAGMA integrity_check") == "ok"
        return sorted(email for (email,) in sqlite.rows(conn, "SELECT email FROM Users"))
    finally:
        conn.close()


@pytest.fixture
def acme(fleet):
    fleet.create("acme", "CREATE TABLE Users(id INTEGER PRIMARY KEY, email TEXT)")
    return fleet


def test_parent_and_child_both_go_on(acme, child):
    code = """
db.execute(INSERT, ("before",))
db.query("SELECT 1")

def work():
    db.execute(INSERT, ("child",))
    assert get_tenant_db("acme").query("SELECT count(*) FROM Users")[0][0] >= 2
    with db.session() as session:
        session.execute(text("INSERT INTO Users(email) VALUES ('session')"))

pid = in_child(work)
db.execute(INSERT, ("parent",))
ended_well(pid)
assert db.query("SELECT count(*) FROM Users") == [(4,)]
"""
    child(PRELUDE + code).end()
    assert emails(acme) == ["before", "child", "parent", "session"]


def test_a_child_inherits_no_connection(acme, child):
    code = """
import apsw
db.execute(INSERT, ("before",))
db.query("SELECT 1")
def work():
    assert apsw.connections() == []
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            pass  # the descriptor that listed the folder
    assert not [each for each in links if ".db" in each], links
ended_well(in_child(work))
"""
    child(PRELUDE + code).end()


def test_a_fork_waits_for_the_transactions_of_other_threads(acme, child):
    code = """
inside, forked = threading.Event(), threading.Event()

def write_slowly():
    with db.write() as conn:
        conn.execute(text("INSERT INTO Users(email) VALUES ('slow')"))
        inside.set()
        forked.wait(0.2)

thread = threading.Thread(target=write_slowly)
thread.start()
inside.wait()
pid = in_child(lambda: db.execute(INSERT, ("child",)))
forked.set()
thread.join()
ended_well(pid)
"""
    child(PRELUDE + code).end()
    assert emails(acme) == ["child", "slow"]


@pytest.mark.parametrize("block", ["write", "session"])
def test_a_child_forked_inside_a_write_raises_at_its_first_call_and_the_parent_goes_on(acme, child, block):
    code = f"""
with db.{block}() as conn:
    conn.execute(text("INSERT INTO Users(email) VALUES ('parent')"))
    pid = os.fork()
    if pid == 0:
        raised = []
        calls = [
            lambda: conn.execute(text("INSERT INTO Users(email) VALUES ('child')")),
            lambda: conn.commit(),
            lambda: db.query("SELECT 1"),
            lambda: db.execute(INSERT, ("child",)),
            lambda: get_tenant_db("acme"),
            lambda: db.read().__enter__(),
        ]
        for call in calls:
            try:
                call()
            except ForkedInTransaction:
                raised.append(1)
        os._exit(0 if len(raised) == len(calls) else 1)
    ended_well(pid)
    conn.execute(text("INSERT INTO Users(email) VALUES ('parent again')"))
db.execute(INSERT, ("after",))
"""
    child(PRELUDE + code).end()
    assert emails(acme) == ["after", "parent", "parent again"]


def test_a_child_forked_inside_a_write_leaves_the_block_without_a_trace(acme, child):
    code = """
pid = None
try:
    with db.write() as conn:
        conn.execute(text("INSERT INTO Users(email) VALUES ('parent')"))
        pid = os.fork()
except ForkedInTransaction:
    assert pid == 0
    import gc
    del conn
    gc.collect()
    sys.exit(0)
assert pid != 0
ended_well(pid)
db.execute(INSERT, ("after",))
"""
    child(PRELUDE + code).end()
    assert emails(acme) == ["after", "parent"]


def test_a_fork_that_waited_in_vain_marks_the_child_and_not_the_parent(acme, child):
    code = """
from tenantdb.handles import fork
fork.WAIT_SECONDS = 0.05
inside, forked = threading.Event(), threading.Event()

def hold():
    with db.write() as conn:
        conn.execute(text("INSERT INTO Users(email) VALUES ('held')"))
        inside.set()
        forked.wait()

thread = threading.Thread(target=hold)
thread.start()
inside.wait()

def work():
    try:
        db.query("SELECT 1")
    except ForkedInTransaction:
        return
    os._exit(3)

pid = in_child(work)
ended_well(pid)
forked.set()
thread.join()
db.execute(INSERT, ("after",))
"""
    child(PRELUDE + code).end()
    assert emails(acme) == ["after", "held"]


def test_a_child_that_inherits_an_operations_connection_is_marked(acme, child):
    code = """
from migrations_engine import sqlite
db.execute(INSERT, ("before",))
path, = sys.argv[1:]
operation = sqlite.connect(path)

def work():
    try:
        db.execute(INSERT, ("child",))
    except ForkedInTransaction:
        return
    os._exit(3)

ended_well(in_child(work))
operation.close()
ended_well(in_child(lambda: db.execute(INSERT, ("later child",))))
"""
    child(PRELUDE + code, str(acme.route("acme").path)).end()
    assert emails(acme) == ["before", "later child"]


def test_multiprocessing_with_fork_works(acme, child):
    code = """
import multiprocessing

def work(number):
    get_tenant_db("acme").execute(INSERT, (f"w{number}",))
    return get_tenant_db("acme").query("SELECT count(*) FROM Users WHERE email = ?", (f"w{number}",))[0][0]

db.execute(INSERT, ("parent",))
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert pool.map(work, range(12)) == [1] * 12
"""
    child(PRELUDE + code).end()
    assert len(emails(acme)) == 13


def test_threads_that_write_while_others_fork_lose_nothing(acme, child):
    code = """
acknowledged, stop = [], threading.Event()

def write(name):
    number = 0
    while not stop.is_set():
        email = f"{name}-{number}"
        db.execute(INSERT, (email,))
        acknowledged.append(email)
        db.query("SELECT count(*) FROM Users")
        number += 1

threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(3)]
for thread in threads:
    thread.start()

def work(number):
    for step in range(5):
        db.execute(INSERT, (f"c{number}-{step}",))

pids = [in_child(lambda: work(number)) for number in range(12)]
for pid in pids:
    ended_well(pid)
stop.set()
for thread in threads:
    thread.join()
print(json.dumps(acknowledged + [f"c{n}-{s}" for n in range(12) for s in range(5)]))
"""
    acknowledged = json.loads(child(PRELUDE + code).end())
    assert sorted(acknowledged) == emails(acme)


def test_workers_of_a_preforking_server_share_what_the_master_loaded(acme, child):
    code = """
import select
db.execute(INSERT, ("master",))
requests = [os.pipe() for _ in range(3)]

def serve(number):
    with os.fdopen(requests[number][0]) as incoming:
        for line in incoming:
            get_tenant_db("acme").execute(INSERT, (f"{number}:{line.strip()}",))
            if line.strip() == "9":
                return

pids = [in_child(lambda: serve(number)) for number in range(3)]
for request in range(10):
    for _, outgoing in requests:
        os.write(outgoing, f"{request}\\n".encode())
    db.query("SELECT count(*) FROM Users")
for pid in pids:
    ended_well(pid)
"""
    child(PRELUDE + code).end()
    assert len(emails(acme)) == 31


def test_subprocesses_are_started_inside_a_write_without_harm(acme, child):
    code = """
import subprocess
with db.write() as conn:
    conn.execute(text("INSERT INTO Users(email) VALUES ('a')"))
    subprocess.run([sys.executable, "-c", ""], check=True)
    conn.execute(text("INSERT INTO Users(email) VALUES ('b')"))
"""
    child(PRELUDE + code).end()
    assert emails(acme) == ["a", "b"]


def test_threads_that_fork_at_once_do_not_mix_their_outcomes(acme, child):
    code = """
from tenantdb.handles import fork
fork.WAIT_SECONDS = 0.02
problems = []

def may_be_marked():
    try:
        db.execute(INSERT, ("child",))
    except ForkedInTransaction:
        pass

def run(hold):
    for _ in range(5):
        if hold:
            with db.write() as conn:
                pid = os.fork()
                if pid == 0:
                    try:
                        db.query("SELECT 1")
                    except ForkedInTransaction:
                        os._exit(0)
                    os._exit(3)
                problems.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        else:
            pid = in_child(may_be_marked)
            problems.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

threads = [threading.Thread(target=run, args=(hold,)) for hold in (True, False, False)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert problems == [0] * 15, problems
db.execute(INSERT, ("after",))
"""
    child(PRELUDE + code).end()
    assert "after" in emails(acme)
