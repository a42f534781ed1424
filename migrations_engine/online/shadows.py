"""Virtual tables, followed through the ordinary tables in which their modules keep everything.

No trigger sees what is written to a virtual table, and of its shadow tables only FTS5's _content and _docsize
bear triggers: on any other they crash the process. So these two are noted and replayed like every table, and
the others are compared whole, as of one snapshot, and the rows that differ are brought over byte by byte. A
module never sees that happen: it opens the copy afterwards, and finds what the source's own connection wrote.

Comparing costs time, which in a pause is the writers'. It is left out where nothing can have changed:

- nobody has committed anything to the source since it was compared last;
- or nothing was noted in FTS5's two tables, its settings are equal, and so are the two rows that it rewrites
  whenever it writes blocks: the averages and the structure, with its count of written pages
  (https://sqlite.org/fts5.html#the_data_table). Only 'rebuild' starts that count again, and that is noted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.online import capture
from migrations_engine.online.comparison import Comparison
from migrations_engine.online.link import linked
from migrations_engine.online.mapping import identity
from migrations_engine.online.rewrite import KEYS, Rewrite, behind, make_keys
from migrations_engine.online.shape import literal, shape_of
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.tables import parse_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import apsw

    from migrations_engine.model import VirtualTable
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit

_BEAR_TRIGGERS = ("content", "docsize")
_AVERAGES, _STRUCTURE = 1, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One virtual table and its shadow tables.

    Attributes:
        name: What it is called.
        noted: The shadow tables whose changes triggers note; each tells of every change of a row.
        compared: All others.
    """

    name: str
    noted: tuple[Mapping, ...]
    compared: tuple[Mapping, ...]

    @property
    def stamps(self) -> tuple[tuple[str, str], ...]:
        """(shadow table, condition) of the few rows that are equal only where all blocks are; FTS5's."""
        blocks = f"id IN ({_AVERAGES}, {_STRUCTURE})"
        return ((f"{self.name}_config", "TRUE"), (f"{self.name}_data", blocks)) if self.noted else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """When a virtual table was compared last: data_version of the source, last note, and seconds it took."""

    version: int
    watermark: int
    seconds: float


def followed(conn: apsw.Connection, tables: Iterable[VirtualTable]) -> tuple[Followed, ...]:
    """Find the shadow tables of a file's virtual tables.

    One whose module this process does not know has none: SQLite takes its tables for ordinary ones, and so
    they are followed. One that stores nothing has none either.

    Args:
        conn: The file.
        tables: Those of its virtual tables that live on.

    Raises:
        Unsupported: A shadow table whose rows nothing names.
    """
    owners = {fold(table.name): table for table in tables}
    shadows: dict[str, list[Mapping]] = {name: [] for name in owners}
    for name, sql in _shadow_tables(conn):
        owner, _, _ = fold(name).rpartition("_")  # as SQLite itself finds the owner
        if owner in owners:
            shadows[owner].append(_mapped(name, sql))
    return tuple(_sorted(owners[name], found) for name, found in shadows.items() if found)


class Shadows:
    """The virtual tables of one source, kept equal at one target; knows when each was compared last."""

    def __init__(self, tables: Iterable[Followed] = ()) -> None:
        self.tables = tuple(tables)
        self._looks: dict[str, _Look] = {}

    @property
    def noted(self) -> tuple[Mapping, ...]:
        """The shadow tables that are captured, replayed and verified like ordinary tables."""
        return tuple(mapping for table in self.tables for mapping in table.noted)

    @property
    def unguarded(self) -> Shadows:
        """Those that can bear no trigger at all, as if they had never been compared."""
        return Shadows(table for table in self.tables if not table.noted)

    def stale(self, source: apsw.Connection, target: apsw.Connection) -> list[Followed]:
        """Those that have to be compared, since they may have changed; under the source's lock for good.

        Args:
            source: Reads the source; always the same connection, which writes nothing itself.
            target: The copy.
        """
        if not self.tables:
            return []
        now = version(source)
        with linked(source, target) as schema:
            return [table for table in self.tables if self._is_stale(target, schema, table, now)]

    def seconds(self, tables: Iterable[Followed]) -> float:
        """How long comparing these took the last time."""
        return sum(self._looks[table.name].seconds for table in tables if table.name in self._looks)

    def catch_up(self, source: apsw.Connection, target: apsw.Connection, *, admit: Admit) -> int:
        """Bring what differs over, each virtual table in one transaction; gives the number of rows.

        Args:
            source: Reads the source; always the same connection, which writes nothing itself.
            target: The copy, outside of any transaction.
            admit: Opens each target transaction.

        Raises:
            VerificationFailed: What was brought over is not what the source has.
        """
        stale = self.stale(source, target)
        return sum(self._each(source, target, stale, admit, _bring_over)) if stale else 0

    def verify(self, source: apsw.Connection, target: apsw.Connection, *, admit: Admit) -> int:
        """Bring what differs over, then compare every row of both sides; gives the number of rows.

        Raises:
            VerificationFailed: The sides differ: shadow table, count and sample keys.
        """
        return sum(self._each(source, target, self.tables, admit, _verify)) if self.tables else 0

    def _is_stale(self, target: apsw.Connection, schema: str, table: Followed, now: int) -> bool:
        look = self._looks.get(table.name)
        if look is None:
            return True
        if look.version == now:
            return False
        return (
            not table.noted
            or _has_notes(target, schema, table, look)
            or _stamps_differ(target, schema, table)
        )

    def _each(
        self,
        source: apsw.Connection,
        target: apsw.Connection,
        tables: Iterable[Followed],
        admit: Admit,
        act: Callable[[apsw.Connection, str, Mapping], int],
    ) -> Iterator[int]:
        """Act on all compared shadow tables, in one transaction a virtual table."""
        with linked(source, target) as schema:
            make_keys(target, [mapping.source for table in self.tables for mapping in table.compared])
            for table in tables:
                began = time.monotonic()
                now = version(source)  # before the snapshot: what comes in between counts as a change
                with admit(target):
                    watermark = _last_note(target, schema)
                    yield sum(act(target, schema, mapping) for mapping in table.compared)
                seconds = time.monotonic() - began
                self._looks[table.name] = _Look(version=now, watermark=watermark, seconds=seconds)


