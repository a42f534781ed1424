"""A connection of PEP 249 over one of APSW: its own, or one that somebody lends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, Protocol

import apsw

from migrations_engine.sqlite import POLL_SECONDS, require_sound_sqlite
from tenantdb.dialect.cursor import Cursor, may_change_rows
from tenantdb.dialect.errors import DRIVER_ERRORS, OperationalError, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from tenantdb.dialect.cursor import Parameters

Mode = Literal["ro", "rw", "rwc"]
Begin = Literal["deferred", "immediate", "exclusive"]

_FLAGS: dict[Mode, int] = {
    "ro": apsw.SQLITE_OPEN_READONLY,
    "rw": apsw.SQLITE_OPEN_READWRITE,
    "rwc": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
}
_BEGIN: dict[Begin, str] = {
    "deferred": "BEGIN",
    "immediate": "BEGIN IMMEDIATE",
    "exclusive": "BEGIN EXCLUSIVE",
}


class Keeper(Protocol):
    """Whoever keeps the transactions of a connection: the connection's lender, or ``OwnTransactions``."""

    def begin(self, mode: Begin) -> None:
        """Begin a transaction, or join the one that is open."""

    def commit(self) -> None:
        """Commit where a transaction is open."""

    def rollback(self) -> None:
        """Roll back where a transaction is open."""

    def explain(self, error: Exception) -> Exception:
        """Make the error to raise for one of the driver's; ``errors.translated`` makes the usual one."""


class OwnTransactions:
    """The keeper of a connection that nobody lends: plain BEGIN, COMMIT and ROLLBACK."""

    __slots__ = ("_raw",)

    def __init__(self, raw: apsw.Connection) -> None:
        self._raw = raw

    def begin(self, mode: Begin) -> None:
        """Begin, or join what the application's own BEGIN began."""
        if not self._raw.in_transaction:
            self._raw.execute(_BEGIN[mode])

    def commit(self) -> None:
        """Commit where a transaction is open."""
        if self._raw.in_transaction:
            self._raw.execute("COMMIT")

    def rollback(self) -> None:
        """Roll back where a transaction is open: SQLite may have done so by itself."""
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def explain(self, error: Exception) -> Exception:
        """Make the error of PEP 249."""
        return translated(error)


class Connection:
    """One connection, used by one thread at a time.

    No statement ends a transaction but COMMIT and ROLLBACK, so DDL is part of it. ``begin`` opens one;
    where nobody called it, the first INSERT, UPDATE, DELETE or REPLACE does, unless ``autocommit`` is set.

    Attributes:
        raw: APSW's connection.
        autocommit: Each statement commits itself, ``begin`` does nothing.
        begin_mode: How a transaction begins.
    """

    def __init__(
        self, raw: apsw.Connection, *, keeper: Keeper | None = None, begin_mode: Begin = "deferred"
    ) -> None:
        """Wrap a connection of APSW; with a keeper it is a lent one, and never closed from here."""
        self.raw = raw
        self.autocommit = False
        self.begin_mode: Begin = begin_mode
        self._lent = keeper is not None
        self._keeper = keeper or OwnTransactions(raw)
        self._begun = False

    def cursor(self) -> Cursor:
        """Make a cursor."""
        return Cursor(self)

    def execute(self, sql: str, parameters: Parameters = ()) -> Cursor:
        """Run one statement on a cursor of its own, and return that."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameter_sets: Iterable[Parameters]) -> Cursor:
        """Run one statement for each set of parameters on a cursor of its own, and return that."""
        return self.cursor().executemany(sql, parameter_sets)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        try:
            return self.raw.in_transaction
        except DRIVER_ERRORS as error:
            raise self.explained(error) from error.__cause__

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used: neither we nor anybody else has closed it."""
        try:
            self.raw.total_changes()
        except apsw.ConnectionClosedError:
            return False
        return True

    def begin(self) -> None:
        """Begin a transaction, or join the one that is open; nothing in autocommit."""
        if self.autocommit:
            return
        try:
            self._keeper.begin(self.begin_mode)
        except DRIVER_ERRORS as error:
            raise self.explained(error) from error.__cause__
        self._begun = True

    def commit(self) -> None:
        """Commit the open transaction, if there is one.

        Raises:
            OperationalError: SQLite has rolled it back, or it can't be committed now (locked, disk full).
        """
        self._refuse_lost()
        try:
            self._keeper.commit()
        except DRIVER_ERRORS as error:
            raise self.explained(error) from error.__cause__
        self._begun = False

    def rollback(self) -> None:
        """Roll the open transaction back, if there is one."""
        self._begun = False
        try:
            self._keeper.rollback()
        except DRIVER_ERRORS as error:
            raise self.explained(error) from error.__cause__

    def close(self) -> None:
        """Close the connection, which rolls back; one that is lent is left to its lender."""
        if not self._lent:
            self.raw.close(force=True)

    def create_function(
        self, name: str, arguments: int, function: Callable[..., Any], *, deterministic: bool = False
    ) -> None:
        """Make a Python function callable in SQL; ``arguments`` is their number, -1 for any."""
        self.raw.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def explained(self, error: Exception) -> Exception:
        """Make the error to raise for one of the driver's."""
        return self._keeper.explain(error)

    def before(self, sql: str) -> None:
        """Make sure that a statement runs in the transaction that it is meant to run in."""
        if self.in_transaction:
            return
        self._refuse_lost()
        if not self.autocommit and may_change_rows(sql):
            self.begin()

    def after(self) -> None:
        """Note that a statement of the application's (COMMIT, ROLLBACK) ended the transaction."""
        if self._begun and not self.raw.in_transaction:
            self._begun = False

    def _refuse_lost(self) -> None:
        """Refuse to go on where SQLite rolled the transaction back by itself.

        It does so when the disk is full, for ON CONFLICT ROLLBACK and the like. An application that caught
        that error and goes on would commit the second half of its work and believe in the first.
        """
        if self._begun and not self.in_transaction:
            raise OperationalError("SQLite has rolled this transaction back; roll back and begin anew")


def connect(
    database: str | PathLike[str], *, mode: Mode = "rwc", timeout: float = 5.0, begin: Begin = "deferred"
) -> Connection:
    """Open a database.

    Args:
        database: A path, ``:memory:``, or an URI that begins with ``file:``.
        mode: Read only, read and write, or also create; an URI's own ``mode`` comes before it.
        timeout: Seconds to wait for a lock.
        begin: How a transaction begins.

    Raises:
        SQLiteTooOld: The linked SQLite can lose commits.
        OperationalError: The file cannot be opened.
    """
    require_sound_sqlite()
    try:
        raw = apsw.Connection(str(database), flags=_FLAGS[mode] | apsw.SQLITE_OPEN_URI)
    except DRIVER_ERRORS as error:
        raise translated(error) from error.__cause__
    raw.set_busy_handler(_waiting(timeout))
    return Connection(raw, begin_mode=begin)


def _waiting(timeout: float) -> Callable[[int], bool]:
    """Make a busy handler that tries again at short, even intervals.

    SQLite's own waits longer each time, so that a writer who has waited long starves among new ones.
    """
    deadline = 0.0

    def wait(tries: int) -> bool:
        nonlocal deadline
        now = time.monotonic()
        if tries == 0:
            deadline = now + timeout
        if now >= deadline:
            return False
        time.sleep(POLL_SECONDS)
        return True

    return wait
