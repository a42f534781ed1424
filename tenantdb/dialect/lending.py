"""SQLAlchemy on connections of APSW that somebody else keeps.

All of them share one engine, so one dialect and one cache of compiled statements, whatever files they are
on: an engine for each file would cost most of a millisecond, and compile every statement again.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn

import apsw
import sqlalchemy
from sqlalchemy import exc, pool

from tenantdb.dialect.connection import Connection, OwnTransactions

if TYPE_CHECKING:
    from tenantdb.dialect.connection import Keeper

COMPILED_STATEMENTS = 2000
"""How many compiled statements are kept, for all files together."""


def lend(raw: apsw.Connection, *, keeper: Keeper | None = None) -> sqlalchemy.Connection:
    """Make a connection of SQLAlchemy on an open one of APSW; it costs a few microseconds.

    It is used in a ``with`` block and not after it. The connection of APSW stays open, and the engine
    behind it connects to nothing else. Functions, pragmas and the authorizer are whatever the connection
    has; ``add_functions`` gives it those that SQLAlchemy may call.

    A transaction that is open already is joined:

        raw.execute("BEGIN IMMEDIATE")
        with lend(raw) as conn, conn.begin():
            yield conn                       # commits at the end, rolls back on an error

    Args:
        raw: The connection to use, by one thread at a time.
        keeper: Who begins, commits, rolls back and names errors; plain BEGIN, COMMIT and ROLLBACK by default.
    """
    lent = LentConnection(raw, keeper=keeper or OwnTransactions(raw))
    return sqlalchemy.Connection(_engine(), lent)


class LentConnection(Connection, pool.PoolProxiedConnection):  # type: ignore[misc]  # its methods are ours
    """A connection that SQLAlchemy takes for one out of a pool; giving it back does nothing."""

    @property
    def dbapi_connection(self) -> LentConnection:  # type: ignore[override]  # a protocol on paper only
        """The driver's connection as SQLAlchemy knows it: this."""
        return self

    @property
    def driver_connection(self) -> apsw.Connection:  # type: ignore[override]  # an attribute on paper only
        """The connection of APSW."""
        return self.raw

    @functools.cached_property
    def info(self) -> dict[str, Any]:
        """Notes of SQLAlchemy's users about this connection."""
        return {}

    @property
    def record_info(self) -> None:
        """There is no pool, so it has no notes."""

    @property
    def is_valid(self) -> bool:
        """Whether the connection can be used."""
        return self.is_open

    @property
    def is_detached(self) -> bool:
        """Whether no pool waits for it."""
        return True

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:  # noqa: FBT001, FBT002 - SQLAlchemy's signature
        """Leave it to the keeper to find out that the connection is of no more use."""

    def detach(self) -> None:
        """Do nothing: there is no pool."""

    def close(self) -> None:
        """Leave the connection to its keeper."""

    def _close_special(self, transaction_reset: bool = False) -> None:  # noqa: FBT001, FBT002 - the same
        """Leave the connection to its keeper: SQLAlchemy calls this after it has ended the transaction."""


@functools.cache
def _engine() -> sqlalchemy.Engine:
    """Make the engine of all lent connections, ready as if it had connected once."""
    engine = sqlalchemy.create_engine(
        "sqlite+apsw://", creator=_refuse, poolclass=pool.NullPool, query_cache_size=COMPILED_STATEMENTS
    )
    raw = apsw.Connection(":memory:")
    with sqlalchemy.Connection(engine, LentConnection(raw, keeper=OwnTransactions(raw))) as first:
        engine.dialect.initialize(first)
    raw.close()
    return engine


def _refuse() -> NoReturn:
    """Refuse to connect: an empty database in memory would swallow what is meant for a tenant's file."""
    raise exc.InvalidRequestError("this engine opens nothing: use the connection that was lent")
