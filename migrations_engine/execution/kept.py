"""Tables out of the way: an old table keeps its pages under one of the engine's names.

A rename costs nothing, whatever the size of the table, and the way back is a rename too. While it is kept,
the table has no foreign keys: an application's ON DELETE CASCADE would reach into it, its RESTRICT would
refuse what the new schema allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import MigrationError
from migrations_engine.model import quote
from migrations_engine.sql.foreign import without_foreign_keys

if TYPE_CHECKING:
    import apsw

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
    conn.execute(f"ALTER TABLE {quote(table)} RENAME TO {quote(kept_as)}")
    own = _statement(conn, kept_as)
    loose = without_foreign_keys(own)
    if loose != own:
        _rewrite(conn, kept_as, loose)
    return Kept(name=table, kept_as=kept_as, sql=sql, sequence=sequence)


def bring_back(conn: apsw.Connection, kept: Kept) -> None:
    """Give a kept table its name and its statement again, inside the caller's transaction; no indexes yet."""
    conn.execute(f"ALTER TABLE {quote(kept.kept_as)} RENAME TO {quote(kept.name)}")
    if _statement(conn, kept.name) != kept.sql:
        _rewrite(conn, kept.name, kept.sql)


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


def _statement(conn: apsw.Connection, table: str) -> str:
    found: str = sqlite.value(
        conn, "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", (table,)
    )
    return found


def _rewrite(conn: apsw.Connection, table: str, sql: str) -> None:
    """Replace the statement of a table that lies the same on disk under both.

    SQLite's own manual does it so (lang_altertable, "Making Other Kinds Of Table Schema Changes"). Automatic
    indexes are numbered by the order of the constraints: if they came out otherwise, the file would be lost.
    """
    before = _layout(conn, table)
    conn.execute("PRAGMA writable_schema = ON")
    try:
        conn.execute(
            "UPDATE main.sqlite_schema SET sql = ? WHERE type = 'table' AND name = ? COLLATE NOCASE",
            (sql, table),
        )
    finally:
        conn.execute("PRAGMA writable_schema = RESET")
    # Other connections take the new statement over because the ALTER TABLE of this transaction raised the
    # schema version already.
    if _layout(conn, table) != before:
        raise MigrationError(f"the statement of table {table} cannot be rewritten; nothing was changed")


def _layout(conn: apsw.Connection, table: str) -> tuple[list[tuple[object, ...]], ...]:
    """What decides how a table lies on disk: its columns, and its automatic indexes with their columns."""
    columns = sqlite.rows(conn, "SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)", (table,))
    indexes = sqlite.rows(
        conn,
        'SELECT l.name, l.origin, i.seqno, i.cid, i."desc", i.coll '
        "FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS i ORDER BY l.name, i.seqno",
        (table,),
    )
    return columns, indexes
