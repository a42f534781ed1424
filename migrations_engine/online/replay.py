"""Bringing a copy up to date: the rows behind dirty keys are read again and take the old ones' place.

Of the log only the keys are used, so order and repetition in it do not matter and a replay may run twice:
all touched keys are deleted at the target, then whatever the source holds behind them *now* is inserted.
Log and rows are read in one snapshot. A batch that ends before the log does may bring a row that is newer
than the batch, and that collides with one whose change is noted later: then everything up to the snapshot's
end joins the batch, and against one whole state of the source nothing can collide.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import DataDoesNotFit, Misfit
from migrations_engine.online import capture
from migrations_engine.online.link import linked
from migrations_engine.online.rewrite import KEYS, REFUSALS, Rewrite, make_keys
from migrations_engine.online.shape import widest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.online.mapping import Mapping

Admit = Callable[[apsw.Connection], AbstractContextManager[object]]
"""Opens the one transaction (BEGIN IMMEDIATE) in which a target may be written, and commits it."""

_COLLISIONS = frozenset(
    {
        apsw.SQLITE_CONSTRAINT_UNIQUE,
        apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
        apsw.SQLITE_CONSTRAINT_ROWID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """How far a replay came.

    Attributes:
        watermark: The last note that was replayed.
        keys: How many dirty keys were replayed.
        misfits: What was left out because the target's constraints refuse it.
    """

    watermark: int
    keys: int
    misfits: tuple[Misfit, ...] = ()


def drain(
    source: apsw.Connection,
    target: apsw.Connection,
    mappings: Sequence[Mapping],
    *,
    after: int,
    admit: Admit,
    batch: int = 20_000,
    discard: bool = False,
) -> DrainReport:
    """Replay the log from a watermark to what was its end at the call.

    Args:
        source: The file with the log; may hold its write lock (what it has not committed is not seen).
        target: The copy, outside of any transaction and without its users' triggers.
        mappings: Every table that lives on.
        after: The watermark so far.
        admit: Opens each target transaction.
        batch: Notes per target transaction, at most.
        discard: Leave out what the target's constraints refuse, and report it; a row that the target has
            already stays as it is there.

    Raises:
        CaptureLost: The log does not note a table by the key that its mapping goes by.
        DataDoesNotFit: Rows that the target's constraints refuse; batches before that one stay replayed.
    """
    done, count, misfits = after, 0, list[Misfit]()
    with replaying(source, target, mappings, discard=discard) as replayer:
        goal = replayer.end()
        while done < goal:
            with admit(target):
                report = replayer.replay(after=done, upto=done + batch)
            done, count = report.watermark, count + report.keys
            misfits += report.misfits
    return DrainReport(watermark=done, keys=count, misfits=tuple(misfits))


@contextlib.contextmanager
def replaying(
    source: apsw.Connection, target: apsw.Connection, mappings: Sequence[Mapping], *, discard: bool = False
) -> Iterator[Replayer]:
    """Prepare a target's connection for replays; for transactions that do more than replay.

    Raises:
        CaptureLost: The log does not note a table by the key that its mapping goes by.
    """
    with linked(source, target) as schema:
        _forbid_foreign_keys(target)
        capture.require(target, [mapping.source for mapping in mappings], schema=schema)
        make_keys(target, [mapping.source for mapping in mappings])
        yield Replayer(target, schema, mappings, discard=discard)


def _forbid_foreign_keys(target: apsw.Connection) -> None:
    # Not deferred but off: CASCADE is never deferred, and would delete children that nobody touched.
    target.execute("PRAGMA foreign_keys = OFF")
    if sqlite.value(target, "PRAGMA foreign_keys"):  # SQLite ignores the setting inside a transaction
        raise RuntimeError("a replay begins outside of any transaction")


class Replayer:
    """One source's log and one target, linked."""

    def __init__(
        self, target: apsw.Connection, schema: str, mappings: Sequence[Mapping], *, discard: bool
    ) -> None:
        self.target = target
        self.schema = schema
        self.mappings = mappings
        self._columns = ", ".join(widest(mapping.source for mapping in mappings))
        self.discard = discard

    def end(self) -> int:
        """The number of the log's last note: in a transaction, of its snapshot."""
        found = sqlite.value(self.target, f"SELECT coalesce(max(n), 0) FROM {self.schema}.{capture.LOG}")
        return int(found)

    def replay(self, *, after: int, upto: int | None = None) -> DrainReport:
        """Replay notes inside the caller's transaction, to the log's end or a bit further than ``upto``.

        Raises:
            DataDoesNotFit: Rows that the target's constraints refuse, and they are not to be discarded.
        """
        end = self.end()
        first = end if upto is None else min(upto, end)
        report = self._attempt(after, first, is_last=first == end) if first > after else None
        if report is None and end > after:
            report = self._attempt(after, end, is_last=True)
        return report or DrainReport(watermark=max(after, end), keys=0)

    def note_pending(self, *, after: int) -> int:
        """Put the keys of all notes behind a watermark into the table of keys; how many. Replays nothing."""
        return self._load(after, self.end())

    def _attempt(self, after: int, upto: int, *, is_last: bool) -> DrainReport | None:
        """Replay one stretch of the log; None where rows collide that a longer one may part."""
        with contextlib.suppress(_Collision), self.target:  # a savepoint: a collision leaves no trace
            keys = self._load(after, upto)
            misfits = self._rewrite(is_last=is_last)
            if misfits and not self.discard:
                raise DataDoesNotFit(misfits)
            return DrainReport(watermark=upto, keys=keys, misfits=tuple(misfits))
        return None

    def _load(self, after: int, upto: int) -> int:
        """Put the dirty keys of a stretch into the temporary table of keys."""
        self.target.execute(f"DELETE FROM temp.{KEYS}")
        self.target.execute(
            f"INSERT INTO temp.{KEYS} SELECT DISTINCT tbl, {self._columns} FROM {self.schema}.{capture.LOG} "
            "WHERE n > ? AND n <= ? AND tbl IS NOT NULL",
            (after, upto),
        )
        return self.target.changes()

    def rewrite(self, mapping: Mapping) -> Rewrite:
        """How one table's dirty rows are put in place."""
        return Rewrite(self.target, self.schema, mapping, discard=self.discard)

    def touched(self) -> list[Mapping]:
        """The tables that have dirty keys in the stretch which was replayed last."""
        names = {name for (name,) in sqlite.rows(self.target, f"SELECT DISTINCT tbl FROM temp.{KEYS}")}
        return [mapping for mapping in self.mappings if mapping.source.name in names]

    def _rewrite(self, *, is_last: bool) -> list[Misfit]:
        misfits: list[Misfit] = []
        for mapping in self.touched():
            rewrite = self.rewrite(mapping)
            rewrite.delete()
            misfits += self._insert(rewrite, is_last=is_last)
        return misfits

    def _insert(self, rewrite: Rewrite, *, is_last: bool) -> list[Misfit]:
        try:
            rewrite.insert()
        except REFUSALS as error:
            if not is_last and _is_collision(error):
                raise _Collision from None
            return rewrite.insert_singly()
        return []


def _is_collision(error: Exception) -> bool:
    return getattr(error, "extendedresult", None) in _COLLISIONS


class _Collision(Exception):
    """A row of the batch collides with one whose change is noted behind it."""
