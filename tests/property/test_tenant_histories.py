"""Whatever happens to a tenant, one change after the other: no write is lost, every file is what it says."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

import apsw
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import migrations_engine as engine
from migrations_engine.errors import NoWayBack, WayBackLossy
from tests.fleet import Fleet
from workers.handover.pause import Limits
from workers.migration.migration import migrate
from workers.migration.rollback import rollback
from workers.mover import move

SOME = settings(
    max_examples=int(os.environ.get("TENANTDB_EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

TENANT = "t"


def column(document, number):
    """In place."""
    document["notes"][f"c{number}"] = "TEXT"


def table(document, number):
    """In place too, with a table that a way back would take away."""
    document[f"more{number}"] = {"id": "INTEGER PRIMARY KEY"}


def rule(document, number):
    """The table is rebuilt, or changed in place, as the engine sees fit."""
    document["notes"]["n"] = f"INTEGER CHECK (n > {-100 - number})"


def loss(document, _number):
    """By a generation, because it destroys data; nothing where there is nothing to destroy."""
    added = [name for name in document["notes"] if name.startswith("c")]
    if added:
        del document["notes"][added[0]]


class History:
    """One tenant, what was written to it, and the schema that it should have."""

    def __init__(self, folder):
        self.fleet = Fleet(folder)
        self.fleet.create(TENANT, rows=3)
        self.number = 0

    @property
    def schema(self):
        return engine.introspect(self.fleet.route(TENANT).path)

    def write(self):
        """A new row, and a change of the one before."""
        self.number += 1
        with contextlib.closing(apsw.Connection(str(self.fleet.route(TENANT).path))) as conn:
            conn.execute("UPDATE notes SET v = v || '!' WHERE k = ?", (self.number - 1,))
            conn.execute("INSERT INTO notes (k, v) VALUES (?, 'written')", (self.number,))

    def change(self, edit, limits=None):
        """To a schema that is edited from the present one."""
        document = json.loads(self.schema.to_json())
        edit(document, self.number)
        wanted = engine.loads(json.dumps(document))
        migrate(
            TENANT, wanted, settings=self.fleet.settings, allow_destructive=True, limits=limits or Limits()
        )
        assert self.schema.hash == wanted.hash

    def generation(self):
        """The same in a new generation, however short it would be in place."""
        self.change(column, Limits(budget=0.0))

    def move(self):
        to = "b" if self.fleet.route(TENANT).server == "a" else "a"
        before = self.schema.hash
        move(TENANT, to=to, settings=self.fleet.settings)
        assert self.schema.hash == before

    def back(self):
        """Where there is a way; else nothing may have changed."""
        before = self.schema.hash
        try:
            rollback(TENANT, settings=self.fleet.settings)
        except (NoWayBack, WayBackLossy):
            assert self.schema.hash == before

    def rows(self):
        return sorted(self.fleet.rows(TENANT, "SELECT k, v FROM notes"))

    def findings(self):
        """What doctor finds, and SQLite."""
        sound = self.fleet.rows(TENANT, "PRAGMA integrity_check") == [("ok",)]
        return [*self.fleet.findings(TENANT), *([] if sound else ["not sound"])]


STEPS = {
    "column": lambda history: history.change(column),
    "table": lambda history: history.change(table),
    "rule": lambda history: history.change(rule),
    "loss": lambda history: history.change(loss),
    "generation": History.generation,
    "move": History.move,
    "back": History.back,
}


@given(steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=3, max_size=7))
@example(steps=["generation", "column", "back", "back"])
@example(steps=["table", "generation", "move", "back", "back"])
@SOME
def test_no_history_of_a_tenant_loses_a_write(steps):
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        for step in steps:
            history.write()
            rows = history.rows()
            STEPS[step](history)
            assert history.rows() == rows
            assert history.findings() == []
