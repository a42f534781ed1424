"""A real file's structure, read from the statements that SQLite keeps and checked against its pragmas."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from migrations_engine import pragmas, sqlite
from migrations_engine.errors import DatabaseDamaged, Unsupported
from migrations_engine.model import Index, Table, Trigger, View, VirtualTable, fold, is_engine_name
from migrations_engine.normalize import texts
from migrations_engine.recent import Recent
from migrations_engine.schema import Schema
from migrations_engine.sql import heads, indexes
from migrations_engine.sql.assembly import Contradiction
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.tables import parse_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

_Row = tuple[str, str, str, str]
"""Of sqlite_schema: kind, name, table and statement."""

_Raw = tuple[Any, ...]
"""The same, and whether it is a virtual table."""

_KINDS: Recent[Schema] = Recent(64)
"""Schemas by the statements that made them, which alone decide what SQLite takes a file to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What a file holds: the user's schema, and the names of the engine's own objects."""

    schema: Schema
    own: frozenset[str]


_STRUCTURES: Recent[Structure] = Recent(64)
"""The same with the engine's own objects."""


def introspect(source: str | PathLike[str] | apsw.Connection) -> Schema:
    """Read the structure of a database.

    The engine's own objects, SQLite's and the shadow tables of virtual tables are left out. No view, trigger
    or function of the file is run.

    Args:
        source: A path, or an open connection, which is left as it is.

    Raises:
        FileNotFoundError: There is no file at the path.
        DatabaseDamaged: The file is not a database.
        Unsupported: An object cannot be read without losing something; the error names it.
    """
    if isinstance(source, (str, PathLike)):
        with contextlib.closing(sqlite.connect(source, mode="ro")) as conn, sqlite.mapped_errors(source):
            return introspect(conn)
    if source.in_transaction:
        return structure(source).schema
    with sqlite.snapshot(source):
        return structure(source).schema


def structure(conn: apsw.Connection) -> Structure:
    """Read the structure of a database with the engine's own objects, inside the caller's transaction.

    Raises:
        MigrationError: As ``introspect``.
    """
    rows = _rows(conn)
    shadows = pragmas.shadow_tables(conn) if any(is_virtual for *_, is_virtual in rows) else frozenset()
    return _STRUCTURES.get((rows, shadows), lambda: _sorted(conn, rows, shadows))


@dataclass(slots=True)
class _Found:
    """What is read so far, in the file's order."""

    tables: dict[str, Table] = field(default_factory=dict)
    indexes: dict[str, list[Index]] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    virtual_tables: list[VirtualTable] = field(default_factory=list)

    def take(self, kind: str, table: str, sql: str) -> None:
        """Read one row of sqlite_schema."""
        if kind == "view":
            self.views.append(heads.parse_view(sql))
        elif kind == "trigger":
            self.triggers.append(heads.parse_trigger(sql))
        elif kind == "index":
            self.indexes.setdefault(fold(table), []).append(indexes.parse_index(sql))
        elif heads.is_virtual(sql):
            self.virtual_tables.append(heads.parse_virtual_table(sql))
        else:
            self.tables[fold(table)] = parse_table(sql)

    def schema(self) -> Schema:
        """Everything, with the indexes on their tables."""
        return Schema(
            tables=tuple(self._table(name, table) for name, table in self.tables.items()),
            views=tuple(self.views),
            triggers=tuple(self.triggers),
            virtual_tables=tuple(self.virtual_tables),
        )

    def _table(self, name: str, table: Table) -> Table:
        """A table with its indexes, and with strings that look like strings."""
        found = tuple(indexes.resolve(index, table) for index in self.indexes.get(name, ()))
        return texts.settled(replace(table, indexes=found))


def _sorted(conn: apsw.Connection, rows: Iterable[_Raw], shadows: frozenset[str]) -> Structure:
    """The user's objects and the engine's; files whose statements are the same share one schema."""
    users = tuple(
        (kind, name, table, sql)
        for kind, name, table, sql, _ in rows
        if not (_is_internal(name, shadows) or _is_internal(table, shadows))
    )
    own = frozenset(name for _, name, *_ in rows if is_engine_name(name))
    return Structure(schema=_KINDS.get(users, lambda: _understood(conn, users)), own=own)


def _understood(conn: apsw.Connection, objects: Iterable[_Row]) -> Schema:
    """The schema that statements make, held against what SQLite says of the file."""
    found = _Found()
    for kind, name, table, sql in objects:
        try:
            found.take(kind, table, sql)
        except (Malformed, Contradiction) as error:
            raise _unreadable(kind, name, str(error)) from error
    for table, difference in pragmas.differences(conn, found.tables.values()):
        raise _unreadable("table", table, difference)
    return found.schema()


def _unreadable(kind: str, name: str, reason: str) -> Unsupported:
    return Unsupported(
        f"the {kind} {name!r} cannot be read without losing something: {reason}. "
        "Please report its CREATE statement",
        object_name=name,
    )


def _rows(conn: apsw.Connection) -> tuple[_Raw, ...]:
    """The rows of sqlite_schema that have a statement."""
    query = (
        "SELECT type, name, tbl_name, sql, type = 'table' AND rootpage = 0 "
        "FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    )
    try:
        return tuple(sqlite.rows(conn, query))
    except UnicodeDecodeError as error:
        raise DatabaseDamaged(f"{conn.filename}: a statement of its schema is not UTF-8: {error}") from None


def _is_internal(name: str, shadows: frozenset[str]) -> bool:
    """Whether an object of that name belongs to SQLite, to the engine or to a virtual table."""
    folded = fold(name)
    return folded.startswith("sqlite_") or is_engine_name(name) or folded in shadows
