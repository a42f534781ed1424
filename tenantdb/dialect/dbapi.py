"""APSW as PEP 249 has drivers: what SQLAlchemy takes for the driver's module.

Where it differs from the standard library's ``sqlite3``: DDL commits nothing; one statement at a time is
meant literally; a change with RETURNING is complete when ``execute`` returns; a transaction that SQLite
itself rolled back can be neither continued nor committed; text that is no UTF-8 is a ``DataError``; a
Python function's own error comes out of the statement as it is.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Final

import apsw

from tenantdb.dialect.connection import Connection, connect
from tenantdb.dialect.cursor import Cursor
from tenantdb.dialect.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004 - PEP 249 asks for the name
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "sqlite_version",
    "sqlite_version_info",
    "threadsafety",
    "version",
    "version_info",
]

apilevel: Final = "2.0"
paramstyle: Final = "qmark"
threadsafety: Final = 1
"""Threads may share the module; a connection may change its thread, but serves one at a time."""

version: Final = apsw.apsw_version()
version_info: Final = tuple(int(part) for part in version.split("."))
sqlite_version: Final = apsw.sqlite_lib_version()
sqlite_version_info: Final = tuple(int(part) for part in sqlite_version.split("."))


class TypeGroup:
    """A type object of PEP 249: equal to the declared types that SQLite gives one affinity."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def __eq__(self, declared: object) -> bool:
        return isinstance(declared, str) and any(word in declared.upper() for word in self._words)

    __hash__ = None  # type: ignore[assignment]  # equal to many texts, so it has no hash


STRING: Final = TypeGroup("CHAR", "CLOB", "TEXT")
BINARY: Final = TypeGroup("BLOB", "BINARY")
NUMBER: Final = TypeGroup("INT", "REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL", "BOOL")
DATETIME: Final = TypeGroup("DATE", "TIME")
ROWID: Final = TypeGroup("ROWID")

Date = dt.date
Time = dt.time
Timestamp = dt.datetime


def Binary(value: bytes | bytearray | memoryview) -> memoryview:  # noqa: N802 - PEP 249 asks for the name
    """Mark bytes as a value of a BLOB."""
    return memoryview(value)


def DateFromTicks(ticks: float) -> dt.date:  # noqa: N802 - PEP 249 asks for the name
    """The local date of a time in seconds since the epoch."""
    return dt.date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> dt.time:  # noqa: N802 - PEP 249 asks for the name
    """The local time of day of a time in seconds since the epoch."""
    return dt.time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> dt.datetime:  # noqa: N802 - PEP 249 asks for the name
    """The local date and time of a time in seconds since the epoch, without a zone as PEP 249 has it."""
    return dt.datetime(*time.localtime(ticks)[:6])  # noqa: DTZ001 - PEP 249 knows no zones
