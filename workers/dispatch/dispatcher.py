"""Our own small process pool: jobs for servers, a bounded number at a time on each, in child processes.

It stands in for Celery where there is no broker. A child that dies is replaced and its job runs again, so
jobs must bear that, as they must with any broker. Children end with their pipe: none outlives this process,
however it ends. One thread uses a dispatcher; it reads answers only inside ``events``.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from workers import events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workers.dispatch.child import Task

MAX_DEATHS = 3
"""A job that took so many children with it is given up: it would take the next one too."""

CLOSE_SECONDS = 15.0
"""How long ``close`` lets children finish before it ends them; what they leave behind, recovery finishes."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One call of the pool's function; ``deaths`` counts the children that died at it."""

    number: int
    server: str
    arguments: dict[str, Any]
    deaths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A job said something on its way."""

    job: Job
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job ended with a value."""

    job: Job
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A job ended with an error, or was given up because each child died at it (``WorkerDied``)."""

    job: Job
    error_type: str
    message: str


Event = Report | Finished | Failed


class Pool(Protocol):
    """What runs jobs; their reports and ends are told by ``events``."""

    @property
    def busy(self) -> bool:
        """Whether any job is queued or running."""

    def submit(self, arguments: dict[str, Any], *, server: str) -> Job:
        """Queue one job."""

    def events(self, *, timeout: float) -> list[Event]:
        """What happened since the last call; waits up to ``timeout`` seconds for the first of it."""

    def cancel(self) -> None:
        """Forget the jobs that have not begun."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    job: Job | None = None
    unread: bytes = field(default=b"")


class Inline:
    """Runs jobs in this process, each inside ``events``: a few are done before a child has begun."""

    def __init__(self, task: Task) -> None:
        """Take the function that the jobs call."""
        self._task = task
        self._queue: deque[Job] = deque()
        self._jobs = 0

    @property
    def busy(self) -> bool:
        """Whether any job is queued."""
        return bool(self._queue)

    def submit(self, arguments: dict[str, Any], *, server: str) -> Job:
        """Queue one job."""
        self._jobs += 1
        job = Job(number=self._jobs, server=server, arguments=arguments)
        self._queue.append(job)
        return job

    def events(self, *, timeout: float) -> list[Event]:
        """Run the next job to its end; where there is none, wait."""
        if not self._queue:
            time.sleep(timeout)
            return []
        job = self._queue.popleft()
        told: list[Event] = []
        result = self._task(job.arguments, lambda value: told.append(Report(job=job, value=value)))
        return [*told, Finished(job=job, result=result)]

    def cancel(self) -> None:
        """Forget the jobs that have not begun."""
        self._queue.clear()


