"""Opening a tenant's file for an application: what it may do, and what every connection is set to."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw

from migrations_engine.errors import UnknownExtension
from migrations_engine.extensions import register
from migrations_engine.sqlite import require_sound_sqlite
from tenantdb import paths
from tenantdb.dialect.dialect import add_functions
from tenantdb.errors import SettingsError, TenantDamaged
from tenantdb.handles.authorizer import Authorizer
from tenantdb.model import Durability

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tenantdb.model import Route

DESCRIPTORS = 3
"""Files that a connection holds open: database, log, and the log's index, which a process shares."""

_BUSY_MILLISECONDS = 5000
"""How long a reader waits where another process recovers the log after a crash; else readers never wait."""


class Reader:
    """A connection that reads, with what the hot path calls bound beforehand.

    Attributes:
        raw: APSW's connection.
        authorizer: What decides about its statements.
        execute: Of one cursor that is used again and again.
        fetchall: Of the same.
        data_version: Tells whether the file has changed since ``seen``.
        seen: The data version at which the control row was last found to be what it should be.
    """

    __slots__ = ("authorizer", "data_version", "execute", "fetchall", "raw", "seen")

    def __init__(self, raw: apsw.Connection, authorizer: Authorizer) -> None:
        cursor = raw.cursor()
        self.raw = raw
        self.authorizer = authorizer
        self.execute = cursor.execute
        self.fetchall = cursor.fetchall
        self.data_version = raw.data_version
        self.seen = -1


class Writer:
    """A connection that writes: one for each file, handed from thread to thread."""

    __slots__ = ("authorizer", "raw")

    def __init__(self, raw: apsw.Connection, authorizer: Authorizer) -> None:
        self.raw = raw
        self.authorizer = authorizer


def open_reader(route: Route, *, extensions: tuple[str, ...] = ()) -> Reader:
    """Open a tenant's file for reading; never makes one.

    Raises:
        TenantDamaged: There is no such file, it is no database, or not one in WAL mode.
        SettingsError: One of the extensions is not there.
    """
    authorizer = Authorizer(route.tenant, writes=False)
    raw = _open(route, authorizer, flags=apsw.SQLITE_OPEN_READONLY, extensions=extensions)
    raw.set_busy_timeout(_BUSY_MILLISECONDS)
    return Reader(raw, authorizer)


def open_writer(route: Route, *, durability: Durability, extensions: tuple[str, ...] = ()) -> Writer:
    """Open a tenant's file for writing; never makes one. Locks are polled for, never waited for by SQLite.

    Raises:
        TenantDamaged: There is no such file, it is no database, or not one in WAL mode.
        SettingsError: One of the extensions is not there.
    """
    authorizer = Authorizer(route.tenant, writes=True)
    raw = _open(route, authorizer, flags=apsw.SQLITE_OPEN_READWRITE, extensions=extensions)
    raw.set_busy_timeout(0)
    level = "FULL" if durability is Durability.FULL else "NORMAL"
    authorizer.trusted(raw, f"PRAGMA synchronous = {level}")
    authorizer.trusted(raw, "PRAGMA foreign_keys = ON")
    return Writer(raw, authorizer)


@contextlib.contextmanager
def damage_named(route: Route) -> Iterator[None]:
    """Turn what SQLite says about a file as a whole into the platform's own error."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError) as error:
        raise damaged(route, error) from error


def damaged(route: Route, error: apsw.Error) -> TenantDamaged:
    """Say what is wrong with a tenant's file."""
    reason = "the file is missing" if _is_missing(route.path) else f"SQLite says: {error}"
    return TenantDamaged(route.tenant, path=str(route.path), reason=reason)


def _open(
    route: Route, authorizer: Authorizer, *, flags: int, extensions: tuple[str, ...]
) -> apsw.Connection:
    require_sound_sqlite()
    paths.refuse_links(route.path, tenant=route.tenant)
    with damage_named(route):
        raw = apsw.Connection(str(route.path), flags=flags)
        try:
            # A file's first and last connection hold it for a moment: log recovery, checkpoint at close.
            raw.set_busy_timeout(_BUSY_MILLISECONDS)
            _confine(raw)
            add_functions(raw)
            _extend(raw, extensions)
            raw.set_authorizer(authorizer)
            _require_wal(raw, route)
        except BaseException:
            raw.close()
            raise
    return raw


def _confine(raw: apsw.Connection) -> None:
    """Keep a connection to its own file: what the authorizer refuses is impossible besides.

    SQLITE_DBCONFIG_DEFENSIVE stays off: with it SQLite reports a schema with triggers on shadow tables as
    malformed, and the guards of FTS5 tables are such triggers. The authorizer refuses what it would refuse,
    but for writes to the shadow tables of an application's own index, which only SQLite can tell from the
    module's.
    """
    raw.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    raw.enable_load_extension(enable=False)
    for option in (
        apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA,  # a schema that somebody planted calls no function of ours
        apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE,
        apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE,
    ):
        raw.config(option, 0)


def _require_wal(raw: apsw.Connection, route: Route) -> None:
    """Refuse a file in another journal mode: there readers and writers would block each other."""
    mode = raw.execute("PRAGMA main.journal_mode").fetchall()[0][0]
    if mode != "wal":
        raise TenantDamaged(route.tenant, path=str(route.path), reason=f"its journal mode is {mode}, not wal")


def _extend(raw: apsw.Connection, names: tuple[str, ...]) -> None:
    """Give a connection the application's functions, for its schema too.

    The application named them itself, and its CHECKs, indexes and triggers may rest on them. Without any,
    the schema stays untrusted: one that somebody planted calls nothing that reaches out of the file.
    """
    if not names:
        return
    try:
        register(raw, names)
    except UnknownExtension as error:
        raise SettingsError(str(error)) from error
    raw.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1)


def _is_missing(path: Path) -> bool:
    return not path.exists()
