"""The rows of a rebuild: copied by key range, replayed where they were written since, compared.

Each turn of the copy first replays what the log has, to its end. So at every commit the new table holds
exactly the rows up to some key, and those that were written since the start, as the old one has them then:
nothing that the next range brings can collide with what is there, unless the old table itself breaks a rule
of the new one.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from migrations_engine.errors import DatabaseBusy
from migrations_engine.lone.pace import Pace
from migrations_engine.lone.turns import TurnTooLong
from migrations_engine.model import quote
from migrations_engine.online import capture
from migrations_engine.online.comparison import Comparison
from migrations_engine.online.digest import EMPTY
from migrations_engine.online.ranges import Ranges
from migrations_engine.online.rewrite import behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from migrations_engine.lone.turns import Turns
    from migrations_engine.online.digest import Digest
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.ranges import Condition
    from migrations_engine.online.replay import Replayer
    from migrations_engine.online.shape import TableShape

NOTES = 512
"""Notes that one turn replays beside its other work, and that may be left for the cut-over's last drain."""

_LIMIT = 3.0
"""A turn is taken back when it takes so many times longer than it should."""

_ROUNDS = 200
"""Drains after which writers are taken to be faster than any of them."""


class Rows:
    """The rows of all tables that are rebuilt, and how far the log is replayed."""

    def __init__(self, turns: Turns, replayer: Replayer, mappings: Sequence[Mapping]) -> None:
        self.watermark = 0
        self._turns = turns
        self._conn = turns.conn
        self._replayer = replayer
        self._mappings = mappings
        self._comparisons = {m.target.name: self._comparison(m) for m in mappings}

    def copy(self) -> Iterator[int]:
        """Copy all rows, a range in each turn; gives how many rows each turn did."""
        for mapping in self._mappings:
            ranges = Ranges(self._conn, "main", mapping, chunk=1)
            yield from self._paced(ranges, partial(self._copy_range, mapping, ranges))

    def prove(self) -> Iterator[Digest]:
        """Compare both sides whole, a range in each snapshot; gives what was compared.

        What was written since the last replay is left out: each replay from here on compares its own rows.
        """
        for mapping in self._mappings:
            ranges = Ranges(self._conn, "main", mapping, chunk=1)
            pace = Pace(seconds=self._turns.hold)
            while not ranges.done:
                self._keep_up()
                pace.aim(self._turns.hold)
                ranges.chunk = pace.rows
                began = time.monotonic()
                digest = self._turns.snapshot(partial(self._compare_range, mapping, ranges))
                pace.took(digest.rows, time.monotonic() - began)
                yield digest

    def drain(self, *, after: Callable[[], None] = lambda: None) -> None:
        """Replay until little is left, and compare what was replayed.

        Args:
            after: Called in each turn, when its keys are in the table of keys.

        Raises:
            DatabaseBusy: Writers are faster than the replay.
        """
        pace = Pace(seconds=self._turns.hold, rows=NOTES)
        for _ in range(_ROUNDS):
            self._drain_once(pace, after)
            if self.pending() <= min(NOTES, pace.rows):
                return
        raise DatabaseBusy(f"{self._conn.filename} is written faster than it can be followed; try again")

    def finish(self, after: Callable[[], None], *, limit: float | None) -> None:
        """Replay and compare the rest, and do what has to come after it, in one turn.

        Args:
            after: Changes the structure; the keys that were touched last are in the table of keys.
            limit: Seconds after which it is taken back.

        Raises:
            TurnTooLong: It was.
        """

        def work() -> int:
            self._replay_proved(None)
            after()
            return 0

        self._advance(work, limit=limit, ddl=True)

    def pending(self) -> int:
        """How many notes are still to be replayed."""
        return capture.pending(self._conn, after=self.watermark)

    def _paced(self, ranges: Ranges, work: Callable[[], int]) -> Iterator[int]:
        pace = Pace(seconds=self._turns.hold)
        while not ranges.done:
            self._keep_up()
            pace.aim(self._turns.hold)
            ranges.chunk = pace.rows
            try:
                done = self._advance(work, limit=self._limit(pace))
            except TurnTooLong:
                pace.too_long()
                ranges.done = False
            else:
                pace.took(done, self._turns.worked)
                yield done
            self._turns.rest()

    def _keep_up(self) -> None:
        """Replay where much was noted.

        Each range reads all notes that are left. Were they to pile up, ranges would become smaller to take as
        long as they should, more notes come in the time of each, and a big file would never be done.
        """
        if self.pending() > NOTES:
            self.drain()

    def _advance(self, work: Callable[[], int], *, limit: float | None, ddl: bool = False) -> int:
        """One turn; the watermark moves with its commit, not with a try that was taken back."""
        before = self.watermark

        def again() -> int:
            self.watermark = before
            return work()

        try:
            return self._turns.take(again, limit=limit, ddl=ddl)
        except BaseException:
            self.watermark = before
            raise

    def _limit(self, pace: Pace) -> float | None:
        """When a turn is taken back; never where there is no smaller one."""
        return None if pace.rows == 1 else pace.seconds * _LIMIT

    def _copy_range(self, mapping: Mapping, ranges: Ranges) -> int:
        self._replay(None)
        condition = ranges.advance()
        target = f"main.{quote(mapping.target.name)}"
        # What a replay has brought from this range already comes again.
        self._conn.execute(f"DELETE FROM {target} WHERE {condition(mapping.target)}")
        names = ", ".join(quote(name) for name, _ in mapping.values)
        expressions = ", ".join(expression for _, expression in mapping.values)
        self._conn.execute(
            f"INSERT OR ABORT INTO {target} ({names}) SELECT {expressions} "
            f"FROM main.{quote(mapping.source.name)} WHERE {condition(mapping.source)}"
        )
        return int(self._conn.changes())

    def _compare_range(self, mapping: Mapping, ranges: Ranges) -> Digest:
        pending = self._replayer.note_pending(after=self.watermark)
        condition = ranges.advance()
        if pending:
            condition = _untouched(condition, mapping)
        return self._comparisons[mapping.target.name].check(condition)

    def _drain_once(self, pace: Pace, after: Callable[[], None]) -> None:
        notes = min(pace.rows, max(self.pending(), 1))

        def work() -> int:
            self._replay_proved(self.watermark + pace.rows)
            after()
            return notes

        try:
            pace.took(self._advance(work, limit=self._limit(pace)), self._turns.worked)
        except TurnTooLong:
            pace.too_long()
        self._turns.rest()

    def _replay_proved(self, upto: int | None) -> Digest:
        self._replay(upto)
        digest = EMPTY
        for mapping in self._replayer.touched():
            comparison = self._comparisons[mapping.target.name]
            digest += comparison.check(partial(behind, mapping=mapping))
        return digest

    def _replay(self, upto: int | None) -> None:
        """Replay the log and let go of what was replayed: nobody else reads it."""
        report = self._replayer.replay(after=self.watermark, upto=upto)
        if report.watermark > self.watermark:
            self._conn.execute(f"DELETE FROM main.{capture.LOG} WHERE n <= ?", (report.watermark,))
            self.watermark = report.watermark
        else:
            self._replayer.note_pending(after=self.watermark)  # there are none: no key counts as touched

    def _comparison(self, mapping: Mapping) -> Comparison:
        return Comparison(self._conn, "main", self._replayer.rewrite(mapping), discard=False)


def _untouched(condition: Condition, mapping: Mapping) -> Condition:
    """The rows that a condition means, without those behind dirty keys."""

    def untouched(shape: TableShape) -> str:
        return f"({condition(shape)}) AND ({behind(shape, mapping)}) IS NOT TRUE"

    return untouched
