"""A cursor of PEP 249 over one of APSW."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Protocol

import apsw

from tenantdb.dialect.errors import DRIVER_ERRORS, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Parameters = Sequence[Any] | Mapping[str, Any]
    Row = tuple[Any, ...]
    Description = tuple[tuple[str, str | None, None, None, None, None, None], ...]

_BLANK = re.compile(r"(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_CHANGE = re.compile(_BLANK.pattern + r"(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.DOTALL | re.IGNORECASE)

_UNKNOWN = (None, None, None, None, None)
"""Sizes, precision and the like, of which SQLite knows nothing."""


def may_change_rows(sql: str) -> bool:
    """Tell whether a statement can be an INSERT, UPDATE, DELETE or REPLACE, by its first word."""
    return _CHANGE.match(sql) is not None


class _Statement:
    """What is known of a statement only between its preparation and its end.

    APSW forgets the description with the last row, and a query that finds none has no other moment to be
    asked. It is an object of its own, so that a cursor and APSW's are no reference cycle.
    """

    __slots__ = ("_rows_allowed", "_sql", "changes_rows", "description")

    def __init__(self) -> None:
        self._sql: str | None = None
        self._rows_allowed = True
        self.description: Description | None = None
        self.changes_rows = False

    def expect(self, sql: str, *, rows_allowed: bool) -> None:
        """Make ready for the next execution."""
        self._sql = sql
        self._rows_allowed = rows_allowed
        self.description = None
        self.changes_rows = False

    def look_again(self, raw: apsw.Cursor) -> None:
        """Read the description anew: the first step prepares a statement again whose schema has changed.

        By its other name, because APSW keeps the answer that it gave before that step. Without a row there
        is nothing to look at, and the first answer has to do.
        """
        with contextlib.suppress(apsw.ExecutionCompleteError):
            self.description = raw.description

    def __call__(self, raw: apsw.Cursor, sql: str, _parameters: Parameters | None) -> bool:
        """Note the statement before its first step; APSW calls this as its execution tracer."""
        if self._sql is None:  # noted already: the next set of parameters, or the blank rest of the text
            return True
        if len(sql) != len(self._sql):
            _refuse_second(self._sql[len(sql) :])
        columns = raw.get_description()
        if columns and not self._rows_allowed:
            raise ProgrammingError("executemany() is for statements that return no rows")
        self.description = tuple((*column, *_UNKNOWN) for column in columns) or None
        self.changes_rows = not raw.is_readonly and may_change_rows(sql)
        self._sql = None
        return True


def _refuse_second(rest: str) -> None:
    """Refuse a text of several statements before the first has run: one execution, one outcome."""
    if _BLANK.fullmatch(rest) is None:
        raise ProgrammingError(f"one statement at a time; a second begins at {rest.strip()!r:.60}")


def _refuse_type(_cursor: apsw.Cursor, number: int, value: object) -> None:
    """Refuse a parameter that SQLite has no type for; APSW calls this for one."""
    raise ProgrammingError(f"parameter {number}: SQLite has no type for a {type(value).__name__}")


class _Rows(Protocol):
    """Where rows come from: APSW's cursor, or rows that are fetched already."""

    def fetchone(self) -> Row | None: ...
    def fetchall(self) -> list[Row]: ...


class _Fetched:
    """Rows that are fetched already."""

    __slots__ = ("_rest",)

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rest = iter(rows)

    def fetchone(self) -> Row | None:
        return next(self._rest, None)

    def fetchall(self) -> list[Row]:
        return list(self._rest)


class _Counted:
    """Sets of parameters that count what their statements changed.

    SQLite tells that only of the latest statement; it is done when APSW asks for the next set.
    """

    __slots__ = ("_changes", "_sets", "total")

    def __init__(self, sets: Iterable[Parameters], changes: Callable[[], int]) -> None:
        self._sets = sets
        self._changes = changes
        self.total = 0

    def __iter__(self) -> Iterator[Parameters]:
        for parameters in self._sets:
            yield parameters
            self.total += self._changes()


class Host(Protocol):
    """What a cursor needs of its connection.

    Attributes:
        raw: APSW's connection.
    """

    raw: apsw.Connection

    def before(self, sql: str) -> None:
        """Make sure that a statement runs in the transaction that it is meant to run in."""

    def after(self) -> None:
        """Take note that a statement has run."""

    def explained(self, error: Exception) -> Exception:
        """Make the error to raise for one of the driver's."""