class Dispatcher:
    """A pool of child processes that run one function."""

    def __init__(
        self, target: str, *, size: int, per_server: int, environment: Mapping[str, str] | None = None
    ) -> None:
        """Make a pool; it starts its processes when there are jobs for them.

        Args:
            target: The function, as ``module:function``; see ``workers.dispatch.child.Task``.
            size: Processes at most.
            per_server: Jobs at a time on one server at most.
            environment: Variables that the children get on top of this process's.
        """
        self._target = target
        self._size = size
        self._per_server = per_server
        self._environment = {**os.environ, **(environment or {})}
        self._children: list[_Child] = []
        self._queue: deque[Job] = deque()
        self._selector = selectors.DefaultSelector()
        self._jobs = 0
        self._died: list[Failed] = []

    def submit(self, arguments: dict[str, Any], *, server: str) -> Job:
        """Queue one job; it starts as soon as a process is free and its server has room."""
        self._jobs += 1
        job = Job(number=self._jobs, server=server, arguments=arguments)
        self._queue.append(job)
        self._assign()
        return job

    def room(self, server: str) -> int:
        """How many more jobs of this server would start without waiting for one of its own."""
        queued = sum(job.server == server for job in self._queue)
        return max(0, self._per_server - self._running()[server] - queued)

    @property
    def busy(self) -> bool:
        """Whether any job is queued or running."""
        return bool(self._queue) or any(child.job for child in self._children)

    def events(self, *, timeout: float) -> list[Event]:
        """What happened since the last call; waits up to ``timeout`` seconds for the first of it."""
        found: list[Event] = []
        for key, _ in self._selector.select(timeout):
            found.extend(self._hear(key.data))
        self._assign()
        found.extend(self._died)
        self._died.clear()
        return found

    def cancel(self) -> None:
        """Forget the jobs that no process has yet."""
        self._queue.clear()

    def close(self, *, seconds: float = CLOSE_SECONDS) -> None:
        """End all processes; each may finish its job for so many seconds, queued jobs are dropped."""
        self.cancel()
        for child in self._children:
            _close_pipes(child)
        deadline = time.monotonic() + seconds
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> Counter[str]:
        return Counter(child.job.server for child in self._children if child.job)

    def _assign(self) -> None:
        while self._queue and (job := self._startable()) is not None:
            idle = next((child for child in self._children if child.job is None), None)
            if idle is None and len(self._children) >= self._size:
                return
            self._queue.remove(job)
            self._give(idle or self._start(), job)

    def _startable(self) -> Job | None:
        running = self._running()
        return next((job for job in self._queue if running[job.server] < self._per_server), None)

    def _start(self) -> _Child:
        # A process group of its own keeps a terminal's Ctrl-C away: the parent decides, and the pipe tells.
        # -P, because a folder named "workers" in the current directory must not be taken for ours.
        process = subprocess.Popen(  # noqa: S603 - our own module in our own interpreter
            [sys.executable, "-P", "-m", "workers.dispatch.child", self._target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            process_group=0,
        )
        child = _Child(process=process)
        self._children.append(child)
        assert process.stdout is not None  # noqa: S101 - for the type checker: it was asked for above
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)
        return child

    def _give(self, child: _Child, job: Job) -> None:
        child.job = job
        line = json.dumps({"job": job.number, "arguments": job.arguments}) + "\n"
        assert child.process.stdin is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(
            BrokenPipeError
        ):  # it died; its closed output says so, and the job runs again
            child.process.stdin.write(line.encode())
            child.process.stdin.flush()

    def _hear(self, child: _Child) -> Iterator[Event]:
        assert child.process.stdout is not None  # noqa: S101 - for the type checker
        data = os.read(child.process.stdout.fileno(), 1 << 16)
        *lines, child.unread = (child.unread + data).split(b"\n")
        for line in lines:
            yield self._understand(child, json.loads(line))
        if not data:
            self._bury(child)

    def _understand(self, child: _Child, said: dict[str, Any]) -> Event:
        job = child.job
        assert job is not None  # noqa: S101 - a child speaks only about the job that it has
        if "report" in said:
            return Report(job=job, value=said["report"])
        child.job = None
        if "error" in said:
            return Failed(job=job, error_type=said["error"]["type"], message=said["error"]["message"])
        return Finished(job=job, result=said["result"])

    def _bury(self, child: _Child) -> None:
        self._selector.unregister(child.process.stdout)  # type: ignore[arg-type]  # it was registered with it
        _close_pipes(child)
        child.process.wait()
        self._children.remove(child)
        if child.job is None:
            return
        child.job.deaths += 1
        code = child.process.returncode
        events.emit(events.Event.WORKER_DIED, f"a worker died with exit code {code}", server=child.job.server)
        if child.job.deaths < MAX_DEATHS:
            self._queue.appendleft(child.job)
            return
        message = f"{MAX_DEATHS} processes died at it, the last with exit code {code}"
        self._died.append(Failed(job=child.job, error_type="WorkerDied", message=message))


def _close_pipes(child: _Child) -> None:
    for pipe in (child.process.stdin, child.process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
