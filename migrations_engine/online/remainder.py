"""What no capture sees and no row holds: counters, header values, the users' own triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.model import fold, is_engine_name, quote
from migrations_engine.online.link import linked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from migrations_engine.model import Table
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit

_HEADER = ("user_version", "application_id")
_COUNTERS = "sqlite_sequence"


def user_triggers(conn: apsw.Connection) -> tuple[str, ...]:
    """The CREATE statements of all triggers that are not the engine's, in order of creation."""
    return tuple(sql for _, sql in _user_triggers(conn))


def drop_user_triggers(conn: apsw.Connection) -> None:
    """Drop them, inside the caller's transaction: what they did at the source comes as rows.

    Dropped, not switched off for the connection, because that would switch off the guards as well.
    """
    for name, _ in _user_triggers(conn):
        conn.execute(f"DROP TRIGGER main.{quote(name)}")


def create_triggers(conn: apsw.Connection, statements: Sequence[str]) -> None:
    """Create users' triggers, inside the caller's transaction: the last thing done before a target opens."""
    for statement in statements:
        conn.execute(statement)
    # SQLite fires what was made last first, and a user's RAISE(IGNORE) ends what comes after it: a capture
    # that stands there already has to be made again behind these.
    for name, sql in _engine_triggers_beside_users(conn):
        conn.execute(f"DROP TRIGGER main.{quote(name)}")
        conn.execute(sql)


def carry_over(
    source: apsw.Connection, target: apsw.Connection, mappings: Sequence[Mapping], *, admit: Admit
) -> None:
    """Bring AUTOINCREMENT counters, user_version and application_id over: inside the pause.

    A counter that stayed behind would give the number of a deleted row to a new one.
    """
    with linked(source, target) as schema, admit(target):
        for mapping in _differing_counters(target, schema, mappings):
            target.execute(f"DELETE FROM main.{_COUNTERS} WHERE name = ?", (mapping.target.name,))
            target.execute(
                f"INSERT INTO main.{_COUNTERS} (name, seq) "
                f"SELECT ?, seq FROM {schema}.{_COUNTERS} WHERE name = ?",
                (mapping.target.name, mapping.source.name),
            )
        for name, theirs, _ in _differing_header(target, schema):
            target.execute(f"PRAGMA main.{name} = {theirs}")


def differences(
    source: apsw.Connection, target: apsw.Connection, mappings: Sequence[Mapping]
) -> tuple[str, ...]:
    """What of it differs between both sides, one sentence each; empty where all of it was carried over."""
    with linked(source, target) as schema:
        found = [
            f"{name} is {theirs} at the source and {ours} at the copy"
            for name, theirs, ours in _differing_header(target, schema)
        ]
        found += [
            f"the counter of {mapping.target.name} is not that of the source"
            for mapping in _differing_counters(target, schema, mappings)
        ]
    return tuple(found)


def _user_triggers(conn: apsw.Connection) -> list[tuple[str, str]]:
    return [(name, sql) for name, _, sql in _triggers(conn) if not is_engine_name(name)]


def _engine_triggers_beside_users(conn: apsw.Connection) -> list[tuple[str, str]]:
    """Those on tables that have triggers of both."""
    found = _triggers(conn)
    users = {fold(table) for name, table, _ in found if not is_engine_name(name)}
    return [(name, sql) for name, table, sql in found if is_engine_name(name) and fold(table) in users]


def _triggers(conn: apsw.Connection) -> list[tuple[str, str, str]]:
    """(name, table, statement) of all triggers, in order of creation."""
    sql = "SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid"
    return [(name, table, text) for name, table, text in sqlite.rows(conn, sql)]


def _differing_header(target: apsw.Connection, schema: str) -> list[tuple[str, int, int]]:
    """(name, the source's value, the copy's) of the header values that differ."""
    values = [
        (name, sqlite.value(target, f"PRAGMA {schema}.{name}"), sqlite.value(target, f"PRAGMA main.{name}"))
        for name in _HEADER
    ]
    return [(name, theirs, ours) for name, theirs, ours in values if theirs != ours]


def _differing_counters(target: apsw.Connection, schema: str, mappings: Sequence[Mapping]) -> list[Mapping]:
    """The tables that count on both sides and differ; one that begins to count goes on by itself."""
    theirs, ours = _counters(target, schema), _counters(target, "main")
    return [
        mapping
        for mapping in mappings
        if _counts(mapping.source.table)
        and _counts(mapping.target.table)
        and theirs.get(mapping.source.name) != ours.get(mapping.target.name)
    ]


def _counts(table: Table) -> bool:
    return table.primary_key is not None and table.primary_key.autoincrement


def _counters(target: apsw.Connection, schema: str) -> dict[str, object]:
    if not target.table_exists(schema, _COUNTERS):
        return {}
    return dict(sqlite.rows(target, f"SELECT name, seq FROM {schema}.{_COUNTERS}"))