class Cursor:
    """Runs statements one after the other and hands out their rows.

    Rows of a query are read as they are fetched. A change with RETURNING is run to its end at once, so that
    ``rowcount`` is right and an unread row keeps no transaction from committing.

    Attributes:
        connection: The connection that it runs on.
        rowcount: Rows that an INSERT, UPDATE, DELETE or REPLACE changed (all of them for ``executemany``,
            what triggers changed apart); -1 after anything else.
        lastrowid: The rowid of the connection's latest INSERT, as of the latest change of this cursor.
        arraysize: How many rows ``fetchmany`` fetches where it is not told.
    """

    __slots__ = ("_raw", "_rows", "_statement", "arraysize", "connection", "lastrowid", "rowcount")

    def __init__(self, connection: Host) -> None:
        try:
            raw = connection.raw.cursor()
        except DRIVER_ERRORS as error:
            raise connection.explained(error) from error.__cause__
        self._statement = raw.exec_trace = _Statement()
        raw.convert_binding = _refuse_type
        self._raw: apsw.Cursor | None = raw
        self._rows: _Rows = raw
        self.connection = connection
        self.arraysize = 1
        self.rowcount = -1
        self.lastrowid: int | None = None

    @property
    def description(self) -> Description | None:
        """Name and declared type of each column, None after a statement without columns."""
        return self._statement.description

    def execute(self, sql: str, parameters: Parameters = ()) -> Cursor:
        """Run one statement.

        Args:
            sql: One statement; parameters are ``?``, ``?1`` or ``:name``.
            parameters: A sequence, or a mapping for names.

        Raises:
            Error: One of the tree, see ``errors``.
        """
        raw = self._ready(sql)
        try:
            raw.execute(sql, parameters)
            if self._statement.description is not None:
                self._statement.look_again(raw)
            if self._statement.changes_rows:
                self._rows = _Fetched(raw.fetchall())
                self._note_change(self.connection.raw.changes())
        except DRIVER_ERRORS as error:
            raise self.connection.explained(error) from error.__cause__
        self.connection.after()
        return self

    def executemany(self, sql: str, parameter_sets: Iterable[Parameters]) -> Cursor:
        """Run one statement for each set of parameters.

        Raises:
            ProgrammingError: The statement returns rows; nothing is done.
            Error: One of the tree; the sets before the one at fault are done.
        """
        raw = self._ready(sql, rows_allowed=False)
        counted = _Counted(parameter_sets, self.connection.raw.changes)
        try:
            raw.executemany(sql, counted)
            if self._statement.changes_rows:
                self._note_change(counted.total)
        except DRIVER_ERRORS as error:
            raise self.connection.explained(error) from error.__cause__
        self.connection.after()
        return self

    def fetchone(self) -> Row | None:
        """Fetch the next row, None after the last."""
        try:
            return self._rows.fetchone()
        except DRIVER_ERRORS as error:
            raise self.connection.explained(error) from error.__cause__

    def fetchall(self) -> list[Row]:
        """Fetch all rows that are left."""
        try:
            return self._rows.fetchall()
        except DRIVER_ERRORS as error:
            raise self.connection.explained(error) from error.__cause__

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Fetch the next ``size`` rows, ``arraysize`` where it is not told; fewer at the end."""
        wanted = self.arraysize if size is None else size
        found: list[Row] = []
        while len(found) < wanted and (row := self.fetchone()) is not None:
            found.append(row)
        return found

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchone, None)

    def close(self) -> None:
        """Drop what is left of the statement; closing twice is fine."""
        if self._raw is not None:
            self._raw.close(force=True)
            self._raw = None

    def setinputsizes(self, sizes: Sequence[object]) -> None:
        """Do nothing: SQLite needs no sizes, PEP 249 asks for it."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing: SQLite needs no sizes, PEP 249 asks for it."""

    def _ready(self, sql: str, *, rows_allowed: bool = True) -> apsw.Cursor:
        """Forget the last statement and make ready for the next."""
        if self._raw is None:
            raise ProgrammingError("the cursor is closed")
        self._statement.expect(sql, rows_allowed=rows_allowed)
        self._rows = self._raw
        self.rowcount = -1
        self.connection.before(sql)
        return self._raw

    def _note_change(self, rows: int) -> None:
        """Note what a change did, before another one on this connection overwrites it."""
        self.rowcount = rows
        self.lastrowid = self.connection.raw.last_insert_rowid()
