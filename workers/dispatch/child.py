"""The far end of the dispatcher: a process that runs one function for each job that it reads.

Started as ``python -m workers.dispatch.child module:function``. Jobs come as JSON lines on standard input,
what became of them goes as JSON lines to standard output. The end of standard input is the end of the
process: whoever started it is gone or wants it gone, and the kernel closes a pipe even for a parent that was
killed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

ORPHAN_SECONDS = 10.0
"""How long a job may go on without a parent. Cutting it off is safe, as any crash is, but leaves work."""


class Task(Protocol):
    """What a child runs: plain values in, a plain value out, plain reports in between."""

    def __call__(self, arguments: dict[str, Any], report: Callable[[Any], None], /) -> Any:
        """Do one job."""


def main() -> None:
    """Run jobs until standard input ends."""
    # What a library prints must not be mixed into the answers: they keep the pipe, file 1 becomes stderr.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    task = resolve(sys.argv[1])
    jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    with contextlib.suppress(
        BrokenPipeError
    ):  # nobody listens any more: the same as the end of standard input
        while (job := jobs.get()) is not None:
            _run(task, job, answers)


def resolve(target: str) -> Task:
    """The function that ``module:function`` names."""
    module, _, name = target.partition(":")
    return cast("Task", getattr(importlib.import_module(module), name))


def _read(jobs: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    unread = b""
    # Not sys.stdin: its lock, held by this thread at the end of the process, would abort the interpreter.
    while data := os.read(0, 1 << 16):
        *lines, unread = (unread + data).split(b"\n")
        for line in lines:
            jobs.put(json.loads(line))
    jobs.put(None)
    # The job at hand may wait for something that never comes, and nobody is left to end this process.
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)


def _run(task: Task, job: dict[str, Any], answers: TextIO) -> None:
    def answer(**said: Any) -> None:
        answers.write(json.dumps({"job": job["job"], **said}) + "\n")

    try:
        result = task(job["arguments"], lambda value: answer(report=value))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the parent decides what an error of a job means, this process lives on
        answer(error={"type": type(error).__name__, "message": str(error)})
    else:
        answer(result=result)


if __name__ == "__main__":
    main()
