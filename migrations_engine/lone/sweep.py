"""What a rebuild that was killed has left in a file, and what nobody needs any more: found and cleared away.

A file that holds a rebuild's record holds its litter too, and no other file does: the record comes first and
goes last. Old tables that no way back names are garbage, whoever left them.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy
from migrations_engine.execution import wayback
from migrations_engine.lone import claim as claims
from migrations_engine.lone import slices
from migrations_engine.lone.beside import PREFIX
from migrations_engine.lone.turns import Moved, Turns
from migrations_engine.online import capture
from migrations_engine.progress import Progress, Watch, unwatched

if TYPE_CHECKING:
    import apsw

    from migrations_engine.lone.claim import Claim

_POLL_SECONDS = 0.05


def litter(conn: apsw.Connection, *, wait: float) -> None:
    """Clear away what a dead rebuild has left; waits for one that lives.

    Args:
        conn: The file, outside of any transaction.
        wait: Seconds to wait for a rebuild that is at work in another process, or another thread.

    Raises:
        DatabaseBusy: It is still at work.
    """
    deadline = time.monotonic() + wait
    while (found := _claim(conn)) is not None:
        if not found.is_live:
            _clear_after(conn, found)
        elif time.monotonic() >= deadline:
            raise DatabaseBusy(
                f"{conn.filename} is being changed by process {found.pid}; try again when that is done"
            )
        else:
            time.sleep(_POLL_SECONDS)


def garbage(conn: apsw.Connection, *, watch: Watch = unwatched) -> float:
    """Drop the old tables that no way back needs, in slices; what somebody is in the way of stays for later.

    Returns:
        The longest that writers had to wait, in seconds.
    """
    with sqlite.snapshot(conn):
        names = wayback.garbage(conn)
    if not names:
        return 0.0
    turns = Turns(conn)
    # Somebody who changes the structure meanwhile clears away himself.
    with contextlib.suppress(Moved, DatabaseBusy):
        slices.drop(
            turns, names, progress=lambda rows: watch(Progress(phase="clear", rows=rows, total=0, bytes=0))
        )
    return turns.longest


def take_capture(turns: Turns) -> None:
    """Take triggers and log out of the file, which nothing reads any more."""
    turns.take(lambda: capture.remove(turns.conn), ddl=True)


def take_tables(turns: Turns) -> None:
    """Take the new tables out of the file."""
    slices.drop(turns, _beside(turns.conn))


def take_claim(turns: Turns) -> None:
    """Take the record out of the file: the last thing, since it says whose the rest is."""
    turns.take(lambda: claims.drop(turns.conn), ddl=True)


def _claim(conn: apsw.Connection) -> Claim | None:
    with sqlite.snapshot(conn):  # it may go between one look and the next
        return claims.read(conn)


def _clear_after(conn: apsw.Connection, dead: Claim) -> None:
    """Clear away a dead rebuild's litter, as its new owner."""
    turns = Turns(conn)

    def take_over() -> Claim | None:
        if not claims.holds(conn, dead):  # somebody else was faster
            return None
        claims.drop(conn)
        return claims.make(conn)

    # A structure that has just changed is looked at again.
    with contextlib.suppress(Moved):
        turns.claim = turns.take(take_over, ddl=True)
        if turns.claim is None:
            return
        try:
            take_capture(turns)
            take_tables(turns)
            take_claim(turns)
        finally:
            claims.forget(turns.claim)


def _beside(conn: apsw.Connection) -> list[str]:
    found = sqlite.rows(
        conn,
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ?",
        (len(PREFIX), PREFIX),
    )
    return [name for (name,) in found]
