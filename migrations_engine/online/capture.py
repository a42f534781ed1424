"""The change log: triggers that note the keys of every row that may have changed.

Updates (old and new key) and deletes are noted BEFORE they happen, because not every one that happens comes
to its AFTER triggers: an UPDATE OR REPLACE that replaces its own row's parent is over when the cascade has
deleted the row. Only an INSERT is noted AFTER it: before, its rowid is not known.

None of them sees the rows that REPLACE removes, in all its forms: it fires DELETE triggers only where the
writer's connection has recursive_triggers on, and a stale client has not. So BEFORE triggers probe every
unique key and note whatever the new row collides with, whether or not it will be replaced.

Of triggers for one event SQLite fires the last made first. Ours are made last, so that a user's trigger that
ends the statement with RAISE(IGNORE), which keeps the change, cannot end it before ours has fired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import CaptureLost, Unsupported
from migrations_engine.model import quote
from migrations_engine.online import probe
from migrations_engine.online.shape import literal, widest
from migrations_engine.recent import derived

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from migrations_engine.online.shape import TableShape

LOG = "_tenantdb_log"
"""The change log's table. Its key columns k0, k1, … have no type, so that values stay as they are."""


def install(conn: apsw.Connection, shapes: Sequence[TableShape], *, log: str = LOG) -> None:
    """Make log and triggers, inside the caller's transaction; notes that are there already stay.

    Args:
        conn: The file whose changes are to be noted.
        shapes: Its tables: ``mapping.source`` of every mapping that will replay the log.
        log: The log's table; its name and an underscore begin the name of every trigger.

    Raises:
        Unsupported: The log that is there notes a table by another key, or a table cannot be followed.
    """
    found, wanted = _found(conn, log), _wanted(shapes, log)
    if shapes and found == wanted:
        return
    for shape in shapes:
        name, sql = _keyed(shape, log)
        if found.get(name, sql) != sql:
            raise Unsupported(
                f"the change log {log} notes the rows of {shape.name} by another key, for another operation; "
                "that has to end first",
                object_name=shape.name,
            )
    _drop_triggers(conn, log)
    _make_log(conn, log, widest(shapes))
    scratch_tables = (probe.scratch_table(shape, _scratch(shape, log)) for shape in shapes)
    for sql in (*filter(None, scratch_tables), *wanted.values()):
        conn.execute(sql)


def remove(conn: apsw.Connection, *, log: str = LOG) -> None:
    """Drop triggers and log, inside the caller's transaction; also where there are none."""
    remove_triggers(conn, log=log)
    conn.execute(f"DROP TABLE IF EXISTS main.{log}")


def remove_triggers(conn: apsw.Connection, *, log: str = LOG) -> None:
    """Drop the triggers alone, and what they use; the notes stay."""
    _drop_triggers(conn, log)


def installed(conn: apsw.Connection, shapes: Sequence[TableShape], *, log: str = LOG) -> bool:
    """Whether exactly the capture of these tables stands in the file: nothing missing, nothing changed."""
    return bool(shapes) and _found(conn, log) == _wanted(shapes, log)


def can_follow(shape: TableShape, *, log: str = LOG) -> bool:
    """Whether triggers can see every change of a table."""
    try:
        _triggers(shape, log)
    except Unsupported:
        return False
    return True


def require(conn: apsw.Connection, shapes: Sequence[TableShape], *, schema: str = "main") -> None:
    """Refuse a log that does not note every one of these tables by its key.

    Raises:
        CaptureLost: It does not; the first such table is named.
    """
    found = _found(conn, LOG, schema=schema)
    for shape in shapes:
        name, sql = _keyed(shape, LOG)
        if found.get(name) != sql:
            raise CaptureLost(shape.name)


def watermark(conn: apsw.Connection, *, schema: str = "main") -> int:
    """The number of the last note; 0 where there is none."""
    return int(sqlite.value(conn, f"SELECT coalesce(max(n), 0) FROM {schema}.{LOG}"))


def pending(conn: apsw.Connection, *, after: int) -> int:
    """How many notes lie behind a watermark."""
    return int(sqlite.value(conn, f"SELECT count(*) FROM main.{LOG} WHERE n > ?", (after,)))


def has_notes(conn: apsw.Connection, tables: Sequence[str], *, after: int, schema: str = "main") -> bool:
    """Whether one of these tables was noted behind a watermark; any table where none is named."""
    some = f"tbl IN ({', '.join(map(literal, tables))})" if tables else "tbl IS NOT NULL"
    return bool(
        sqlite.value(conn, f"SELECT EXISTS (SELECT 1 FROM {schema}.{LOG} WHERE n > ? AND {some})", (after,))
    )


def mark(conn: apsw.Connection) -> int:
    """Write an empty note, inside the caller's transaction, and give its number.

    Once that transaction is committed at synchronous=FULL, everything up to this watermark survives power
    loss: only then may it be recorded, else a target could be ahead of its source after a reboot.
    """
    conn.execute(f"INSERT INTO main.{LOG} (tbl) VALUES (NULL)")
    return conn.last_insert_rowid()


