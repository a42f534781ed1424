"""Tables and their indexes under other names and statements, as they lie: rows of sqlite_schema rewritten.

SQLite's own manual does it so (lang_altertable, "Making Other Kinds Of Table Schema Changes"). There is no
ALTER INDEX RENAME, and each ALTER TABLE RENAME reads the whole schema again: this reads it once for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import MigrationError
from migrations_engine.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import apsw

_PROVED: Recent[bool] = Recent(256)
"""What was given new statements and lies on disk as before: the statements alone decide that."""

Layout = tuple[list[tuple[object, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a table is to be called, and its indexes.

    Attributes:
        table: Its name.
        becomes: The name that it gets.
        sql: The CREATE TABLE statement that it gets; it describes the same rows on disk.
        indexes: Name of each declared index -> the name and the CREATE INDEX statement that it gets.
    """

    table: str
    becomes: str
    sql: str
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def relabel(conn: apsw.Connection, labels: Sequence[Label]) -> None:
    """Give tables their names and statements, one after the other, inside the caller's transaction.

    Their triggers go. Rows, pages, counters and statistics stay what they are; who refers to a table by name
    goes on referring to that name.

    Raises:
        MigrationError: A statement describes other rows on disk; the caller has to roll back.
    """
    marks = [_mark(conn, label) for label in labels]
    before = {
        mark: layout(conn, label.table)
        for mark, label in zip(marks, labels, strict=True)
        if mark not in _PROVED
    }
    conn.execute("PRAGMA writable_schema = ON")
    try:
        for label in labels:
            _rename(conn, label)
            _rename_indexes(conn, label)
    finally:
        conn.execute("PRAGMA writable_schema = RESET")
    # Other connections read the schema again when its number is another one, and not before.
    conn.execute(f"PRAGMA schema_version = {sqlite.value(conn, 'PRAGMA schema_version') + 1}")
    # Automatic indexes are numbered by the order of the constraints: if they came out otherwise, the file
    # would be lost.
    for mark, label in zip(marks, labels, strict=True):
        if mark in before and layout(conn, label.becomes) != before[mark]:
            raise MigrationError(f"table {label.table} cannot be called {label.becomes}; nothing was changed")
        _PROVED.get(mark, lambda: True)


def layout(conn: apsw.Connection, table: str) -> Layout:
    """What decides how a table lies on disk: its columns, and its automatic indexes with their columns."""
    columns = sqlite.rows(conn, "SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)", (table,))
    indexes = sqlite.rows(
        conn,
        'SELECT substr(l.name, 18 + length(?1)), l.origin, i.seqno, i.cid, i."desc", i.coll '
        "FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS i WHERE l.origin <> 'c' "
        "ORDER BY l.name, i.seqno",
        (table,),
    )
    return columns, indexes


def _mark(conn: apsw.Connection, label: Label) -> tuple[object, ...]:
    """All that decides how a table lies on disk before and after it gets its label."""
    there = sqlite.rows(
        conn,
        "SELECT name, sql FROM main.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE "
        "AND (type = 'table' OR (type = 'index' AND sql IS NULL)) ORDER BY name",
        (label.table,),
    )
    return label.becomes, label.sql, *there


def _rename(conn: apsw.Connection, label: Label) -> None:
    conn.execute(
        "DELETE FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE",
        (label.table,),
    )
    conn.execute(
        "UPDATE main.sqlite_schema SET name = ?, tbl_name = ?1, sql = ? "
        "WHERE type = 'table' AND name = ? COLLATE NOCASE",
        (label.becomes, label.sql, label.table),
    )
    conn.execute(
        "UPDATE main.sqlite_schema SET tbl_name = ?1, name = CASE WHEN sql IS NULL "
        "THEN 'sqlite_autoindex_' || ?1 || substr(name, 18 + length(?2)) ELSE name END "
        "WHERE type = 'index' AND tbl_name = ?2 COLLATE NOCASE",
        (label.becomes, label.table),
    )
    if conn.table_exists("main", "sqlite_sequence"):
        conn.execute(
            "UPDATE main.sqlite_sequence SET name = ? WHERE name = ? COLLATE NOCASE",
            (label.becomes, label.table),
        )


def _rename_indexes(conn: apsw.Connection, label: Label) -> None:
    for name, (becomes, sql) in label.indexes.items():
        conn.execute(
            "UPDATE main.sqlite_schema SET name = ?, sql = ? "
            "WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE AND name = ? COLLATE NOCASE",
            (becomes, sql, label.becomes, name),
        )
