"""The demo's application processes as the tour holds them: begun, told what to favour, brought to an end."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from tenantdb.cli.demo import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tenantdb.cli.demo.ledger import Entry

END_SECONDS = 20.0
"""How long writers may take over their last write before they are ended."""


class Crew:
    """Some writers at work until the end of the ``with`` block, whatever ends it."""

    def __init__(self, *, writers: int, tenants: Sequence[str], folder: Path) -> None:
        """Begin.

        Args:
            writers: How many processes.
            tenants: Whom they write for.
            folder: Where their ledgers go; it is there, and holds no other ledgers.
        """
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        self.reads = 0
        try:
            for number in range(1, writers + 1):
                self._processes.append(_begin(number, folder))
            self._tell(json.dumps(tenants))
        except BaseException:
            self._kill()
            raise

    @property
    def size(self) -> int:
        """How many processes."""
        return len(self._processes)

    def favour(self, tenant: str) -> None:
        """Have half of all writes go to one tenant; to any of them for an empty text."""
        self._tell(tenant)

    def entries(self, *, since: float = 0.0, until: float = float("inf")) -> Iterator[Entry]:
        """What the ledgers say about writes that began in a span of the machine's monotonic clock."""
        return (entry for entry in ledger.entries(self._folder) if since <= entry.at <= until)

    def await_writes(self, count: int, *, seconds: float = 30.0) -> None:
        """Wait until so many writes are acknowledged, or the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and sum(1 for _ in self.entries()) < count:
            time.sleep(0.1)

    def end(self) -> None:
        """Let every writer finish its write and go; those that can't are ended."""
        until = time.monotonic() + END_SECONDS
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
            self.reads += _said(process)
        self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.end()
        else:
            self._kill()

    def _tell(self, line: str) -> None:
        for process in self._processes:
            assert process.stdin is not None  # noqa: S101 - for the type checker: it was asked for
            with contextlib.suppress(BrokenPipeError):  # its ledger ends there, and the verdict shows it
                process.stdin.write(line + "\n")
                process.stdin.flush()

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        self._processes.clear()


def _begin(number: int, folder: Path) -> subprocess.Popen[str]:
    # Its own process group: a terminal's Ctrl-C goes to the tour alone, which ends everybody in order.
    return subprocess.Popen(  # noqa: S603 - our own module in our own interpreter
        [
            sys.executable,
            "-P",
            "-m",
            "tenantdb.cli.demo.writers",
            str(number),
            str(folder / f"{number}.jsonl"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def _said(process: subprocess.Popen[str]) -> int:
    """How often it read; 0 where it did not live to say so."""
    said = process.stdout.read() if process.stdout is not None and process.returncode == 0 else ""
    return int(said or 0)
