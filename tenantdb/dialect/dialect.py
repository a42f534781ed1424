"""SQLAlchemy's SQLite dialect on APSW: ``sqlite+apsw:///path/to/file.db``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args
from urllib.parse import urlencode

import apsw
from sqlalchemy import exc, pool, util
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.characteristics import ConnectionCharacteristic
from sqlalchemy.engine.default import DefaultDialect

from tenantdb.dialect import dbapi
from tenantdb.dialect.connection import Begin, Mode
from tenantdb.dialect.errors import ConnectionClosed, Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from apsw import SQLiteValue
    from sqlalchemy.engine import URL, Dialect
    from sqlalchemy.engine.interfaces import (
        ConnectArgsType,
        DBAPIConnection,
        DBAPICursor,
        DBAPIModule,
        IsolationLevel,
    )
    from sqlalchemy.pool import PoolProxiedConnection

_MEMORY = ":memory:"
_MOVED = apsw.SQLITE_READONLY_DBMOVED


class BeginCharacteristic(ConnectionCharacteristic):
    """The execution option ``sqlite_begin``: how the transactions of a connection begin."""

    __slots__ = ()
    transactional = True

    def reset_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection) -> None:
        """Go back to the engine's setting."""
        dbapi_conn.begin_mode = cast("APSWDialect", dialect).begin_mode

    def set_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection, value: object) -> None:  # noqa: ARG002 - SQLAlchemy's signature
        """Begin transactions in this mode from now on."""
        dbapi_conn.begin_mode = _begin_mode(value)

    def get_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection) -> Begin:  # noqa: ARG002 - as above
        """Tell how transactions begin."""
        mode: Begin = dbapi_conn.begin_mode
        return mode


class APSWDialect(SQLiteDialect):
    """The SQLite dialect, with APSW as its driver.

    A transaction begins with BEGIN when SQLAlchemy says so and holds DDL too, so no events are needed for
    savepoints, SERIALIZABLE or Alembic's ``transactional_ddl``. How it begins: ``create_engine(url,
    begin="immediate")``, or the execution option ``sqlite_begin`` of an engine or a connection.

    In the URL: ``timeout`` (seconds to wait for a lock, 5) and ``mode`` (``ro``, ``rw``, ``rwc``). Where the
    database begins with ``file:`` it is an URI of SQLite's, and all else in the query is its own.
    """

    driver = "apsw"
    supports_statement_cache = True
    returns_native_bytes = True
    supports_sane_rowcount_returning = True
    description_encoding = None
    connection_characteristics = util.immutabledict(
        {**DefaultDialect.connection_characteristics, "sqlite_begin": BeginCharacteristic()}
    )

    def __init__(self, begin: Begin = "deferred", **options: Any) -> None:
        """Make the dialect; ``begin`` is how transactions begin, the other options are SQLAlchemy's.

        ``create_engine`` finds no keyword-only options.
        """
        super().__init__(**options)
        self.begin_mode = _begin_mode(begin)

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        """The driver's module."""
        return cast("DBAPIModule", dbapi)

    @classmethod
    def load_provisioning(cls) -> None:
        """Tell SQLAlchemy's own test suite to handle this as any SQLite."""
        SQLiteDialect.load_provisioning()  # type: ignore[no-untyped-call]

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """A pool for files; one connection a thread for databases in memory, which end with it."""
        return pool.QueuePool if _is_file(url) else pool.SingletonThreadPool

    def create_connect_args(self, url: URL) -> ConnectArgsType:
        """The arguments of ``dbapi.connect`` for an URL.

        Raises:
            ArgumentError: The URL names a host or a user, or has a parameter that nobody takes.
        """
        _refuse_host(url)
        query = dict(url.query)
        options: dict[str, Any] = {"begin": self.begin_mode}
        if "timeout" in query:
            options["timeout"] = float(str(query.pop("timeout")))
        database = url.database or _MEMORY
        if database.startswith("file:"):
            return [f"{database}?{urlencode(query)}" if query else database], options
        if "mode" in query:
            options["mode"] = _open_mode(query.pop("mode"))
        if query:
            raise exc.ArgumentError(f"{url!r}: unknown: {', '.join(sorted(query))}; known: timeout, mode")
        return [database if database == _MEMORY else str(Path(database).absolute())], options

    def on_connect(self) -> Callable[[DBAPIConnection], None]:
        """What each new connection is given: the function behind ``regexp_match``."""
        return lambda connection: add_functions(connection.raw)

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Begin: SQLite's own default would commit each statement by itself."""
        dbapi_connection.begin()

    def do_ping(self, dbapi_connection: DBAPIConnection) -> bool:
        """Whether the connection is still open: a file has no network to ask over."""
        return bool(dbapi_connection.is_open)

    def is_disconnect(
        self,
        e: DBAPIModule.Error,
        connection: PoolProxiedConnection | DBAPIConnection | None,  # noqa: ARG002 - SQLAlchemy's signature
        cursor: DBAPICursor | None,  # noqa: ARG002 - as above
    ) -> bool:
        """Whether the connection is of no more use: it was closed, or its file is no longer at its path."""
        return isinstance(e, ConnectionClosed) or (isinstance(e, Error) and e.sqlite_errorcode == _MOVED)

    def get_isolation_level_values(self, dbapi_conn: DBAPIConnection) -> list[IsolationLevel]:
        """The levels that there are."""
        levels: list[IsolationLevel] = super().get_isolation_level_values(dbapi_conn)  # type: ignore[no-untyped-call]
        return [*levels, "AUTOCOMMIT"]

    def get_isolation_level(self, dbapi_connection: DBAPIConnection) -> IsolationLevel:
        """AUTOCOMMIT, SERIALIZABLE or READ UNCOMMITTED."""
        if dbapi_connection.autocommit:
            return "AUTOCOMMIT"
        level: IsolationLevel = super().get_isolation_level(dbapi_connection)  # type: ignore[no-untyped-call]
        return level

    def set_isolation_level(self, dbapi_connection: DBAPIConnection, level: IsolationLevel) -> None:
        """Set one of those three; only a shared cache makes the last two differ."""
        dbapi_connection.autocommit = level == "AUTOCOMMIT"
        if level != "AUTOCOMMIT":
            super().set_isolation_level(dbapi_connection, level)

    def detect_autocommit_setting(self, dbapi_conn: DBAPIConnection) -> bool:
        """Whether each statement commits itself."""
        return bool(dbapi_conn.autocommit)

    def _get_server_version_info(self, connection: object) -> tuple[int, ...]:  # noqa: ARG002 - SQLAlchemy's
        """SQLite's version."""
        return dbapi.sqlite_version_info


