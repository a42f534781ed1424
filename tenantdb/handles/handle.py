"""What an application holds of a tenant: reading, writing, and the fast path to both."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from tenantdb.dialect.errors import DRIVER_ERRORS
from tenantdb.marks import slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy

    from tenantdb.dialect.cursor import Parameters, Row
    from tenantdb.handles.open_files import OpenFile, OpenFiles
    from tenantdb.handles.readers import Readers
    from tenantdb.handles.writers import Writers
    from tenantdb.marks import Marks


class TenantDB:
    """One tenant's database; from ``get_tenant_db``, for any number of threads.

    Attributes:
        tenant: The canonical id.
    """

    __slots__ = ("_file", "_files", "_marks", "_readers", "_slot", "_writers", "tenant")

    def __init__(
        self, file: OpenFile, *, files: OpenFiles, marks: Marks, readers: Readers, writers: Writers
    ) -> None:
        self.tenant = file.route.tenant
        self._file = file
        self._files = files
        self._marks = marks
        self._readers = readers
        self._slot = slot(self.tenant)
        self._writers = writers

    def __repr__(self) -> str:
        return f"<TenantDB {self.tenant!r}>"

    def is_fresh(self) -> bool:
        """Whether nobody has changed the tenant's route since its file was last looked at."""
        return self._marks.words[self._slot] == self._file.word

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlalchemy.Connection]:
        """Read one consistent state of the database.

        Yields:
            A connection of SQLAlchemy; it can't write.

        Raises:
            ReadOnly: A statement in the block writes.
            Forbidden: A statement in the block is not for applications.
            TenantNotFound: There is no such tenant any more.
            TenantBusy: All connections that the process may have are in use.
            TenantDamaged: The tenant's file is missing, malformed or not the tenant's.
            TenantFrozen: The file is newer than its route: the catalog went back in time.
        """
        with (
            self._readers.transaction(self.tenant) as block,
            block.lend() as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlalchemy.Connection]:
        """Write in a transaction that commits at the block's end, and rolls back on any error.

        Inside, the tenant can't move, be fenced or change its schema; entering waits while it does.

        Yields:
            A connection of SQLAlchemy in the transaction.

        Raises:
            TenantBusy: Another writer, or an operation, held the tenant for longer than ``write_wait``.
            TenantReadOnly: An interrupted operation has left the tenant fenced.
            NestedWrite: This thread writes to this tenant already.
            ForkedInTransaction: This process was forked inside a block.
            Forbidden: A statement in the block is not for applications.
            TenantNotFound, TenantDamaged, TenantFrozen: As ``read``.
        """
        with (
            self._writers.transaction(self.tenant) as block,
            block.lend() as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Write through the ORM: a session in a transaction like that of ``write``.

        What it loaded stays readable after the block.

        Yields:
            A session of SQLAlchemy's ORM.

        Raises:
            TenantDBError: As ``write``.
        """
        with (
            self._writers.transaction(self.tenant) as block,
            block.lend() as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run one statement that reads, straight on the driver; the fast path.

        Args:
            sql: One statement; parameters are ``?``, ``?1``, ``:name``.
            parameters: A sequence, or a mapping for names.

        Raises:
            ReadOnly: The statement writes.
            tenantdb.dialect.errors.Error: SQLite refuses the statement.
            TenantDBError: As ``read``.
        """
        file = self._file
        # The usual case, in a few microseconds: an idle connection on a file that was at home when last
        # looked at. That nothing was committed to it since (so nobody retired it), and that nobody has
        # changed the route, is looked at *after* the query, and so holds for what the query saw.
        if ";" in sql:  # may be a second statement, which the driver would run too
            return self._query_admitted(sql, parameters)
        try:
            reader = file.idle.pop()
        except IndexError:
            return self._query_admitted(sql, parameters)
        try:
            reader.execute(sql, parameters)
            rows = reader.fetchall()
            home = reader.data_version() == reader.seen and self._marks.words[self._slot] == file.word
            if not home:
                home = self._readers.still_home(file, reader)
        except DRIVER_ERRORS:
            # It may hold for this file alone, which the tenant has left: the current one has the last word.
            self._files.drop(reader.raw)
            return self._query_admitted(sql, parameters)
        except BaseException:
            self._files.drop(reader.raw)
            raise
        file.used = True
        file.idle.append(reader)
        if file.closed:
            self._files.close_idle(file)
        return rows if home else self._query_admitted(sql, parameters)

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement in a write transaction of its own, straight on the driver.

        Args:
            sql: One statement; parameters are ``?``, ``?1``, ``:name``.
            parameters: A sequence, or a mapping for names.

        Returns:
            How many rows it changed.

        Raises:
            tenantdb.dialect.errors.Error: SQLite refuses the statement, or there is a second one.
            TenantDBError: As ``write``.
        """
        with self._writers.transaction(self.tenant) as block:
            return block.execute(sql, parameters)

    def _query_admitted(self, sql: str, parameters: Parameters) -> list[Row]:
        """Query in a transaction that was begun on the right file, and remember that file."""
        with self._readers.transaction(self.tenant) as block:
            rows = block.query(sql, parameters)
        self._file = block.file
        return rows
