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

import contextlib
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import apsw

from migrations_engine import pragmas, sqlite
from migrations_engine.changes.carry import rowid_column
from migrations_engine.errors import Unsupported, VerificationFailed
from migrations_engine.model import fold, quote
from migrations_engine.online import capture, virtual
from migrations_engine.online.comparison import Comparison
from migrations_engine.online.link import linked
from migrations_engine.online.mapping import identity
from migrations_engine.online.rewrite import KEYS, Rewrite, behind, make_keys
from migrations_engine.online.shape import literal, shape_of
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.tables import parse_table
from migrations_engine.sql.virtual import is_shadow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from migrations_engine.model import Objects, VirtualTable
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit
    from migrations_engine.online.shape import TableShape

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

    def is_stale(self, target: apsw.Connection, schema: str, watermark: int) -> bool:
        """Whether it may have changed since that note, of which it is known that commits came."""
        if not self.noted:
            return True
        names = [mapping.source.name for mapping in self.noted]
        return has_notes(target, schema, names, watermark) or self._stamps_differ(target, schema)

    def bring_over(self, target: apsw.Connection, schema: str) -> int:
        """Put the rows that differ in place, and compare each of them; gives how many there are."""
        return sum(_bring_over(target, schema, mapping) for mapping in self.compared)

    def verify(self, target: apsw.Connection, schema: str) -> int:
        """The same, then compare every row; gives how many there are."""
        return sum(_verify(target, schema, mapping) for mapping in self.compared)

    def _stamps_differ(self, target: apsw.Connection, schema: str) -> bool:
        """Whether one of the few rows differs that are equal only where all blocks are."""
        for name, condition in self._stamps:
            theirs = f"SELECT * FROM {schema}.{quote(name)} WHERE {condition}"
            ours = f"SELECT * FROM main.{quote(name)} WHERE {condition}"
            for pair in ((theirs, ours), (ours, theirs)):
                if sqlite.value(target, f"SELECT EXISTS ({' EXCEPT '.join(pair)})"):
                    return True
        return False

    @property
    def _stamps(self) -> tuple[tuple[str, str], ...]:
        return (
            (f"{self.name}_config", "TRUE"),
            (f"{self.name}_data", f"id IN ({_AVERAGES}, {_STRUCTURE})"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refilled:
    """An index of another table whose rows differ between both sides: made again from those of the target.

    Attributes:
        name: What it is called.
        module: FTS4 or FTS5, in lower case.
        feeds: The source tables whose changes make it stale; empty where any may do so.
    """

    name: str
    module: str
    feeds: tuple[str, ...]

    def is_stale(self, target: apsw.Connection, schema: str, watermark: int) -> bool:
        """Whether rows that it indexes may have come since that note."""
        return has_notes(target, schema, self.feeds, watermark)

    def bring_over(self, target: apsw.Connection, _schema: str) -> int:
        """Make it again."""
        name = quote(self.name)
        target.execute(f"INSERT INTO main.{name} ({name}) VALUES ('rebuild')")
        return 0

    def verify(self, target: apsw.Connection, schema: str) -> int:
        """Make it again, and let the module hold it against the rows."""
        self.bring_over(target, schema)
        name = quote(self.name)
        # FTS5 holds the index against the rows of another table only with a rank; FTS4 knows none.
        columns, values = (f"{name}, rank", ", 1") if self.module == "fts5" else (name, "")
        try:
            target.execute(f"INSERT INTO main.{name} ({columns}) VALUES ('integrity-check'{values})")
        except apsw.CorruptError:
            raise VerificationFailed(table=self.name, count=1, sample=()) from None
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """When a virtual table was compared last: data_version of the source, last note, and seconds it took."""

    version: int
    watermark: int
    seconds: float


def followed(conn: apsw.Connection, tables: Iterable[VirtualTable]) -> tuple[Followed, ...]:
    """Find the shadow tables of a file's virtual tables.

    One whose module nobody here knows has none: its tables count as ordinary ones, and are followed as such.
    One that stores nothing has none either.

    Args:
        conn: The file.
        tables: Those of its virtual tables that live on.

    Raises:
        Unsupported: A shadow table whose rows nothing names.
    """
    shadows = _shadow_tables(conn)
    found = (
        _sorted(table, [_mapped(name, sql) for name, sql in shadows.items() if _belongs(name, table)])
        for table in tables
    )
    return tuple(table for table in found if table.noted or table.compared)


def shadows_of(conn: apsw.Connection, old: Objects, new: Objects, mappings: Sequence[Mapping]) -> Shadows:
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
    return Shadows((*followed(conn, found.followed), *refilled))


class Shadows:
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
    def unguarded(self) -> Shadows:
        """Those that can bear no trigger at all, as if they had never been compared."""
        return Shadows(table for table in self._followed if not table.noted)

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
        if look is None or look.version == now:
            return look is None
        return table.is_stale(target, schema, look.watermark)

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
    """Put the keys behind which the sides differ, type by type, into the table of keys; gives how many."""
    shape = mapping.source
    theirs, ours = f"{schema}.{quote(shape.name)}", f"main.{quote(shape.name)}"
    same = " AND ".join(f"s.{quote(name)} = t.{quote(name)}" for name in shape.key)
    numbers = {shape.rowid, rowid_column(shape.table)}  # found equal, they are equal: both are integers
    differs = " OR ".join(_differs(name) for name, _ in mapping.values if name not in numbers) or "FALSE"
    target.execute(f"DELETE FROM temp.{KEYS}")
    target.execute(
        f"{_note(shape, 's')} FROM {theirs} AS s LEFT JOIN {ours} AS t ON {same} "
        f"WHERE t.{quote(shape.key[0])} IS NULL OR {differs}"
    )
    count = target.changes()
    pairs = zip(shape.noted, shape.key, strict=True)
    is_there = " AND ".join(f"k.{noted} = t.{quote(name)}" for noted, name in pairs)
    missing = f"FROM temp.{KEYS} AS k WHERE NOT EXISTS (SELECT 1 FROM {ours} AS t WHERE {is_there})"
    # Counted first: where nothing is at the target alone, as most often, no row of it needs to be looked for.
    counts = f"(SELECT count(*) FROM {ours}) > (SELECT count(*) FROM {theirs}) - (SELECT count(*) {missing})"
    if sqlite.value(target, f"SELECT {counts}"):
        only_ours = f"FROM {ours} AS t WHERE NOT EXISTS (SELECT 1 FROM {theirs} AS s WHERE {same})"
        target.execute(f"{_note(shape, 't')} {only_ours}")
        count += target.changes()
    return count


def _note(shape: TableShape, side: str) -> str:
    """Begins the statement that notes keys of one side."""
    keys = ", ".join(f"{side}.{quote(name)}" for name in shape.key)
    return f"INSERT INTO temp.{KEYS} (tbl, {', '.join(shape.noted)}) SELECT {literal(shape.name)}, {keys}"


def _differs(name: str) -> str:
    theirs, ours = f"s.{quote(name)}", f"t.{quote(name)}"
    # IS takes 1 for 1.0, and a column's own collation for both sides.
    return f"{theirs} COLLATE BINARY IS NOT {ours} OR typeof({theirs}) IS NOT typeof({ours})"


def has_notes(target: apsw.Connection, schema: str, tables: Iterable[str], watermark: int) -> bool:
    """Whether the log notes one of these source tables behind a watermark; any table where none is named."""
    names = ", ".join(map(literal, tables))
    some = f"tbl IN ({names})" if names else "tbl IS NOT NULL"
    sql = f"SELECT EXISTS (SELECT 1 FROM {schema}.{capture.LOG} WHERE n > ? AND {some})"
    return bool(sqlite.value(target, sql, (watermark,)))


def version(conn: apsw.Connection) -> int:
    """A number that changes with every commit of any other connection to the file."""
    return int(sqlite.value(conn, "PRAGMA data_version"))


def _shadow_tables(conn: apsw.Connection) -> dict[str, str]:
    """Name -> statement of all shadow tables; of just those that no schema has among its ordinary tables."""
    shadows = pragmas.shadow_tables(conn)
    sql = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid"
    return {name: text for name, text in sqlite.rows(conn, sql) if fold(name) in shadows}


def _belongs(shadow: str, table: VirtualTable) -> bool:
    """Whether a shadow table is this virtual table's: what stands before its last underscore, says SQLite."""
    return fold(shadow).rpartition("_")[0] == fold(table.name) or is_shadow(shadow, table)


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
