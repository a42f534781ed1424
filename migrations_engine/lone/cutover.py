"""The cut-over: one short transaction in which the new tables take the old ones' place.

versions    the way back of before is let go; its tables are dropped later, in slices
prelude     triggers, views and indexes that go
labels      old tables go under the engine's names, new ones get theirs, indexes too: nothing is moved;
            between the two, what SQLite can alter where the table lies
create      tables that are new
counters    no id comes back
finale      indexes, views and triggers that come: users' triggers last
statistics  what ANALYZE knew of tables and indexes that stay
clear       capture, log and record of the rebuild go
proof       the structure that came out is the one that was wanted
record      the version and the way back
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrations_engine.ddl.sqlite import create_index, create_table
from migrations_engine.execution import applying, execute, kept, statistics, wayback
from migrations_engine.execution.relabel import relabel
from migrations_engine.lone import claim as claims
from migrations_engine.model import fold
from migrations_engine.online import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import apsw

    from migrations_engine.execution.kept import Kept
    from migrations_engine.lone.beside import Beside
    from migrations_engine.planning.plan import Plan


@dataclass(slots=True, kw_only=True)
class CutOver:
    """One try of the cut-over, inside the caller's transaction on a ``prepared`` connection.

    Attributes:
        conn: The file, with its write lock held.
        plan: What is changed.
        tables: The new tables beside the old ones, equal to them: the log was replayed to its end.
        clock: Seconds that writers have waited, the longest of all turns.
    """

    conn: apsw.Connection
    plan: Plan
    tables: Sequence[Beside]
    clock: Callable[[], float]
    away: dict[str, Kept] = field(default_factory=dict)

    def run(self) -> None:
        """All stages, in the order of the module's docstring."""
        version = 1 + applying.begin(self.conn, self.plan.old, end_way_back=wayback.let_go)
        known = statistics.remember(self.conn, statistics.moved(self.plan))
        execute.run_all(self.conn, self.plan.prelude)
        self._label(version)
        self._create()
        self._raise_counters()
        execute.run_all(self.conn, self.plan.finale)
        known.bring_across(self.conn)
        capture.remove(self.conn)
        claims.drop(self.conn)
        execute.prove(self.conn, self.plan)
        away = tuple(self.away.values())
        applying.end(self.conn, self.plan, kept=away, pause=self.clock())

    def _label(self, version: int) -> None:
        labels = []
        for number, action in enumerate((*self.plan.going("rebuild"), *self.plan.going("drop")), 1):
            if action.old is not None:
                name = f"{kept.PREFIX}{version}_{number}"
                old, label = kept.away(self.conn, action.old, name)
                self.away[fold(action.old.name)] = old
                labels.append(label)
        if self.plan.going("alter"):  # a name may go from an old table by an ALTER to a new one
            relabel(self.conn, labels)
            execute.alter(self.conn, self.plan)
            labels = []
        relabel(self.conn, [*labels, *(table.label for table in self.tables)])

    def _create(self) -> None:
        for action in self.plan.going("create"):
            if action.new is not None:
                indexes = (create_index(index) for index in action.new.indexes)
                execute.run_all(self.conn, (create_table(action.new), *indexes))

    def _raise_counters(self) -> None:
        for table in self.tables:
            key = table.new.primary_key
            if key is not None and key.autoincrement:
                least = self.away[fold(table.old.name)].sequence
                kept.raise_counter(self.conn, table.new.name, least)
