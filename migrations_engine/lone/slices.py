"""Big tables dropped a slice at a time, so that nobody waits for it.

DROP TABLE keeps the lock until every page is free. So rows go first, some in each short transaction, and with
them the entries of their indexes; what is dropped at last is empty.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.changes.carry import ROWID_NAMES
from migrations_engine.execution import kept
from migrations_engine.lone.pace import Pace
from migrations_engine.lone.turns import TurnTooLong
from migrations_engine.model import fold, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import apsw

    from migrations_engine.lone.turns import Turns

_FIRST_ROWS = 16
"""Rows of the first slice: they may be big ones."""

_LIMIT = 3.0
"""A slice is taken back when it takes so many times longer than it should."""


def drop(turns: Turns, tables: Iterable[str], *, progress: Callable[[int], object] = bool) -> None:
    """Drop tables that nobody reads any more, each whole or not at all as far as anybody can tell.

    Args:
        turns: The transactions.
        tables: Their names.
        progress: Told how many rows are gone, after each slice.

    Raises:
        DatabaseBusy: The lock was not had in time; some are gone, and the rest can go later.
    """
    for table in tables:
        _empty(turns, table, progress)
        turns.take(partial(kept.drop, turns.conn, table), ddl=True)


def _empty(turns: Turns, table: str, progress: Callable[[int], object]) -> None:
    key = _key(turns.conn, table)
    if key is None:
        return
    pace, gone = Pace(seconds=turns.hold, rows=_FIRST_ROWS), 0
    while (count := _slice(turns, table, key, pace)) > 0:
        gone += count
        progress(gone)


def _slice(turns: Turns, table: str, key: str, pace: Pace) -> int:
    """Delete some rows in a turn of their own; how many."""
    pace.aim(turns.hold)
    rows = pace.rows
    statement = (
        f"DELETE FROM main.{quote(table)} WHERE ({key}) IN (SELECT {key} FROM main.{quote(table)} LIMIT ?)"
    )

    def work() -> int:
        turns.conn.execute(statement, (rows,))
        return int(turns.conn.changes())

    try:
        count = turns.take(work, limit=pace.seconds * _LIMIT if rows > 1 else None)
    except TurnTooLong:
        pace.too_long()
        turns.rest()
        return _slice(turns, table, key, pace)
    pace.took(count, turns.worked)
    turns.rest()
    return count


def _key(conn: apsw.Connection, table: str) -> str | None:
    """What names the rows of a table, as SQL; None where nothing does: virtual tables go whole."""
    kind = sqlite.rows(conn, "SELECT type, wr FROM pragma_table_list(?) WHERE schema = 'main'", (table,))
    if not kind or kind[0][0] != "table":
        return None
    columns = sqlite.rows(conn, "SELECT name, pk FROM pragma_table_xinfo(?)", (table,))
    if kind[0][1]:
        keys = sorted((pk, name) for name, pk in columns if pk)
        return ", ".join(quote(name) for _, name in keys)
    taken = {fold(name) for name, _ in columns}
    return next((name for name in ROWID_NAMES if name not in taken), None)
