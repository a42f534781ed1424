"""A real file's structure, read from the statements that SQLite keeps and checked against its pragmas."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING

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
    from collections.abc import Iterable, Iterator

    import apsw

_Row = tuple[str, str, str, str]
"""Of sqlite_schema: kind, name, table and statement."""

_KINDS: Recent[Schema] = Recent(64)
"""Schemas by the statements that made them, which alone decide what SQLite takes a file to be."""


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
        return _read(source)
    with sqlite.snapshot(source):
        return _read(source)


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


def _read(conn: apsw.Connection) -> Schema:
    """Read all objects in one snapshot; files whose statements are the same share one schema."""
    objects = tuple(_objects(conn))
    return _KINDS.get(objects, lambda: _understood(conn, objects))


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


def _objects(conn: apsw.Connection) -> Iterator[_Row]:
    """The rows of sqlite_schema that are the user's."""
    query = (
        "SELECT type, name, tbl_name, sql, type = 'table' AND rootpage = 0 "
        "FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    )
    try:
        rows = sqlite.rows(conn, query)
    except UnicodeDecodeError as error:
        raise DatabaseDamaged(f"{conn.filename}: a statement of its schema is not UTF-8: {error}") from None
    shadows = pragmas.shadow_tables(conn) if any(is_virtual for *_, is_virtual in rows) else frozenset()
    for kind, name, table, sql, _ in rows:
        if not (_is_internal(name, shadows) or _is_internal(table, shadows)):
            yield kind, name, table, sql


@lru_cache(maxsize=4096)
def _is_internal(name: str, shadows: frozenset[str]) -> bool:
    """Whether an object of that name belongs to SQLite, to the engine or to a virtual table."""
    folded = fold(name)
    return folded.startswith("sqlite_") or is_engine_name(name) or folded in shadows
