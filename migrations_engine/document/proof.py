"""The second check: a schema is handed to SQLite itself, in memory, and what it refuses is a fault."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import apsw

from migrations_engine import extensions, sqlite
from migrations_engine.ddl import sqlite as ddl
from migrations_engine.model import Column, Table, fold
from migrations_engine.recent import RecentOf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.model import Index, Objects

_ALLOWED: Final = frozenset(
    (
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_TRANSACTION,
        apsw.SQLITE_SAVEPOINT,
        apsw.SQLITE_REINDEX,
        apsw.SQLITE_SELECT,
        apsw.SQLITE_READ,
        apsw.SQLITE_INSERT,
        apsw.SQLITE_UPDATE,
        apsw.SQLITE_FUNCTION,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What SQLite said of an object.

    ``table`` is the object itself, or an index's table; ``column`` the one whose definition is refused.
    """

    kind: str
    name: str
    table: str
    message: str
    column: str | None = None


_GUARDED: Final = ("CREATE TABLE ", "EXPLAIN CREATE ", "SAVEPOINT ", "ROLLBACK TO ", "RELEASE ")
"""How the statements begin that the engine writes of a table."""

_GROUP: Final = 16
"""How many tables are made before they are gone again; both take time, and so does searching many."""

_REFUSED: RecentOf[Table, tuple[Refusal, ...]] = RecentOf(4096)


def refusals(objects: Objects) -> Iterator[Refusal]:
    """What SQLite refuses of a schema, object by object.

    Virtual tables are left out: making one runs its module. Views and triggers are made but never run, so
    functions and collations of the application may be missing here.
    """
    with contextlib.closing(sqlite.in_memory()) as conn:
        yield from _of_tables(conn, objects.tables)
        yield from _of_statements(conn, objects)


def _of_tables(conn: apsw.Connection, tables: Sequence[Table]) -> Iterator[Refusal]:
    """What SQLite refuses of each table, whatever else there is; none of them is there afterwards."""
    # Should a part of a table ever hold a second statement, it is not run. An authorizer would be asked
    # twenty times as often.
    conn.exec_trace = lambda _cursor, statement, _bindings: statement.startswith(_GUARDED)
    extended_by = extensions.in_use()
    new = [table for table in tables if not _REFUSED.has(table, beside=extended_by)]
    groups = (new[at : at + _GROUP] for at in range(0, len(new), _GROUP))
    sound = {id(table) for group in groups if _takes(conn, group) for table in group}
    for table in tables:
        yield from _REFUSED.get(
            table,
            lambda each: () if id(each) in sound else _refused_alone(conn, each),
            beside=extended_by,
        )


def _of_statements(conn: apsw.Connection, objects: Objects) -> Iterator[Refusal]:
    """What SQLite refuses of views and triggers; the tables that triggers stand on are made for them."""
    conn.exec_trace = None
    conn.execute("BEGIN")
    # Set before any statement of a document is run: ATTACH, PRAGMA or DROP would act on this process.
    conn.authorizer = _authorize
    stand_on = {fold(trigger.table) for trigger in objects.triggers}
    for table in objects.tables:
        if fold(table.name) in stand_on:
            _refused(conn, ddl.create_table(_bare(table)))
    for view in objects.views:
        message = _refused(conn, view.sql)
        if message is not None:
            yield Refusal(kind="view", name=view.name, table=view.name, message=message)
    for trigger in objects.triggers:
        message = _refused(conn, trigger.sql)
        if message is not None:
            yield Refusal(kind="trigger", name=trigger.name, table=trigger.name, message=message)


def _authorize(
    action: int, _first: str | None, _second: str | None, _database: str | None, _trigger: str | None
) -> int:
    return apsw.SQLITE_OK if action in _ALLOWED else apsw.SQLITE_DENY


def _refused(conn: apsw.Connection, sql: str) -> str | None:
    """Why SQLite does not run a statement; None where it does."""
    try:
        conn.execute(sql, can_cache=False)
    except apsw.Error as error:
        return extensions.advised(str(error))
    return None


def _takes(conn: apsw.Connection, tables: Sequence[Table]) -> bool:
    """Whether SQLite refuses nothing of some tables."""
    made = [";\n".join(map(ddl.create_table, tables))]
    made += [_compiled(index) for table in tables for index in table.indexes]
    with _undone(conn, "whole"):
        return all(_refused(conn, sql) is None for sql in made)


@contextlib.contextmanager
def _undone(conn: apsw.Connection, name: str) -> Iterator[None]:
    """Let what the block makes be gone at its end."""
    conn.execute(f"SAVEPOINT {name}")
    try:
        yield
    finally:
        conn.execute(f"ROLLBACK TO {name}; RELEASE {name}")


def _refused_alone(conn: apsw.Connection, table: Table) -> tuple[Refusal, ...]:
    """What SQLite refuses of a table, part by part."""
    with _undone(conn, "alone"):
        return tuple(_refused_parts(conn, table))


def _refused_parts(conn: apsw.Connection, table: Table) -> Iterator[Refusal]:
    """What SQLite refuses of a table and its indexes."""
    yield from _refused_table(conn, table)
    for index in table.indexes:
        message = _refused(conn, _compiled(index))
        if message is not None:
            yield Refusal(kind="index", name=index.name, table=table.name, message=message)


def _compiled(index: Index) -> str:
    """All that can be wrong with an index on no rows is seen as it is compiled; nothing stands on one."""
    return f"EXPLAIN {ddl.create_index(index)}"


def _refused_table(conn: apsw.Connection, table: Table) -> Iterator[Refusal]:
    """Make a table; where SQLite refuses it, say so of each part that it refuses alone.

    The table is made without its rules then, so that what stands on it is not refused for its sake.
    """
    message = _refused(conn, ddl.create_table(table))
    if message is None:
        return
    blamed = False
    for column, part in _parts(table):
        with _undone(conn, "probe"):
            said = _refused(conn, ddl.create_table(part))
        if said is not None:
            blamed = True
            yield Refusal(kind="table", name=table.name, table=table.name, column=column, message=said)
    if not blamed:
        yield Refusal(kind="table", name=table.name, table=table.name, message=message)
    _refused(conn, ddl.create_table(_bare(table)))


def _parts(table: Table) -> Iterator[tuple[str | None, Table]]:
    """The table with the rules of one column, for each column; then with each rule of its own alone."""
    for column in table.columns:
        yield column.name, _with_column(table, column)
    bare = _bare(table)
    yield from ((None, replace(bare, checks=(check,))) for check in table.checks if not check.column)
    yield from ((None, replace(bare, uniques=(unique,))) for unique in table.uniques)
    yield from ((None, replace(bare, foreign_keys=(key,))) for key in table.foreign_keys)


def _bare(table: Table) -> Table:
    """The table with nothing but the names of its columns."""
    kind = "ANY" if table.strict else ""
    columns = tuple(Column(name=column.name, type=kind) for column in table.columns)
    return Table(name=table.name, columns=columns, strict=table.strict)


def _with_column(table: Table, suspect: Column) -> Table:
    """The bare table with the whole definition of one column."""
    name = fold(suspect.name)
    bare = _bare(table)
    key = table.primary_key
    return replace(
        bare,
        columns=tuple(suspect if each.name == suspect.name else each for each in bare.columns),
        primary_key=key if key and [fold(c.expression) for c in key.columns] == [name] else None,
        checks=tuple(check for check in table.checks if check.column and fold(check.column) == name),
    )
