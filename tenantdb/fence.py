"""Guards, and the raising and lowering of the fence: at most one file of a tenant takes writes.

1. Every tenant file has guards from birth: triggers that refuse each write unless the control row says
   ``open``. They bind everybody, also a process that knows nothing of us.
2. An operation ``claim``s the file: from then on only the holder of that token gets through ``owned``.
3. It writes into a file that is still born through ``admitted``: nobody else ever sees that file open.
4. At the cut-over it ``retire``s the source in one durable commit: every write after it fails.
5. Whoever has read the committed route to the new file opens it: ``open_generation``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.model import fold, quote
from tenantdb import control
from tenantdb.errors import LeaseLost, TenantBusy, TenantDamaged
from tenantdb.model import Control, FileState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

GUARD_PREFIX = "_tenantdb_guard_"
"""Begins the name of every guard; ``_tenantdb`` keeps it out of every schema document."""

MESSAGE = "tenantdb: this file is not open for writing (the tenant moved or is being changed)"
"""What a process that knows nothing of us reads when it writes to a file that is not the current one."""

_EVENTS = {"i": "INSERT", "u": "UPDATE", "d": "DELETE"}
_FULL = 2


def guarded_tables(conn: apsw.Connection) -> tuple[str, ...]:
    """The tables that guards stand on, sorted: all ordinary ones, and the two of FTS5 that bear triggers.

    Triggers on any other shadow table crash the process (SQLite 3.45 and later, two of them are enough).
    """
    kinds = {name: kind for name, kind in _tables(conn) if not _is_engines(name)}
    shadows = {name for name, kind in kinds.items() if kind == "shadow"}
    chosen = [name for name, kind in kinds.items() if kind == "table" or _is_fts5_content(name, shadows)]
    return tuple(sorted(chosen))


def install_guards(conn: apsw.Connection) -> None:
    """Make the guards complete, inside the caller's transaction; may run any number of times.

    To be called in the same transaction as any DDL, so that no committed state has a table without guards.
    """
    wanted, found = _wanted(conn), _found(conn)
    for name in found.keys() - wanted.keys():
        conn.execute(f"DROP TRIGGER {quote(name)}")
    for name, (table, sql) in wanted.items():
        if found.get(name) == (table, sql):
            continue
        conn.execute(f"DROP TRIGGER IF EXISTS {quote(name)}")
        conn.execute(sql)


def guards_missing(conn: apsw.Connection) -> tuple[str, ...]:
    """The tables that lack a guard, or have one that is not ours, sorted; empty for a sound file."""
    found = _found(conn)
    missing = {table for name, (table, sql) in _wanted(conn).items() if found.get(name) != (table, sql)}
    return tuple(sorted(missing))


@contextlib.contextmanager
def owned(
    conn: apsw.Connection, *, operation: str, token: int, wait: float = 5.0, durable: bool = False
) -> Iterator[Control]:
    """Hold a file's write lock for one transaction of an operation; gives the control row at its start.

    Args:
        conn: A connection outside of any transaction.
        operation: The operation that acts; its id must be in the control row.
        token: Its lease token; must be in the control row too.
        wait: Seconds to poll for the write lock.
        durable: Commit at synchronous=FULL, whatever the connection is set to; it stays so afterwards.

    Raises:
        LeaseLost: Another worker claimed the file; nothing was changed.
        TenantBusy: The lock was not had in time.
    """
    if durable:
        conn.execute("PRAGMA synchronous = FULL")  # SQLite refuses the change inside a transaction
    with sqlite.immediate(conn, wait=wait, busy=lambda: _busy(conn, wait)):
        row = _require(conn)
        # Checked under the lock: a worker that was stopped before BEGIN and wakes after a takeover ends here.
        if row.operation != operation or row.token != token:
            raise LeaseLost(row.tenant, token=token)
        yield row


@contextlib.contextmanager
def admitted(
    conn: apsw.Connection, *, operation: str, token: int, wait: float = 5.0
) -> Iterator[apsw.Connection]:
    """Write guarded tables of a file that is born, in one transaction.

    The state is ``open`` only inside the transaction: no other connection sees it, a crash rolls it back.

    Raises:
        LeaseLost: Another worker claimed the file, or the file is not born any more; nothing was changed.
        TenantBusy: The lock was not had in time.
    """
    with owned(conn, operation=operation, token=token, wait=wait) as row:
        if not control.set_state(conn, FileState.OPEN, only_from=FileState.BORN):
            raise LeaseLost(row.tenant, token=token)
        yield conn
        control.set_state(conn, FileState.BORN, only_from=FileState.OPEN)


def claim(conn: apsw.Connection, *, operation: str, token: int, wait: float = 5.0) -> Control:
    """Write an operation's id and token into a file, so that every holder of an older token is shut out.

    Whoever takes an operation over does this first, before reading anything else in the file.

    Returns:
        The control row as it was before.

    Raises:
        LeaseLost: The file carries a newer token already.
        TenantBusy: The lock was not had in time.
        TenantDamaged: The file has no control row.
    """
    with sqlite.immediate(conn, wait=wait, busy=lambda: _busy(conn, wait)):
        row = _require(conn)
        if (row.token, row.operation) == (token, operation):
            return row
        if row.token >= token:
            raise LeaseLost(row.tenant, token=token)
        conn.execute(f"UPDATE main.{control.TABLE} SET operation = ?, token = ?", (operation, token))
    return row


def retire(conn: apsw.Connection) -> None:
    """Raise the fence: set the file to ``retired``, inside the transaction of ``owned(durable=True)``.

    From that commit on nobody can write to it. It must survive power loss: a fence that a reboot undid, after
    the route had moved, would leave two files that take writes.
    """
    if sqlite.value(conn, "PRAGMA synchronous") < _FULL:
        raise RuntimeError("a fence is raised in owned(durable=True) only")
    if not control.set_state(conn, FileState.RETIRED, only_from=FileState.OPEN):
        raise TenantDamaged(_tenant(conn), path=conn.filename, reason="only an open file can be retired")


@contextlib.contextmanager
def opening(conn: apsw.Connection, *, epoch: int, wait: float = 5.0) -> Iterator[bool]:
    """Lower the fence of a born file at the end of the block; for whom, ``open_generation`` says.

    Yields:
        Whether it was born still.

    Raises:
        TenantBusy: The lock was not had in time.
    """
    with sqlite.immediate(conn, wait=wait, busy=lambda: _busy(conn, wait)):
        conn.execute(
            f"UPDATE main.{control.TABLE} SET state = 'open' WHERE state = 'born' AND epoch = ?", (epoch,)
        )
        yield conn.changes() == 1


def open_generation(conn: apsw.Connection, *, epoch: int, wait: float = 5.0) -> bool:
    """Lower the fence of a born file; for whoever has read the *committed* route to this path and epoch.

    The mover, recovery and a waiting writer may all do it: one of them succeeds, the others find it done.

    Returns:
        Whether this call opened it.

    Raises:
        TenantBusy: The lock was not had in time.
    """
    with opening(conn, epoch=epoch, wait=wait) as opened:
        return opened


def reopen(conn: apsw.Connection, *, operation: str, token: int, wait: float = 5.0) -> None:
    """Make a retired file the tenant's current one again: for recovery alone, where the target is lost.

    The caller holds a token that shuts everybody else out, has proved that the route still names this file,
    and has unsealed it.

    Raises:
        LeaseLost: Another worker claimed the file; nothing was changed.
        TenantBusy: The lock was not had in time.
    """
    with owned(conn, operation=operation, token=token, wait=wait, durable=True):
        control.set_state(conn, FileState.OPEN, only_from=FileState.RETIRED)


def _wanted(conn: apsw.Connection) -> dict[str, tuple[str, str]]:
    """Guard name -> (table, CREATE statement) for every guard that the file should have."""
    guards: dict[str, tuple[str, str]] = {}
    for table in guarded_tables(conn):
        for letter, event in _EVENTS.items():
            name = f"{GUARD_PREFIX}{letter}_{table}"
            guards[name] = (table, _guard_sql(name, event, table))
    return guards


def _guard_sql(name: str, event: str, table: str) -> str:
    # IS NOT holds for a missing row too: a file without a control row takes no writes.
    return (
        f"CREATE TRIGGER {quote(name)} BEFORE {event} ON {quote(table)} "
        f"WHEN (SELECT state FROM {control.TABLE}) IS NOT 'open' "
        f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    )


def _found(conn: apsw.Connection) -> dict[str, tuple[str, str]]:
    """Name -> (table, statement) of what has a guard's name; a renamed table brings a stale one."""
    found = sqlite.rows(
        conn,
        "SELECT name, tbl_name, sql FROM main.sqlite_schema "
        "WHERE type = 'trigger' AND substr(name, 1, ?) = ?",
        (len(GUARD_PREFIX), GUARD_PREFIX),
    )
    return {name: (table, sql) for name, table, sql in found}


def _tables(conn: apsw.Connection) -> list[tuple[str, str]]:
    return [
        (row[0], row[1])
        for row in sqlite.rows(conn, "SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
    ]


def _is_engines(name: str) -> bool:
    folded = fold(name)
    return folded.startswith(("_tenantdb", "sqlite_")) or folded == "_schema_versions"


def _is_fts5_content(name: str, shadows: set[str]) -> bool:
    """Whether it is the _content or _docsize of an FTS5 table; only FTS5 has a shadow _config beside it."""
    stem, _, suffix = name.rpartition("_")
    return name in shadows and suffix in {"content", "docsize"} and f"{stem}_config" in shadows


def _require(conn: apsw.Connection) -> Control:
    row = control.read(conn)
    if row is None:
        raise TenantDamaged("?", path=conn.filename, reason="it has no control row")
    return row


def _tenant(conn: apsw.Connection) -> str:
    row = control.read(conn)
    return row.tenant if row else "?"


def _busy(conn: apsw.Connection, waited: float) -> TenantBusy:
    return TenantBusy(_tenant(conn), waited=waited)
