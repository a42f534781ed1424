"""Shadow tables: the ordinary tables in which the modules of virtual tables keep everything.

No trigger sees what is written to a virtual table, and of its shadow tables only FTS5's _content and _docsize
bear triggers: on any other they crash the process. So these two are noted and replayed like every table, and
the others are compared whole, as of one snapshot, and the rows that differ are brought over byte by byte. A
module never sees that happen: it opens the copy afterwards, and finds what the source's own connection wrote.

Where commits came, FTS5's need not be compared as long as nothing was noted in those two, its settings are
equal, and so are the two rows that it rewrites whenever it writes blocks: the averages and the structure,
with its count of written blocks (https://sqlite.org/fts5.html#the_data_table). Only 'rebuild' and
'delete-all' start that count again, and both are noted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from migrations_engine import pragmas, sqlite
from migrations_engine.changes.carry import rowid_column
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.online import capture
from migrations_engine.online.comparison import Comparison
from migrations_engine.online.mapping import identity
from migrations_engine.online.rewrite import KEYS, Rewrite, behind
from migrations_engine.online.shape import literal, shape_of
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.tables import parse_table
from migrations_engine.sql.virtual import is_shadow

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from migrations_engine.model import VirtualTable
    from migrations_engine.online.mapping import Mapping
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

    def is_stale(self, target: apsw.Connection, schema: str, *, after: int, committed: bool) -> bool:
        """Whether it may have changed since it was compared.

        Args:
            target: The copy, with the source attached.
            schema: The name of the source there.
            after: The last note that was replayed then.
            committed: Whether anybody has committed anything to the source since.
        """
        if not committed or not self.noted:
            return committed
        names = [mapping.source.name for mapping in self.noted]
        return capture.has_notes(target, names, after=after, schema=schema) or self._stamps_differ(
            target, schema
        )

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
