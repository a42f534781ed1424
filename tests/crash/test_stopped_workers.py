"""A worker that was stopped, lost its lease, and comes back: whatever it does then does no harm."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from migrations_engine.online.phases import Boundary
from workers.mover import MOVE

PHASES = [phase.name for phase in MOVE]


def stopped(play, phase):
    """A move that has stopped at the beginning of a phase, as if its machine had gone to sleep."""
    at = {"phase": phase, "boundary": Boundary.ENTERED, "signal": "SIGSTOP"}
    pid = play.begin("move", to="b", kill=at)
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.005)
    return pid


def wake(pid):
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("phase", PHASES)
def test_a_worker_that_wakes_after_recovery_changes_nothing(play, phase):
    scene = play()
    pid = stopped(scene, phase)
    scene.fleet.lapse(scene.tenant)
    scene.recover()
    home = scene.fleet.route(scene.tenant)
    wake(pid)
    assert scene.stage.wait(pid) == 1
    scene.await_writes()
    scene.stop_writers()
    assert scene.fleet.route(scene.tenant) == home
    scene.assert_nothing_lost()
    scene.assert_one_home()


def test_a_worker_that_wakes_after_another_move_changes_nothing(play):
    scene = play()
    pid = stopped(scene, "cut-over")
    scene.fleet.lapse(scene.tenant)
    scene.recover()
    assert scene.operate("move", to="b") == 0
    wake(pid)
    assert scene.stage.wait(pid) == 1
    scene.await_writes()
    scene.stop_writers()
    scene.assert_nothing_lost()
    scene.assert_one_home()


def test_a_worker_that_was_stopped_in_its_pause_takes_it_back_and_tries_again(play):
    scene = play()
    pid = stopped(scene, "last-drain")
    time.sleep(0.6)  # longer than the deadline of a pause
    wake(pid)
    assert scene.stage.wait(pid) == 0
    scene.await_writes()
    scene.stop_writers()
    assert scene.fleet.route(scene.tenant).server == "b"
    scene.assert_nothing_lost()
    scene.assert_one_home()


def test_a_worker_that_sleeps_with_a_living_lease_is_left_alone(play):
    scene = play()
    pid = stopped(scene, "verify")
    scene.recover()
    assert scene.fleet.operations(scene.tenant) == ["running"]
    wake(pid)
    assert scene.stage.wait(pid) == 0
    scene.stop_writers()
    scene.assert_nothing_lost()
    scene.assert_one_home()
