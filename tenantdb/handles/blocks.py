"""An application's block on one connection: its transaction's end, and what errors are called in it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn, Self, cast

import apsw

from tenantdb.dialect.connection import Connection
from tenantdb.dialect.errors import translated
from tenantdb.dialect.lending import lend
from tenantdb.errors import ForkedInTransaction, ReadOnly, TenantBusy
from tenantdb.handles import fork
from tenantdb.handles.connections import damaged

if TYPE_CHECKING:
    from types import TracebackType

    import sqlalchemy

    from tenantdb.dialect.connection import Begin
    from tenantdb.dialect.cursor import Parameters, Row
    from tenantdb.handles.connections import Reader, Writer
    from tenantdb.handles.open_files import OpenFile
    from tenantdb.model import Route


class Block:
    """A transaction that was begun on the right file; lends its connection and keeps its end.

    It is what the dialect calls a keeper: SQLAlchemy's commit and rollback arrive here.

    Attributes:
        file: Where it runs.
        raw: APSW's connection.
        thread: The thread that is inside.
        abandoned: This is a forked child, the connection is its parent's.
    """

    def __init__(self, file: OpenFile, connection: Reader | Writer) -> None:
        self.file = file
        self.raw = connection.raw
        self.thread = threading.get_ident()
        self.abandoned = False
        self._authorizer = connection.authorizer
        self._lent: Connection | None = None

    def __enter__(self) -> Self:
        """Be inside; a fork from now on leaves the child without this connection."""
        fork.blocks.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Roll back what was not committed."""
        fork.blocks.discard(self)
        if not self.abandoned:
            self._authorizer.block = False
            self.rollback()

    @property
    def reusable(self) -> bool:
        """Whether the connection is as it was: no statement runs on it, nothing was left on it."""
        return (
            not self.abandoned
            and not self._authorizer.tainted
            and self.raw.txn_state() == apsw.SQLITE_TXN_NONE
        )

    def lend(self) -> sqlalchemy.Connection:
        """A connection of SQLAlchemy's in this block's transaction; TEMP objects may be made on it."""
        self._authorizer.block = True
        connection = lend(self.raw, keeper=self)
        self._lent = cast("Connection", connection.connection)
        return connection

    def execute(self, sql: str, parameters: Parameters) -> int:
        """Run one statement and commit; the number of rows that it changed, 0 where it changes none."""
        connection = Connection(self.raw, keeper=self)
        connection.begin()
        changed = connection.execute(sql, parameters).rowcount
        connection.commit()
        return max(0, changed)

    def query(self, sql: str, parameters: Parameters) -> list[Row]:
        """Run one statement; all its rows."""
        return Connection(self.raw, keeper=self).execute(sql, parameters).fetchall()

    def begin(self, _mode: Begin) -> None:
        """Join: the transaction was begun before the block."""

    def commit(self) -> None:
        """Commit where a transaction is open.

        Raises:
            ForkedInTransaction: This is a child, the transaction is its parent's.
        """
        if self.abandoned:
            raise ForkedInTransaction
        if self.raw.in_transaction:
            self._authorizer.trusted(self.raw, "COMMIT")

    def rollback(self) -> None:
        """Roll back where a transaction is open; in a forked child it is the parent's, and left alone."""
        if not self.abandoned and self.raw.in_transaction:
            self._authorizer.trusted(self.raw, "ROLLBACK")

    def explain(self, error: Exception) -> Exception:
        """Make the error to raise for one of the driver's."""
        return explained(self.file.route, error)

    def abandon(self) -> None:
        """Let every later use raise: this is a forked child, the connection is the parent's."""
        self.abandoned = True
        if self._lent is not None:
            self._lent.raw = cast("apsw.Connection", _Inherited())


def explained(route: Route, error: Exception) -> Exception:
    """Make the platform's error for one of the driver's; those of SQL itself are the dialect's (PEP 249)."""
    if isinstance(error, apsw.ReadOnlyError):
        return ReadOnly(route.tenant)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.CantOpenError):
        return damaged(route, error)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return TenantBusy(route.tenant, waited=0.0, reason=str(error))
    return translated(error)


class _Inherited:
    """Stands in a child for a connection of its parent's: whatever runs on it raises.

    Making a cursor and closing it do not, because SQLAlchemy would wrap the error; and SQLAlchemy, which asks
    whether the connection is open before it rolls back, is told that it is not.
    """

    def cursor(self) -> Self:
        return self

    def close(self, *, force: bool) -> None:
        """There is nothing that would be ours to close."""

    def total_changes(self) -> NoReturn:
        raise apsw.ConnectionClosedError

    def __getattr__(self, _name: str) -> NoReturn:
        raise ForkedInTransaction