def _make_log(conn: apsw.Connection, log: str, columns: Sequence[str]) -> None:
    """Make the log's table, or widen the one that is there."""
    if not conn.table_exists("main", log):
        # AUTOINCREMENT: a number that was given out never comes again, so a watermark never means two notes.
        # No other constraint: a writer's OR IGNORE or OR REPLACE goes through to the trigger's own INSERT.
        once = " AUTOINCREMENT" if log == LOG else ""
        conn.execute(f"CREATE TABLE {log} (n INTEGER PRIMARY KEY{once}, tbl, {', '.join(columns)})")
        return
    there = {name for (name,) in sqlite.rows(conn, "SELECT name FROM pragma_table_info(?, 'main')", (log,))}
    for column in columns:
        if column not in there:
            conn.execute(f"ALTER TABLE {log} ADD COLUMN {column}")


def _drop_triggers(conn: apsw.Connection, log: str) -> None:
    """Drop the triggers, and the scratch tables that they alone use."""
    for kind in ("trigger", "table"):
        for name in _found(conn, log, kind=kind):
            conn.execute(f"DROP {kind} main.{quote(name)}")


def _scratch(shape: TableShape, log: str) -> str:
    """The name of a table's scratch table."""
    return f"{log}_new_{shape.name}"


def _found(conn: apsw.Connection, log: str, *, schema: str = "main", kind: str = "trigger") -> dict[str, str]:
    """Name -> statement of the capture's objects of one kind in the file; the log itself is none of them."""
    return dict(
        sqlite.rows(
            conn,
            f"SELECT name, sql FROM {schema}.sqlite_schema WHERE type = ? AND substr(name, 1, ?) = ?",
            (kind, len(log) + 1, f"{log}_"),
        )
    )


def _wanted(shapes: Sequence[TableShape], log: str) -> dict[str, str]:
    """Name -> statement of all triggers that these tables need."""
    return {name: sql for shape in shapes for name, sql in _triggers(shape, log)}


def _keyed(shape: TableShape, log: str) -> tuple[str, str]:
    """The trigger that says nothing but by which key a table's rows are noted."""
    return _trigger(shape, log, "d", "BEFORE DELETE", [_note(shape, log, "OLD")])


@derived
def _triggers(shape: TableShape, log: str) -> list[tuple[str, str]]:
    table = quote(shape.name)
    itself = " AND ".join(f"{table}.{quote(name)} IS OLD.{quote(name)}" for name in shape.key)
    bodies = [
        ("i", "AFTER INSERT", [_note(shape, log, "NEW")]),
        ("u", "BEFORE UPDATE", [_note(shape, log, "OLD"), _note_if_moved(shape, log)]),
        ("pi", "BEFORE INSERT", _probes(shape, log)),
        ("pu", f"BEFORE UPDATE{_of(shape)}", _probes(shape, log, but=f" AND NOT ({itself})")),
    ]
    made = [_trigger(shape, log, kind, event, body) for kind, event, body in bodies if body]
    return [_keyed(shape, log), *made]


def _probes(shape: TableShape, log: str, *, but: str = "") -> list[str]:
    """Note what a new row collides with; ``but`` leaves out the updated row, which is noted anyway."""
    scratch = _scratch(shape, log)
    prepared = probe.put_row(shape, scratch) if probe.scratch_table(shape, scratch) else ()
    matches = [f"{condition}{but}" for condition in probe.conditions(shape, scratch)]
    return [*prepared, *(_note_matches(shape, log, match) for match in matches)]


def _trigger(shape: TableShape, log: str, kind: str, event: str, body: Sequence[str]) -> tuple[str, str]:
    name = f"{log}_{kind}_{shape.name}"
    statements = " ".join(f"{statement};" for statement in body)
    return name, f"CREATE TRIGGER {quote(name)} {event} ON {quote(shape.name)} BEGIN {statements} END"


def _of(shape: TableShape) -> str:
    """The columns whose change can make a collision; empty where every change may."""
    names = probe.columns(shape)
    return f" OF {', '.join(map(quote, names))}" if names else ""


def _insert(shape: TableShape, log: str) -> str:
    return f"INSERT INTO {log} (tbl, {', '.join(shape.noted)})"


def _row_key(shape: TableShape, row: str) -> list[str]:
    return [f"{row}.{quote(name)}" for name in shape.key]


def _note(shape: TableShape, log: str, row: str) -> str:
    keys = ", ".join(_row_key(shape, row))
    return f"{_insert(shape, log)} VALUES ({literal(shape.name)}, {keys})"


def _note_if_moved(shape: TableShape, log: str) -> str:
    """Note the new key of an updated row where it is not the old one, byte by byte."""
    pairs = zip(_row_key(shape, "OLD"), _row_key(shape, "NEW"), strict=True)
    moved = " OR ".join(f"{new} COLLATE BINARY IS NOT {old}" for old, new in pairs)
    keys = ", ".join(_row_key(shape, "NEW"))
    return f"{_insert(shape, log)} SELECT {literal(shape.name)}, {keys} WHERE {moved}"


def _note_matches(shape: TableShape, log: str, match: str) -> str:
    table = quote(shape.name)
    keys = ", ".join(_row_key(shape, table))
    return f"{_insert(shape, log)} SELECT {literal(shape.name)}, {keys} FROM {table} WHERE {match}"
