"""What ANALYZE found out, carried along: a table that is made anew would be a stranger to the query planner.

SQLite forgets the statistics of an index with the index, and never renames them. They are samples and
averages, so those of an index that stays as it is hold for the copied rows too, also where a cast changed
values; ANALYZE brings them up to date at its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migrations_engine import sqlite
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import apsw

    from migrations_engine.planning.plan import Plan

TABLES = ("sqlite_stat1", "sqlite_stat4")

_INDEXES = """SELECT l.name, l.origin, l."unique", l.partial, x.name, x."desc", x.coll
    FROM pragma_index_list(?, 'main') AS l JOIN pragma_index_xinfo(l.name, 'main') AS x
    WHERE x."key" ORDER BY l.name, x.seqno"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A table that stays under an old or a new name; ``columns``: folded old column -> new column."""

    before: str
    after: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The statistics of some tables, as they were.

    Attributes:
        moved: These tables.
        rows: Table of statistics -> its rows about them, each after the folded name of its table.
        indexes: Folded table -> index -> what the index is, under the names of now.
    """

    moved: tuple[Moved, ...]
    rows: Mapping[str, Sequence[tuple[Any, ...]]]
    indexes: Mapping[str, Mapping[str, object]]

    def bring_across(self, conn: apsw.Connection) -> None:
        """Write them down for the tables as they are now, inside the caller's transaction."""
        for source, rows in self.rows.items():
            found = [row for each in self.moved for row in self._translated(conn, each, rows)]
            for each in self.moved:
                names = (each.before, each.after)
                conn.execute(f"DELETE FROM main.{source} WHERE tbl COLLATE NOCASE IN (?, ?)", names)
            _insert(conn, source, found)

    def _translated(
        self, conn: apsw.Connection, table: Moved, rows: Sequence[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """The rows about one table, those left out whose index is gone or another one."""
        there = {what: name for name, what in _indexes(conn, table.after, {}).items()}
        names = {i: there.get(what) for i, what in self.indexes[fold(table.before)].items()}
        names |= {table.before: table.after}  # the rows of a table without rowids are its primary key's
        ours = [row for row in rows if fold(row[0]) == fold(table.before)]
        return [
            (table.after, row[1] and names[row[1]], *row[2:])
            for row in ours
            if row[1] is None or names.get(row[1]) is not None
        ]


def moved(plan: Plan) -> Iterator[Moved]:
    """The tables that a plan copies or renames; what is known of all others stays by itself."""
    for action in plan.tables:
        if action.old is not None and action.new is not None:
            columns = {fold(before): after for after, before in action.columns.items()}
            yield Moved(before=action.old.name, after=action.new.name, columns=columns)


def remember(conn: apsw.Connection, concerned: Iterable[Moved]) -> Statistics:
    """Read the statistics of tables, before anything is changed."""
    there = everything(conn)
    tables = tuple(concerned) if there else ()
    return Statistics(
        moved=tables,
        rows=there if tables else {},
        indexes={fold(each.before): _indexes(conn, each.before, each.columns) for each in tables},
    )


def everything(conn: apsw.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All statistics of a file: each table of them that it has, with its rows."""
    return {
        name: sqlite.rows(conn, f"SELECT * FROM main.{name}")
        for name in TABLES
        if conn.table_exists("main", name)
    }


def make(conn: apsw.Connection, found: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
    """Write statistics down in place of whatever a file has, inside the caller's transaction."""
    if found:
        conn.execute("ANALYZE main.sqlite_schema")  # makes the tables that nobody may make by name
    for name, rows in found.items():
        conn.execute(f"DELETE FROM main.{name}")
        _insert(conn, name, rows)


def _insert(conn: apsw.Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for row in rows:
        conn.execute(f"INSERT INTO main.{name} VALUES ({', '.join('?' * len(row))})", row)


def _indexes(conn: apsw.Connection, table: str, columns: Mapping[str, str]) -> dict[str, object]:
    """Index -> what it is: its name where it was given one, its columns, collations and order."""
    found: dict[str, list[object]] = {}
    for name, origin, unique, partial, column, descending, collation in sqlite.rows(conn, _INDEXES, (table,)):
        # A constraint's own index is called after its table and its place.
        what = found.setdefault(name, [fold(name) if origin == "c" else origin, unique, partial])
        after = column if column is None else columns.get(fold(column), column)
        what.append((after and fold(after), descending, fold(collation)))
    return {name: tuple(what) for name, what in found.items()}
