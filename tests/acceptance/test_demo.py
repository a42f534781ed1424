"""The tour as a user takes it: through the command, in processes of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

SMALL = ["--tenants", "8", "--servers", "2", "--seconds", "1"]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@pytest.fixture
def tour(tmp_path):
    """Starts demos whose folders lie in a place of this test."""
    begun = []

    def begin(*arguments, **variables):
        environment = {**os.environ, "TMPDIR": str(tmp_path), **variables}
        begun.append(
            subprocess.Popen(
                [sys.executable, "-P", "-c", "from tenantdb.cli import main; main()", "demo", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def left_over(folder):
    """What a demo left in a folder, and the processes that still belong to it."""
    ours = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                ours.append(process.pid)
        except psutil.Error:
            continue
    return ours, sorted(path.name for path in folder.iterdir())


def wait_for(condition, *, within=60.0):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_the_tour_keeps_its_promise_and_says_so_in_figures(tour, tmp_path):
    theirs = {"TENANTDB_HOME": "/nowhere/of/the/user", "TENANTDB_BROKER_URL": "redis://127.0.0.1:1/0"}
    process = tour(*SMALL, "--json", **theirs)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    told = json.loads(out)
    verdict = told["verdict"]
    assert (verdict["lost"], verdict["duplicated"], verdict["errors"]) == (0, 0, 0)
    assert verdict["acknowledged"] > 100
    assert sum(told["fleet"]["servers"].values()) == told["fleet"]["tenants"] == 8
    assert told["rollout"]["counts"] == {"done": 7, "failed": 1}
    [refused] = told["rollout"]["refused"]
    assert len(refused["keys"]) == 3
    assert "company_name" in refused["reason"]
    assert told["move"]["verified"]
    assert told["move"]["source"] != told["move"]["target"]
    assert told["rollback"]["losses"]
    assert told["kept"]
    assert left_over(tmp_path) == ([], [])


def test_two_tours_at_once_do_not_meet_and_read_well_in_a_pipe(tour, tmp_path):
    narrow = tour(*SMALL, COLUMNS="80")
    wide = tour(*SMALL, "--keep", COLUMNS="120")
    for process, width in ((narrow, 80), (wide, 120)):
        out, _ = process.communicate(timeout=110)
        assert process.returncode == 0
        assert not CONTROL.search(out)
        assert max(len(line) for line in out.splitlines()) <= width
        assert [line[0] for line in out.splitlines() if re.match(r"\d ", line)] == list("123456")
    [kept] = tmp_path.iterdir()
    assert (kept / "home" / "catalog.db").exists()
    assert kept.name in out


@pytest.mark.parametrize("chapter", [None, "1 ", "3 ", "5 "])
def test_an_interrupt_at_any_moment_leaves_nothing(tour, tmp_path, chapter):
    process = tour(*SMALL, PYTHONUNBUFFERED="1")
    if chapter is None:
        wait_for(lambda: left_over(tmp_path)[1])
    else:
        wait_for(lambda: process.stdout.readline().startswith(chapter))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert left_over(tmp_path) == ([], [])


def test_a_killed_tour_leaves_no_process(tour, tmp_path):
    process = tour(*SMALL, PYTHONUNBUFFERED="1")
    wait_for(lambda: process.stdout.readline().startswith("3 "))
    process.kill()
    process.wait()
    wait_for(lambda: left_over(tmp_path)[0] == [])