def _bring_over(target: apsw.Connection, schema: str, mapping: Mapping) -> int:
    """Put the rows that differ in place, and compare each of them; gives how many there are."""
    count = _load_differing(target, schema, mapping)
    if count:
        rewrite = Rewrite(target, schema, mapping, discard=False)
        rewrite.delete()
        rewrite.insert()
        Comparison(target, schema, rewrite, discard=False).check(partial(behind, mapping=mapping))
    return count


def _verify(target: apsw.Connection, schema: str, mapping: Mapping) -> int:
    _bring_over(target, schema, mapping)
    rewrite = Rewrite(target, schema, mapping, discard=False)
    return Comparison(target, schema, rewrite, discard=False).check(lambda _: "TRUE").rows


def _load_differing(target: apsw.Connection, schema: str, mapping: Mapping) -> int:
    """Put the keys behind which the sides differ, type by type, into the table of keys."""
    shape = mapping.source
    theirs, ours = f"{schema}.{quote(shape.name)}", f"main.{quote(shape.name)}"
    same = " AND ".join(f"s.{quote(name)} = t.{quote(name)}" for name in shape.key)
    missing = f"t.{quote(shape.key[0])} IS NULL"
    differs = " OR ".join(_differs(name) for name, _ in mapping.values)
    noted, name = ", ".join(shape.noted), literal(shape.name)
    found = [f"SELECT {name}, {', '.join(f'{side}.{quote(key)}' for key in shape.key)}" for side in "st"]
    target.execute(f"DELETE FROM temp.{KEYS}")
    target.execute(
        f"INSERT INTO temp.{KEYS} (tbl, {noted}) "
        f"{found[0]} FROM {theirs} AS s LEFT JOIN {ours} AS t ON {same} WHERE {missing} OR {differs} "
        f"UNION ALL {found[1]} FROM {ours} AS t WHERE NOT EXISTS (SELECT 1 FROM {theirs} AS s WHERE {same})"
    )
    return target.changes()


def _differs(name: str) -> str:
    theirs, ours = f"s.{quote(name)}", f"t.{quote(name)}"
    # IS takes 1 for 1.0, and a column's own collation for both sides.
    return f"{theirs} COLLATE BINARY IS NOT {ours} OR typeof({theirs}) IS NOT typeof({ours})"


def _has_notes(target: apsw.Connection, schema: str, table: Followed, look: _Look) -> bool:
    names = ", ".join(literal(mapping.source.name) for mapping in table.noted)
    sql = f"SELECT EXISTS (SELECT 1 FROM {schema}.{capture.LOG} WHERE n > ? AND tbl IN ({names}))"
    return bool(sqlite.value(target, sql, (look.watermark,)))


def _stamps_differ(target: apsw.Connection, schema: str, table: Followed) -> bool:
    for name, condition in table.stamps:
        theirs = f"SELECT * FROM {schema}.{quote(name)} WHERE {condition}"
        ours = f"SELECT * FROM main.{quote(name)} WHERE {condition}"
        for pair in ((theirs, ours), (ours, theirs)):
            if sqlite.value(target, f"SELECT EXISTS ({' EXCEPT '.join(pair)})"):
                return True
    return False


def _last_note(target: apsw.Connection, schema: str) -> int:
    return int(sqlite.value(target, f"SELECT coalesce(max(n), 0) FROM {schema}.{capture.LOG}"))


def version(conn: apsw.Connection) -> int:
    """A number that changes with every commit of any other connection to the file."""
    return int(sqlite.value(conn, "PRAGMA data_version"))


def _shadow_tables(conn: apsw.Connection) -> list[tuple[str, str]]:
    """(name, statement) of all shadow tables whose module is known."""
    sql = (
        "SELECT s.name, s.sql FROM pragma_table_list AS l JOIN main.sqlite_schema AS s USING (name) "
        "WHERE l.schema = 'main' AND l.type = 'shadow' AND s.type = 'table' ORDER BY s.rowid"
    )
    return [(name, text) for name, text in sqlite.rows(conn, sql)]


def _mapped(name: str, sql: str) -> Mapping:
    """A shadow table onto itself; its columns may bear any name, since they are carried by it."""
    try:
        return identity(shape_of(parse_table(sql)))
    except Malformed as error:
        raise Unsupported(f"the shadow table {name} cannot be read: {error}", object_name=name) from error


def _sorted(table: VirtualTable, shadows: Iterable[Mapping]) -> Followed:
    bearing = {f"{fold(table.name)}_{suffix}" for suffix in _BEAR_TRIGGERS if table.module == "fts5"}
    noted = tuple(mapping for mapping in shadows if fold(mapping.source.name) in bearing)
    rest = tuple(mapping for mapping in shadows if mapping not in noted)
    return Followed(name=table.name, noted=noted, compared=rest)
