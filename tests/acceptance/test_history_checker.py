"""Random histories by several processes, while the tenant is moved, rebuilt and rolled back under them.

At the end the file equals the ledger: every acknowledged transaction, once, in the order of the commits, down
to storage classes, rowids and counters. TENANTDB_HISTORY_SECONDS makes it a campaign.
"""

from __future__ import annotations

import json
import os
import random
import time
from typing import TYPE_CHECKING

import apsw
import pytest

from tests import histories
from tests.fleet import Fleet
from tests.stage import Stage
from workers.lifecycle import creation

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = float(os.environ.get("TENANTDB_HISTORY_SECONDS", "4"))
SEED = int(os.environ.get("TENANTDB_HISTORY_SEED", "1"))
WRITERS = 3


class History:
    """A tenant, its writers, and the operations that are done to it meanwhile."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.fleet = Fleet(folder, schema=histories.PLAIN)
        self.stage = stage
        self.ledger, self.stop = folder / "ledger", folder / "stop"
        self.begin = creation.create("t", settings=self.fleet.settings, server="a")
        conn = apsw.Connection(str(self.begin.path))
        conn.execute(histories.FIRST)
        conn.close()

    @property
    def common(self):
        return {"home": str(self.fleet.settings.home), "tenant": "t"}

    def write(self, seed: int) -> int:
        return self.stage.start(
            "mutate", **self.common, seed=seed, ledger=str(self.ledger), stop=str(self.stop)
        )

    def operate(self, kind: str, **arguments: str) -> None:
        assert self.stage.run("operate", **self.common, kind=kind, **arguments) == 0, (kind, arguments)

    def transactions(self):
        """(number, statements) of what was acknowledged, in the order of the numbers."""
        return sorted(json.loads(line) for line in self.ledger.read_text().splitlines())

    def content(self):
        conn = apsw.Connection(str(self.fleet.route("t").path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return histories.content(conn)
        finally:
            conn.close()


def rounds(choose: random.Random):
    """Operations without end: a move, then a change of schema one way or the other, and again."""
    here, there = "a", "b"
    while True:
        yield "move", {"to": there}
        here, there = there, here
        yield "migrate", {"schema": "rebuilt"}
        yield ("rollback", {}) if choose.random() < 0.5 else ("migrate", {"schema": "plain"})


@pytest.fixture
def history(tmp_path):
    stage = Stage()
    yield History(tmp_path, stage)
    stage.close()


@pytest.mark.timeout(SECONDS * 3 + 120)
def test_the_file_equals_the_ledger_after_moves_rebuilds_and_rollbacks(history):
    writers = [history.write(SEED * 100 + number) for number in range(WRITERS)]
    until = time.monotonic() + SECONDS
    for done, (kind, arguments) in enumerate(rounds(random.Random(SEED)), start=1):
        history.operate(kind, **arguments)
        if time.monotonic() > until and done >= 3:
            break
    history.stop.touch()
    assert [history.stage.wait(pid) for pid in writers] == [0] * WRITERS
    ledger = history.transactions()
    assert [statements for number, statements in ledger if number == 0] == []
    assert [number for number, _ in ledger] == list(range(1, len(ledger) + 1))
    assert history.content() == histories.replayed(statements for _, statements in ledger)
    assert history.fleet.findings("t") == []