def add_functions(raw: apsw.Connection) -> None:
    """Give a connection of APSW the SQL functions that SQLAlchemy's constructs call.

    Only REGEXP: SQLite ships ``floor`` here. Another one in its place, as SQLAlchemy brings for drivers that
    lack it, would compute generated columns and indexes differently from one connection to the next.
    """
    raw.create_scalar_function("regexp", _regexp, 2, deterministic=True)


def _regexp(*pattern_and_text: SQLiteValue) -> SQLiteValue:
    """``text REGEXP pattern``, found anywhere in the text."""
    pattern, text = pattern_and_text
    return None if text is None else int(re.search(str(pattern), str(text)) is not None)


def _refuse_host(url: URL) -> None:
    """Refuse what reads like the address of a server, most often a path with a slash too few."""
    if url.username or url.password or url.host or url.port:
        raise exc.ArgumentError(f"{url!r}: SQLite has no hosts or users; write sqlite+apsw:////path/file.db")


def _is_file(url: URL) -> bool:
    """Whether a database outlives its connection."""
    database = url.database or _MEMORY
    return database not in {_MEMORY, f"file:{_MEMORY}"} and url.query.get("mode") != "memory"


def _begin_mode(value: object) -> Begin:
    """One of the modes of BEGIN, in any case."""
    return cast("Begin", _choice("begin", value, get_args(Begin)))


def _open_mode(value: object) -> Mode:
    """One of the modes to open a file in."""
    return cast("Mode", _choice("mode", value, get_args(Mode)))


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """One of the allowed words, in any case."""
    word = str(value).lower()
    if word not in allowed:
        raise exc.ArgumentError(f"{name}={value!r}: one of {', '.join(allowed)}")
    return word
