import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from workers.dispatch.dispatcher import Dispatcher, Failed, Finished, Inline, Report

HERE = str(Path(__file__).parent)


@pytest.fixture
def pool():
    pools = []

    def make(function, *, size=1, per_server=1, **environment):
        variables = {"PYTHONPATH": HERE, **environment}
        pools.append(
            Dispatcher(f"pool_tasks:{function}", size=size, per_server=per_server, environment=variables)
        )
        return pools[-1]

    yield make
    for each in pools:
        each.close()


def drained(dispatcher):
    events = []
    while dispatcher.busy:
        events += dispatcher.events(timeout=5)
    return events + dispatcher.events(timeout=0)


def pids_of_children():
    return {child.pid for child in psutil.Process().children()}


def gone(pid, *, within=20.0):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_job_reports_on_its_way_and_ends_with_a_value(pool):
    dispatcher = pool("double")
    job = dispatcher.submit({"n": 21}, server="a")
    assert drained(dispatcher) == [Report(job=job, value={"half": 21}), Finished(job=job, result=42)]


def test_an_error_of_a_job_is_an_event_and_the_process_lives_on(pool):
    dispatcher = pool("fail")
    dispatcher.submit({}, server="a")
    [first] = drained(dispatcher)
    before = pids_of_children()
    dispatcher.submit({}, server="a")
    drained(dispatcher)
    assert isinstance(first, Failed)
    assert (first.error_type, first.message) == ("ValueError", "seven is no number of mine")
    assert pids_of_children() == before


def test_children_get_the_environment_and_may_print(pool):
    dispatcher = pool("talk", SAID="hello")
    dispatcher.submit({}, server="a")
    [event] = drained(dispatcher)
    assert event.result == "hello"


def test_a_job_whose_process_was_killed_runs_again(pool, tmp_path):
    dispatcher = pool("die_once")
    dispatcher.submit({"mark": str(tmp_path / "mark")}, server="a")
    assert [event.result for event in drained(dispatcher)] == ["survived"]


def test_a_job_that_kills_every_process_is_given_up(pool):
    dispatcher = pool("die")
    dispatcher.submit({}, server="a")
    [event] = drained(dispatcher)
    assert (event.error_type, event.job.deaths) == ("WorkerDied", 3)


def test_a_server_never_has_more_jobs_than_it_may(pool, tmp_path):
    dispatcher = pool("overlap", size=3, per_server=1)
    for _ in range(6):
        dispatcher.submit({"folder": str(tmp_path)}, server="a")
    assert [event.result for event in drained(dispatcher)] == [1] * 6


def test_room_counts_what_runs_and_what_waits(pool, tmp_path):
    dispatcher = pool("double", size=1, per_server=2)
    assert dispatcher.room("a") == 2
    for n in range(2):
        dispatcher.submit({"n": n}, server="a")
    assert (dispatcher.room("a"), dispatcher.room("b")) == (0, 2)
    drained(dispatcher)
    assert dispatcher.room("a") == 2


def test_jobs_that_were_cancelled_never_run(pool):
    dispatcher = pool("double")
    first, _ = (dispatcher.submit({"n": n}, server="a") for n in (1, 2))
    dispatcher.cancel()
    assert {event.job.number for event in drained(dispatcher)} == {first.number}


def test_close_lets_the_job_at_hand_finish_and_leaves_no_process(pool, tmp_path):
    dispatcher = pool("linger")
    dispatcher.submit({"seconds": 0.3, "done": str(tmp_path / "done")}, server="a")
    [report] = dispatcher.events(timeout=20)
    dispatcher.close()
    assert (tmp_path / "done").exists()
    assert not psutil.pid_exists(report.value)


def test_close_ends_a_job_that_takes_too_long(pool, tmp_path):
    dispatcher = pool("linger")
    dispatcher.submit({"seconds": 600, "done": str(tmp_path / "done")}, server="a")
    [report] = dispatcher.events(timeout=20)
    dispatcher.close(seconds=0.1)
    assert not psutil.pid_exists(report.value)


def test_no_process_outlives_a_parent_that_was_killed(tmp_path):
    script = f"""
        from workers.dispatch.dispatcher import Dispatcher
        pool = Dispatcher("pool_tasks:linger", size=1, per_server=1, environment={{"PYTHONPATH": {HERE!r}}})
        pool.submit({{"seconds": 0.2, "done": {str(tmp_path / "done")!r}}}, server="a")
        [report] = pool.events(timeout=20)
        print(report.value, flush=True)
        pool.events(timeout=600)
        pool.events(timeout=600)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)


def test_inline_jobs_run_here_one_after_the_other():
    inline = Inline(lambda arguments, report: report(arguments["n"]) or arguments["n"] * 2)
    first, second = (inline.submit({"n": n}, server="a") for n in (1, 2))
    assert inline.events(timeout=0) == [Report(job=first, value=1), Finished(job=first, result=2)]
    assert inline.busy
    assert inline.events(timeout=0) == [Report(job=second, value=2), Finished(job=second, result=4)]
    assert not inline.busy
    assert inline.events(timeout=0) == []


def test_inline_jobs_that_were_cancelled_never_run():
    inline = Inline(lambda *_: None)
    inline.submit({}, server="a")
    inline.cancel()
    assert not inline.busy
