"""The way back of virtual tables: the kept one takes its name again, with the writes made since.

Triggers cannot stand on a virtual table, so no log says what was written to it: where both forms hold their
rows, all rows are compared. What an application's triggers would have put into a table that was gone cannot
be known; the log of the tables that fed it says whether there was anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.changes.virtual import filling
from migrations_engine.execution import virtual
from migrations_engine.model import Objects, Trigger, VirtualTable, fold, quote
from migrations_engine.sql.lexer import Malformed, tokenize, unquote
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

_CHANGED = "temp._tenantdb_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A virtual table that is kept: its form of before, the one in its place, and where it is."""

    old: VirtualTable
    new: VirtualTable | None
    kept_as: str

    @property
    def merges(self) -> bool:
        """Whether the rows of now can be brought into it, row by row."""
        if self.new is None:
            return False
        return filling(self.old, self.new).source == "rows" and definition(self.new).content == "own"


def feeders(table: VirtualTable, schema: Objects) -> tuple[str, ...]:
    """The tables whose writes a virtual table shows: its content, and those whose triggers name it."""
    source = definition(table).source
    named = [trigger.table for trigger in schema.triggers if fold(table.name) in _words(trigger)]
    wanted = {fold(name) for name in (*named, *([source] if source else []))}
    return tuple(each.name for each in schema.tables if fold(each.name) in wanted)


def merge(conn: apsw.Connection, table: Away) -> list[str]:
    """Bring the rows of now into a kept table, inside the caller's transaction.

    Returns:
        What the kept table cannot hold, one sentence each; it is left out.
    """
    if table.new is None:
        return []
    name = table.new.name
    if not table.merges:
        rows = (
            virtual.count(conn, table.new, name) if filling(table.old, table.new).source == "nothing" else 0
        )
        return [f"{name}: {_rows(rows)} of a table that the older schema does not have"] if rows else []
    pairs = dict(filling(table.old, table.new).columns)
    with virtual.named(name, table.new.module):
        _bring(conn, table, pairs)
    found = []
    new = definition(table.new)
    for column in new.columns:
        query = f"SELECT count(*) FROM main.{quote(name)} WHERE {quote(column)} IS NOT {new.blank(column)}"
        if column not in pairs and (rows := int(sqlite.value(conn, query))):
            found.append(f"{name}.{column}: {_rows(rows)} with values that the older schema cannot hold")
    return found


def _bring(conn: apsw.Connection, table: Away, pairs: Mapping[str, str]) -> None:
    """Put the rows of now in place of those that differ; columns that only the old form knows stay."""
    old, new = definition(table.old), definition(table.new or table.old)
    now, kept = f"main.{quote(new.name)}", f"main.{quote(table.kept_as)}"
    ours = {fold(before): f"n.{quote(after)}" for after, before in pairs.items()}
    theirs = {fold(name): f"o.{quote(name)}" for name in old.columns}
    values = [ours.get(name, there) for name, there in theirs.items()]
    differs = [f"{here} COLLATE BINARY IS NOT {theirs[name]}" for name, here in ours.items()]
    missing = f"o.{quote(old.key)} IS NULL"
    numbers = ", ".join(f"v{number}" for number in range(len(values)))
    conn.execute(f"CREATE TABLE {_CHANGED} (k INTEGER PRIMARY KEY, {numbers})")
    conn.execute(
        f"INSERT INTO {_CHANGED} SELECT {', '.join([f'n.{quote(new.key)}', *values])} FROM {now} AS n "
        f"LEFT JOIN {kept} AS o ON o.{quote(old.key)} = n.{quote(new.key)} "
        f"WHERE {' OR '.join([missing, *differs])}"
    )
    gone = f"NOT IN (SELECT {quote(new.key)} FROM {now})"
    conn.execute(
        f"DELETE FROM {kept} WHERE {quote(old.key)} {gone} OR {quote(old.key)} IN (SELECT k FROM {_CHANGED})"
    )
    names = ", ".join(map(quote, (old.key, *old.columns)))
    conn.execute(f"INSERT INTO {kept} ({names}) SELECT k, {numbers} FROM {_CHANGED}")
    conn.execute(f"DROP TABLE {_CHANGED}")


def _words(trigger: Trigger) -> set[str]:
    try:
        return {fold(unquote(token.text)) for token in tokenize(trigger.sql)}
    except Malformed:
        return set()


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
