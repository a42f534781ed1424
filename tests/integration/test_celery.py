"""One rollout through a real Redis and real Celery workers, one of which is killed in the middle."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import migrations_engine as engine
from tenantdb import get_tenant_db, home, settings
from tenantdb.catalog import Catalog, servers
from workers.lifecycle import creation
from workers.rollout import rollout as rolling

BEFORE = '{"People": {"id": "INTEGER PRIMARY KEY", "name": "TEXT"}}'
AFTER = """{"People": {"id": "INTEGER PRIMARY KEY", "name": "TEXT"},
            "Notes": {"id": "INTEGER PRIMARY KEY", "text": "TEXT"}}"""

TENANTS = [f"t{number}" for number in range(10)]


def wait_for(condition, *, within=60.0):
    until = time.monotonic() + within
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture
def redis(tmp_path):
    """A Redis of this test, on a socket; the URL by which Celery finds it."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: scripts/install-debian-packages.sh redis-server"
    # A socket's path may have 107 characters: pytest's folders are too deep for it.
    socket = f"/tmp/tenantdb-redis-{os.getpid()}.sock"
    command = [program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        wait_for(lambda: Path(socket).exists())
        yield f"redis+socket://{socket}"
        server.terminate()


@pytest.fixture
def fleet(tmp_path, monkeypatch, redis):
    """Ten tenants on two servers; settings with a broker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENANTDB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENANTDB_BROKER_URL", redis)
    settings.forget()
    now = settings.current()
    home.initialise(now, schema=engine.loads(BEFORE))
    with Catalog.open(now).begin() as session:
        for name in ("s0", "s1"):
            (tmp_path / name).mkdir()
            servers.add(session, server=name, url=(tmp_path / name).as_uri())
    for number, tenant in enumerate(TENANTS):
        creation.create(tenant, settings=now, server=f"s{number % 2}")
    yield Catalog.open(now)
    settings.forget()


@pytest.fixture
def worker(tmp_path):
    """Starts Celery workers for both servers; what still runs at the end is killed."""
    begun = []

    def begin():
        command = [sys.executable, "-P", "-m", "celery", "-A", "workers.app", "worker"]
        options = ["-Q", "server.s0,server.s1,control", "-c", "2", "--without-gossip", "--without-mingle"]
        log = (tmp_path / f"worker-{len(begun)}.log").open("w")
        begun.append(subprocess.Popen([*command, *options], stdout=log, stderr=log, start_new_session=True))
        log.close()
        return begun[-1]

    yield begin
    for process in begun:
        kill(process)


def kill(process):
    """Kill a worker and its children, as a power cut would."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def send(task, *arguments):
    """Send a message from a process of its own: the app reads the settings when it is imported."""
    code = f"from workers import tasks; tasks.{task}.delay(*{arguments!r})"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_a_rollout_through_the_broker_survives_a_killed_worker(fleet, worker):
    course = rolling.Course(canary=1, waves="100%")
    schema = engine.loads(AFTER)
    canary = rolling.preview(fleet, schema, course=course).waves[0].tenants[0]
    first = worker()
    # The canary can't go through while this process is inside a write to it: the worker is killed at it.
    with get_tenant_db(canary).write():
        rollout = rolling.start(fleet, schema, course=course)
        send("step", rollout)
        wait_for(lambda: rolling.show(fleet, rollout).counts.get("running"))
        kill(first)
    assert rolling.show(fleet, rollout).counts == {"pending": 9, "running": 1}
    worker()
    # What beat sends again and again; here without its waiting.
    send("recover")
    wait_for(lambda: swept(rollout, fleet))
    assert rolling.show(fleet, rollout).counts == {"done": 10}
    for tenant in TENANTS:
        assert get_tenant_db(tenant).query("select count(*) from Notes") == [(0,)]


def swept(rollout, fleet):
    send("sweep", 0)
    return rolling.show(fleet, rollout).state == "done"
