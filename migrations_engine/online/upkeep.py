"""The virtual tables of a copy, brought up to date again and again: all of them, each in its way.

What that costs is the writers' time in a pause. It is left out where nothing can have changed, and a table
knows how long it took the last time.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.online import virtual
from migrations_engine.online.link import linked
from migrations_engine.online.refilled import Refilled
from migrations_engine.online.rewrite import make_keys
from migrations_engine.online.shadows import Followed, followed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import apsw

    from migrations_engine.model import Objects
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """When a virtual table was compared last: data_version of the source, last note, and seconds it took."""

    version: int
    watermark: int
    seconds: float


def upkeep_of(conn: apsw.Connection, old: Objects, new: Objects, mappings: Sequence[Mapping]) -> Upkeep:
    """How the virtual tables of a source are kept equal at a target.

    Args:
        conn: The source.
        old: What it holds.
        new: What the target holds.
        mappings: Every ordinary table that lives on.

    Raises:
        Unsupported: A virtual table cannot be followed through this change.
    """
    found = virtual.fates(old, new, mappings)
    refilled = (
        Refilled(name=table.name, module=table.module, feeds=virtual.feeds(table, mappings))
        for table in found.refilled
    )
    return Upkeep((*followed(conn, found.followed), *refilled))


class Upkeep:
    """The virtual tables of one source, kept equal at one target; knows when each was compared last."""

    def __init__(self, tables: Iterable[Followed | Refilled] = ()) -> None:
        self.tables = tuple(tables)
        self._looks: dict[str, _Look] = {}

    @property
    def noted(self) -> tuple[Mapping, ...]:
        """The shadow tables that are captured, replayed and verified like ordinary tables."""
        return tuple(mapping for table in self._followed for mapping in table.noted)

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """All shadow tables."""
        return self.noted + tuple(mapping for table in self._followed for mapping in table.compared)

    @property
    def unguarded(self) -> Upkeep:
        """Those that can bear no trigger at all, as if they had never been compared."""
        return Upkeep(table for table in self._followed if not table.noted)

    def stale(self, source: apsw.Connection, target: apsw.Connection) -> list[Followed | Refilled]:
        """Those that have to be brought over, since they may have changed; under the source's lock for good.

        Args:
            source: Reads the source; always the same connection, which writes nothing itself.
            target: The copy.
        """
        if not self.tables:
            return []
        now = version(source)
        with linked(source, target) as schema:
            return [table for table in self.tables if self._is_stale(target, schema, table, now)]

    def seconds(self, tables: Iterable[Followed | Refilled]) -> float:
        """How long these took the last time."""
        return sum(self._looks[table.name].seconds for table in tables if table.name in self._looks)

    def catch_up(self, source: apsw.Connection, target: apsw.Connection, *, after: int, admit: Admit) -> int:
        """Bring what differs over, each virtual table in one transaction; gives the number of rows.

        Args:
            source: Reads the source; always the same connection, which writes nothing itself.
            target: The copy, outside of any transaction.
            after: The watermark up to which the ordinary tables were replayed.
            admit: Opens each target transaction.

        Raises:
            VerificationFailed: What was brought over is not what the source has.
        """
        rows = 0
        if not self.tables:
            return rows
        with self._comparing(source, target) as schema:
            for table in self.stale(source, target):
                with self._looking(source, table, after), admit(target):
                    rows += table.bring_over(target, schema)
        return rows

    def verify(self, source: apsw.Connection, target: apsw.Connection, *, after: int, admit: Admit) -> int:
        """Bring what differs over, then compare every row of both sides; gives the number of rows.

        Raises:
            VerificationFailed: The sides differ: shadow table, count and sample keys.
        """
        rows = 0
        if not self.tables:
            return rows
        with self._comparing(source, target) as schema:
            for table in self.tables:
                with self._looking(source, table, after), admit(target):
                    rows += table.verify(target, schema)
        return rows

    @property
    def _followed(self) -> tuple[Followed, ...]:
        return tuple(table for table in self.tables if isinstance(table, Followed))

    def _is_stale(self, target: apsw.Connection, schema: str, table: Followed | Refilled, now: int) -> bool:
        look = self._looks.get(table.name)
        if look is None:
            return True
        return table.is_stale(target, schema, after=look.watermark, committed=look.version != now)

    @contextlib.contextmanager
    def _comparing(self, source: apsw.Connection, target: apsw.Connection) -> Iterator[str]:
        with linked(source, target) as schema:
            make_keys(target, [mapping.source for table in self._followed for mapping in table.compared])
            yield schema

    @contextlib.contextmanager
    def _looking(self, source: apsw.Connection, table: Followed | Refilled, after: int) -> Iterator[None]:
        """Remember this look; what is committed between its beginning and its snapshot counts as a change."""
        began, now = time.monotonic(), version(source)
        yield
        seconds = time.monotonic() - began
        self._looks[table.name] = _Look(version=now, watermark=after, seconds=seconds)


def version(conn: apsw.Connection) -> int:
    """A number that changes with every commit of any other connection to the file."""
    return int(sqlite.value(conn, "PRAGMA data_version"))
