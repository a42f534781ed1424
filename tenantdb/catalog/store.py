"""The catalog of this process: its connections, its transactions, and how they end before a fork.

All that is SQLite's own stands here; the functions beside this module speak to any database.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, column, create_engine, event, exc, inspect, make_url, select, table
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from tenantdb.errors import CatalogUnavailable, CatalogVersion, NotInitialised, SettingsError
from tenantdb.settings import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from tenantdb.settings import Settings

HEAD = "0001"
"""The version of the catalog's schema that this code works with: the newest in ``migrations``."""

WAIT_SECONDS = 5.0
"""How long a transaction waits for the catalog's write lock, and for a free connection."""

_OPENED: dict[str, Catalog] = {}
_OPENING = threading.Lock()


class Catalog:
    """The transactions of the catalog; one object for each process and URL, for any number of threads."""

    @classmethod
    def open(cls, settings: Settings) -> Catalog:
        """Give this process's catalog; connects the first time only.

        Raises:
            NotInitialised: There is no home where the settings say.
            CatalogUnavailable: The catalog is missing, locked or damaged.
            CatalogVersion: It has another version than this code works with.
            SettingsError: The URL names a database that can't be used.
        """
        with _OPENING:
            known = _OPENED.get(settings.catalog)
            if known is None:
                _require_file(settings)
                known = cls(settings.catalog)
                known.require_version()
                _OPENED[settings.catalog] = known
            return known

    @classmethod
    def opened(cls) -> tuple[Catalog, ...]:
        """The catalogs that this process has open: what has to be closed before a fork."""
        return tuple(_OPENED.values())

    def __init__(self, url: str) -> None:
        """Prepare connections without making one; ``open`` is the way in.

        Args:
            url: SQLAlchemy's, with its password.

        Raises:
            SettingsError: The URL names a database that can't be used.
        """
        self.url = without_password(url)
        self._engines = _engines(url)
        self._gate = threading.Condition()
        self._running = 0

    @contextlib.contextmanager
    def begin(self) -> Iterator[Session]:
        """Write: a session in a transaction that holds the write lock from its beginning.

        Commits at the end of the block, rolls back on any error. On SQLite nobody else writes meanwhile.

        Raises:
            CatalogUnavailable: The lock was not had in time, or the database does not answer.
        """
        with self._writing(self._engines.write) as session:
            yield session

    @contextlib.contextmanager
    def noting(self) -> Iterator[Session]:
        """Write what nothing depends on after a power cut: like ``begin``, without waiting for the disk.

        Every process sees it from its commit on, and the next ``begin`` makes it durable too.

        Raises:
            CatalogUnavailable: The lock was not had in time, or the database does not answer.
        """
        with self._writing(self._engines.note) as session:
            yield session

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Read: a session on one consistent state of the catalog.

        Raises:
            CatalogUnavailable: The database does not answer.
        """
        with self._session(self._engines.read) as session:
            yield session

    def version(self) -> str | None:
        """The version of the catalog's schema; None where it was never made.

        Raises:
            CatalogUnavailable: The database does not answer.
        """
        versions = table("alembic_version", column("version_num"))
        with _mapped(self.url), self._engines.read.connect() as connection:
            if not inspect(connection).has_table(versions.name):
                return None
            return connection.scalar(select(versions.c.version_num))

    def require_version(self) -> None:
        """Refuse a catalog that this code does not fit.

        Raises:
            NotInitialised: It was never made.
            CatalogVersion: It has another version.
        """
        found = self.version()
        if found is None:
            raise NotInitialised(self.url)
        if found != HEAD:
            raise CatalogVersion(self.url, found=found, needed=HEAD)

    def pause(self, *, seconds: float) -> bool:
        """Close every connection and let no transaction begin until ``resume``: what a fork needs.

        Args:
            seconds: How long to wait for transactions that run.

        Returns:
            Whether all are closed. If not, ``resume`` is to be called all the same.
        """
        self._gate.acquire()
        idle = self._gate.wait_for(lambda: self._running == 0, timeout=seconds)
        self._engines.dispose()
        return idle

    def resume(self) -> None:
        """Let transactions begin again, on connections of their own: after a fork, in parent and child."""
        self._gate.release()

    def close(self) -> None:
        """Close the connections that are idle; the next transaction opens new ones."""
        self._engines.dispose()

    @contextlib.contextmanager
    def _writing(self, engine: Engine) -> Iterator[Session]:
        with self._session(engine) as session, session.begin():
            session.connection()  # takes the lock now: what the block decides outside of SQL holds too
            yield session

    @contextlib.contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        with self._counted(), _mapped(self.url), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._gate:
            self._running += 1
        try:
            yield
        finally:
            with self._gate:
                self._running -= 1
                self._gate.notify_all()


@dataclass(frozen=True, slots=True)
class _Engines:
    """Where connections for each purpose come from; one for all where several are not needed."""

    write: Engine
    note: Engine
    read: Engine

    def dispose(self) -> None:
        for engine in (self.write, self.note, self.read):
            engine.dispose()


def _engines(url: str) -> _Engines:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _Engines(
                *(_sqlite(parsed, set_up) for set_up in (_set_up_writer, _set_up_noter, _set_up_reader))
            )
        engine = create_engine(parsed, pool_pre_ping=True, pool_timeout=WAIT_SECONDS)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(f"the catalog at {without_password(url)} can't be used: {error}") from None
    return _Engines(engine, engine, engine)


def _sqlite(url: URL, set_up: Callable[[DBAPIConnection, object], None]) -> Engine:
    """Make an engine on the embedded catalog; it never makes the file.

    One connection writes: threads of a process queue for it here, in order, and only processes contend for
    the file's lock. A write transaction begins with that lock, because one that read first could not get it
    any more after another's commit.
    """
    writes = set_up is not _set_up_reader
    engine = create_engine(
        url,
        connect_args={
            "mode": "rw",
            "timeout": WAIT_SECONDS,
            "begin": "immediate" if writes else "deferred",
        },
        poolclass=QueuePool,
        pool_size=1 if writes else 4,
        max_overflow=0 if writes else 28,
        pool_timeout=WAIT_SECONDS,
    )
    event.listen(engine, "connect", set_up)
    return engine


def _set_up_writer(connection: DBAPIConnection, _record: object) -> None:
    # FULL: a route that was flipped must survive power loss, or two files could come back open.
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _set_up_noter(connection: DBAPIConnection, _record: object) -> None:
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _set_up_reader(connection: DBAPIConnection, _record: object) -> None:
    for pragma in ("query_only = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _require_file(settings: Settings) -> None:
    """Tell a home that was never made from one whose embedded catalog is gone."""
    file = _file(settings)
    if file is None or file.exists():
        return
    if not settings.layout.servers.exists():
        raise NotInitialised(str(settings.home))
    raise CatalogUnavailable(
        without_password(settings.catalog),
        reason="its file is missing, but the home has servers; restore it, or make a new one: tenantdb init",
    )


def _file(settings: Settings) -> Path | None:
    """The embedded catalog's file; None where the catalog is a server's."""
    try:
        url = make_url(settings.catalog)
    except exc.ArgumentError:
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


@contextlib.contextmanager
def _mapped(url: str) -> Iterator[None]:
    """Turn what says that the database does not answer into the platform's own error."""
    try:
        yield
    except exc.TimeoutError:
        raise CatalogUnavailable(url, reason=f"no connection came free in {WAIT_SECONDS:.0f} s") from None
    except (exc.IntegrityError, exc.ProgrammingError, exc.DataError):
        raise  # a fault of the statement, not of the database
    except exc.DBAPIError as error:
        raise CatalogUnavailable(url, reason=str(error.orig)) from error
