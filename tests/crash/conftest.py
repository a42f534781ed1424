"""A fleet, and a stage of actors that can be killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from tests import posts
from tests.fleet import Fleet
from tests.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """One whose tenants have virtual tables of every kind."""
    return Fleet(tmp_path_factory.mktemp("indexed"), schema=posts.OLD)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return Fleet(tmp_path_factory.mktemp("fleet"))


@dataclass
class Play:
    """One tenant, the application processes that write to it, and what they were told was kept."""

    fleet: Fleet
    stage: Stage
    tenant: str
    folder: Path
    writers: list[int] = field(default_factory=list)

    def operate(self, kind: str, **arguments: Any) -> int:
        """Run an operation in a process of its own; gives its exit code."""
        return self.stage.wait(self.begin(kind, **arguments))

    def begin(self, kind: str, **arguments: Any) -> int:
        return self.stage.start("operate", home=self.home, tenant=self.tenant, kind=kind, **arguments)

    def killed(self, kind: str, **arguments: Any) -> bool:
        """Run an operation that is told to die; whether it did."""
        return self.operate(kind, **arguments) == -signal.SIGKILL

    def recover(self) -> None:
        assert self.operate("recover") == 0

    @property
    def home(self) -> str:
        return str(self.fleet.settings.home)

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def start_writer(self, act: str = "write") -> None:
        number = len(self.writers) + 1
        pid = self.stage.start(
            act,
            home=self.home,
            tenant=self.tenant,
            number=number,
            ledger=str(self.ledger),
            stop=str(self.folder / "stop"),
        )
        self.writers.append(pid)

    def acknowledged(self) -> list[dict[str, Any]]:
        """What the writers were told, in the order of the ledger."""
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text().splitlines()]

    def await_writes(self, count: int = 3) -> None:
        """Until so many writes more than now were acknowledged."""
        goal = len(self.acknowledged()) + count
        while len(self.acknowledged()) < goal:
            time.sleep(0.005)

    def stop_writers(self) -> None:
        (self.folder / "stop").touch()
        for pid in self.writers:
            assert self.stage.wait(pid) == 0
        self.writers.clear()

    def open_by_hand(self, path: Path) -> None:
        """Set a born file to open, as whoever has read the flipped route does."""
        conn = apsw.Connection(str(path))
        conn.execute("UPDATE _tenantdb_control SET state = 'open' WHERE state = 'born'")
        conn.close()

    def expected(self) -> dict[int, str]:
        """The rows that the ledger says are there."""
        rows: dict[int, str] = {}
        for entry in self.acknowledged():
            if entry.get("v") is not None:
                rows[entry["k"]] = entry["v"]
            elif "k" in entry:
                rows.pop(entry["k"], None)
        return rows

    def assert_nothing_lost(self) -> None:
        assert [entry for entry in self.acknowledged() if "error" in entry] == []
        assert dict(self.fleet.rows(self.tenant)) == self.expected()
        parents = self.fleet.rows(self.tenant, "SELECT count(*), max(id) FROM parents")
        counted = self.fleet.rows(self.tenant, "SELECT n FROM notes WHERE k = -1")
        acknowledged = len(self.acknowledged())
        assert parents == [(acknowledged, acknowledged)] if acknowledged else [(0, None)]
        assert counted == [(acknowledged,)]

    def assert_posts_found(self) -> None:
        """Every index of the posts finds what the ledger says, and nothing else."""
        assert [entry for entry in self.acknowledged() if "error" in entry] == []
        posts.assert_found(self.fleet.route(self.tenant).path, posts.expected(self.acknowledged()))

    def assert_one_home(self) -> None:
        assert self.fleet.writable(self.tenant) == [self.fleet.route(self.tenant).path]
        assert self.fleet.findings(self.tenant) == []


_numbers: Counter[str] = Counter()


def _play(fleet: Fleet, stage: Stage, folder: Path, *, rows: int = 20) -> Play:
    _numbers["tenants"] += 1
    return Play(fleet, stage, fleet.create(f"t{_numbers['tenants']}-{os.getpid()}", rows=rows), folder)


@pytest.fixture
def play(fleet: Fleet, stage: Stage, tmp_path: Path) -> Iterator[Callable[..., Play]]:
    """Makes a tenant on server a and, if asked, a process that writes to it."""
    plays = []

    def make(*, rows: int = 20, writers: int = 1) -> Play:
        plays.append(_play(fleet, stage, tmp_path, rows=rows))
        for _ in range(writers):
            plays[-1].start_writer()
        if writers:
            plays[-1].await_writes()
        return plays[-1]

    yield make
    for each in plays:
        if each.writers:
            each.stop_writers()


@pytest.fixture
def indexing(indexed: Fleet, stage: Stage, tmp_path: Path) -> Iterator[Play]:
    """A tenant with virtual tables, and a process that writes to all of them."""
    made = _play(indexed, stage, tmp_path)
    made.start_writer("post")
    made.await_writes()
    yield made
    if made.writers:
        made.stop_writers()
