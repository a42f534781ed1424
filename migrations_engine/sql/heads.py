"""The heads of CREATE statements that are carried as text: what they make, by which name, on what."""

from __future__ import annotations

from dataclasses import dataclass

from migrations_engine.model import Trigger, View, VirtualTable
from migrations_engine.sql.cursor import Cursor


def object_name(cursor: Cursor) -> str:
    """Read IF NOT EXISTS and the name of what is made; ``main.`` may stand before it."""
    cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name()
    if cursor.accept("."):
        if name.lower() != "main":
            cursor.fail(f"everything of a schema lives in one file; {name}. names another")
        name = cursor.name()
    return name


def begin(cursor: Cursor, kind: str) -> None:
    """Read CREATE and the kind, such as VIEW."""
    cursor.expect("CREATE")
    if cursor.word() in ("TEMP", "TEMPORARY"):
        cursor.fail("a temporary object is no part of a file")
    cursor.expect(*kind.split())


def parse_view(sql: str) -> View:
    """The view that a CREATE VIEW statement makes.

    Raises:
        Malformed: It is no single CREATE VIEW statement.
    """
    cursor = Cursor(sql)
    begin(cursor, "VIEW")
    name = object_name(cursor)
    if cursor.word() == "(":
        cursor.names()
    cursor.expect("AS")
    if cursor.word() not in ("SELECT", "WITH", "VALUES"):
        cursor.fail(f"expected SELECT, found {cursor.found()}")
    cursor.expression()
    return View(name=name, sql=_statement(cursor))


def parse_trigger(sql: str) -> Trigger:
    """The trigger that a CREATE TRIGGER statement makes.

    Raises:
        Malformed: It is no single CREATE TRIGGER statement.
    """
    cursor = Cursor(sql)
    begin(cursor, "TRIGGER")
    name = object_name(cursor)
    table = trigger_head(cursor).table
    while not cursor.accept("BEGIN"):
        if cursor.advance() == ".":
            cursor.name()
    # END may also close a CASE or be a name; only the one behind a semicolon closes the body.
    while not (cursor.accept(";") and cursor.accept("END")):
        if cursor.word() != ";":
            cursor.advance()
    return Trigger(name=name, table=table, sql=_statement(cursor))


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerHead:
    """When a trigger fires: ``time`` and ``event`` in upper case, the columns of UPDATE OF, the table."""

    time: str
    event: str
    columns: tuple[str, ...]
    table: str


def trigger_head(cursor: Cursor) -> TriggerHead:
    """Read when a trigger fires, behind its name up to the table that it stands on."""
    time = next(
        (word for word in ("INSTEAD OF", "BEFORE", "AFTER") if cursor.accept(*word.split())), "BEFORE"
    )
    columns: list[str] = []
    event = next((word for word in ("INSERT", "DELETE", "UPDATE") if cursor.accept(word)), None)
    if event is None:
        cursor.fail(f"expected INSERT, UPDATE or DELETE, found {cursor.found()}")
    if event == "UPDATE" and cursor.accept("OF"):
        columns.append(cursor.name())
        while cursor.accept(","):
            columns.append(cursor.name())
    cursor.expect("ON")
    return TriggerHead(time=time, event=event, columns=tuple(columns), table=object_name(cursor))


def is_virtual(sql: str) -> bool:
    """Whether a statement makes a virtual table."""
    return Cursor(sql).accept("CREATE", "VIRTUAL", "TABLE")


def parse_virtual_table(sql: str) -> VirtualTable:
    """The virtual table that a CREATE VIRTUAL TABLE statement makes.

    Raises:
        Malformed: It is no single CREATE VIRTUAL TABLE statement.
    """
    cursor = Cursor(sql)
    begin(cursor, "VIRTUAL TABLE")
    name = object_name(cursor)
    cursor.expect("USING")
    module = cursor.name()
    if cursor.accept("("):
        cursor.expression()
        cursor.expect(")")
    return VirtualTable(name=name, module=module.lower(), sql=_statement(cursor))


def _statement(cursor: Cursor) -> str:
    """The statement that was read, without the semicolon behind it; nothing may follow."""
    start, end = len(cursor.sql) - len(cursor.sql.lstrip()), cursor.behind
    cursor.finish()
    return cursor.sql[start:end]
