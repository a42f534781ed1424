import pytest

from workers import tasks  # registers the tasks
from workers.app import CONTROL, app, server_queue


def test_a_kill_gives_a_task_back_and_no_worker_hoards():
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_results_are_rows_of_the_catalog_not_messages():
    assert app.conf.task_ignore_result


def test_what_beat_repeats_is_there():
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
    assert {"workers.recover", "workers.sweep"} <= set(app.tasks)


def test_steps_go_to_the_control_queue_and_batches_to_their_server():
    assert app.conf.task_default_queue == CONTROL == "control"
    assert server_queue("s0") == "server.s0"


@pytest.mark.parametrize("task", [tasks.batch, tasks.step, tasks.sweep, tasks.recover])
def test_a_task_tries_again_when_the_catalog_does_not_answer(task):
    assert task.max_retries == 5
