"""Tables out of the way: an old table keeps its pages under one of the engine's names.

A rename costs nothing, whatever the size of the table, and the way back is a rename too. While it is kept,
the table has no foreign keys: an application's ON DELETE CASCADE would reach into it, its RESTRICT would
refuse what the new schema allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.ddl.sqlite import create_index
from migrations_engine.execution.relabel import Label, relabel
from migrations_engine.model import quote
from migrations_engine.sql.foreign import without_foreign_keys
from migrations_engine.sql.lexer import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Index, Table

PREFIX = "_tenantdb_old_"
"""Begins the name of every table that is kept; ``_tenantdb`` keeps it out of every schema document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A table out of the way: what it was called, what it is called, its own statement, its counter."""

    name: str
    kept_as: str
    sql: str
    sequence: int | None


def put_away(conn: apsw.Connection, table: str, kept_as: str) -> Kept:
    """Rename a table to an engine's name, inside the caller's transaction, without its triggers and indexes.

    The connection has foreign_keys off and legacy_alter_table on, so that whoever refers to the table by name
    goes on referring to that name.
    """
    sql = _statement(conn, table)
    sequence = counter(conn, table)
    for kind, name in _dependants(conn, table):
        conn.execute(f"DROP {kind} {quote(name)}")
    relabel(conn, [Label(table=table, becomes=kept_as, sql=_loose(sql, kept_as))])
    return Kept(name=table, kept_as=kept_as, sql=sql, sequence=sequence)


def away(conn: apsw.Connection, table: Table, kept_as: str) -> tuple[Kept, Label]:
    """How a table is put away with its indexes, which neither cost nor take time: data for ``relabel``."""
    kept = Kept(
        name=table.name,
        kept_as=kept_as,
        sql=_statement(conn, table.name),
        sequence=counter(conn, table.name),
    )
    indexes = {}
    for index in table.indexes:
        name = f"{_index_prefix(kept_as)}{index.name}"
        indexes[index.name] = (name, create_index(index, name=name, table=kept_as))
    sql = _loose(kept.sql, kept_as)
    return kept, Label(table=table.name, becomes=kept_as, sql=sql, indexes=indexes)


def bring_back(conn: apsw.Connection, kept: Kept) -> None:
    """Give a kept table its name and its statement again, and the indexes that it still has."""
    indexes = dict(_indexes_of_before(conn, kept))
    relabel(conn, [Label(table=kept.kept_as, becomes=kept.name, sql=kept.sql, indexes=indexes)])


def has_index(conn: apsw.Connection, kept_as: str, index: Index) -> bool:
    """Whether a kept table still has one of its indexes."""
    name = f"{_index_prefix(kept_as)}{index.name}"
    query = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'index' AND name = ?)"
    return bool(sqlite.value(conn, query, (name,)))


def drop(conn: apsw.Connection, kept_as: str) -> None:
    """Drop a table that is kept, virtual or not, inside the caller's transaction; its shadow tables too.

    A module may be unable to: it is not loaded here, or reads a content table that is gone. What it keeps is
    known all the same, because its shadow tables have an engine's name too.
    """
    try:
        conn.execute(f"DROP TABLE IF EXISTS main.{quote(kept_as)}")
    except apsw.SQLError:
        query = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ?"
        for (name,) in sqlite.rows(conn, query, (len(kept_as) + 1, f"{kept_as}_")):
            conn.execute(f"DROP TABLE main.{quote(name)}")
        _forget(conn, kept_as)


def _forget(conn: apsw.Connection, name: str) -> None:
    """Take the statement of a virtual table out of the schema without running its module."""
    conn.execute("PRAGMA writable_schema = ON")
    try:
        conn.execute("DELETE FROM main.sqlite_schema WHERE name = ? AND rootpage = 0", (name,))
    finally:
        conn.execute("PRAGMA writable_schema = RESET")


def counter(conn: apsw.Connection, table: str) -> int | None:
    """The AUTOINCREMENT counter of a table; None where it has none."""
    if not conn.table_exists("main", "sqlite_sequence"):
        return None
    found: int | None = sqlite.value(conn, "SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (table,))
    return found


def raise_counter(conn: apsw.Connection, table: str, least: int | None) -> None:
    """Set the AUTOINCREMENT counter of a table to ``least`` where it is lower, so that no id comes back."""
    if least is None or (counter(conn, table) or 0) >= least:
        return
    conn.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, least))


def _dependants(conn: apsw.Connection, table: str) -> list[tuple[str, str]]:
    """Kind and name of the triggers and declared indexes of a table."""
    return [
        (row[0], row[1])
        for row in sqlite.rows(
            conn,
            "SELECT type, name FROM main.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE "
            "AND (type = 'trigger' OR (type = 'index' AND sql IS NOT NULL))",
            (table,),
        )
    ]


@lru_cache(maxsize=256)
def _loose(sql: str, name: str) -> str:
    """A CREATE TABLE statement as SQLite stores it, about another name and without foreign keys."""
    named = tokenize(sql)[2]
    return without_foreign_keys(f"{sql[: named.start]}{quote(name)}{sql[named.end :]}")


def _index_prefix(kept_as: str) -> str:
    """Begins the names of the indexes that a kept table has; behind it stands what they were called."""
    return f"{kept_as}_i_"


def _indexes_of_before(conn: apsw.Connection, kept: Kept) -> Iterator[tuple[str, tuple[str, str]]]:
    """The names of a kept table's indexes, each with the name and the statement that it had."""
    prefix = _index_prefix(kept.kept_as)
    for name, sql in sqlite.rows(
        conn,
        "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ? "
        "AND substr(name, 1, ?) = ?",
        (kept.kept_as, len(prefix), prefix),
    ):
        before = name.removeprefix(prefix)
        now, then = ((quote(i), quote(t)) for i, t in ((name, kept.kept_as), (before, kept.name)))
        yield name, (before, sql.replace(" ON ".join(now), " ON ".join(then), 1))


def _statement(conn: apsw.Connection, table: str) -> str:
    found: str = sqlite.value(
        conn, "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", (table,)
    )
    return found
