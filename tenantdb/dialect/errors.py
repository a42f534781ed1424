"""The errors of PEP 249, and which of them each error of APSW is.

Exception
├── Warning
└── Error
    ├── InterfaceError          misuse of the driver itself
    └── DatabaseError           by itself: a file that is damaged or no database
        ├── DataError           a value that SQLite cannot hold, or text that is no UTF-8
        ├── OperationalError    the database's state: locked, full, read-only, no such table
        ├── IntegrityError      a constraint refused the change
        ├── InternalError       SQLite found itself at fault
        ├── ProgrammingError    wrong use: bindings, several statements at once
        │   └── ConnectionClosed
        └── NotSupportedError

Each carries SQLite's extended code and its name (2067, ``SQLITE_CONSTRAINT_UNIQUE``), as the standard
library's do; both are None where the error is not SQLite's own.
"""

from __future__ import annotations

import apsw


class Warning(Exception):  # noqa: A001 - PEP 249 asks for the name
    """An important warning; never raised here, PEP 249 asks for the name."""


class Error(Exception):
    """Base of all errors of the driver.

    Attributes:
        sqlite_errorcode: The extended result code, None where SQLite gave none.
        sqlite_errorname: The name of that code.
        offset: Byte offset in the statement that the error is about, None where there is none.
    """

    def __init__(self, message: str = "", *, code: int | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.sqlite_errorcode = code
        self.sqlite_errorname = _code_name(code)
        self.offset = offset


class InterfaceError(Error):
    """Misuse of the driver itself."""


class DatabaseError(Error):
    """Base of what concerns the database; by itself: a file that is damaged or no database."""


class DataError(DatabaseError):
    """A value that SQLite cannot hold, or text in the file that is no UTF-8."""


class OperationalError(DatabaseError):
    """The database's state: locked, full, read-only, no such table, interrupted."""


class IntegrityError(DatabaseError):
    """A constraint refused the change."""


class InternalError(DatabaseError):
    """SQLite found itself at fault."""


class ProgrammingError(DatabaseError):
    """Wrong use: bindings that do not match, closed objects, several statements at once."""


class NotSupportedError(DatabaseError):
    """Something that SQLite does not do."""


class ConnectionClosed(ProgrammingError):
    """The connection is closed, by us or by whoever lent it; a pool discards it."""


DRIVER_ERRORS = (
    apsw.Error,
    KeyError,  # a named parameter that is missing
    TypeError,  # parameters that are neither a sequence nor a dict
    OverflowError,  # an integer of more than 64 bits
    ValueError,  # lone surrogates in, no UTF-8 out, NUL in a statement
)
"""What APSW raises for a call; errors of callbacks written in Python are among them, see ``translated``."""

_KINDS: dict[type[Exception], type[Error]] = {
    apsw.ConstraintError: IntegrityError,
    apsw.MismatchError: IntegrityError,
    apsw.TooBigError: DataError,
    apsw.CorruptError: DatabaseError,
    apsw.NotADBError: DatabaseError,
    apsw.InternalError: InternalError,
    apsw.NotFoundError: InternalError,
    apsw.MisuseError: InterfaceError,
    apsw.RangeError: InterfaceError,
    apsw.BindingsError: ProgrammingError,
    apsw.CursorClosedError: ProgrammingError,
    apsw.ConnectionClosedError: ConnectionClosed,
    apsw.ThreadingViolationError: ProgrammingError,
    apsw.IncompleteExecutionError: ProgrammingError,
    apsw.ExecutionCompleteError: ProgrammingError,
    apsw.ForkingViolationError: ProgrammingError,
    KeyError: ProgrammingError,
    TypeError: ProgrammingError,
    OverflowError: DataError,
    UnicodeError: DataError,
    ValueError: ProgrammingError,
}


def translated(error: Exception) -> Exception:
    """Make the error of PEP 249 for one of ``DRIVER_ERRORS``.

    What a callback raised (a SQL function, an authorizer) is returned as it is: it is its author's message
    to the caller.
    """
    kind = next((_KINDS[base] for base in type(error).__mro__ if base in _KINDS), OperationalError)
    if isinstance(error, apsw.Error):
        return kind(str(error), code=getattr(error, "extendedresult", None), offset=_offset(error))
    if _from_callback(error):
        return error
    return kind(f"no value for the parameter {error}" if isinstance(error, KeyError) else str(error))


def _from_callback(error: Exception) -> bool:
    """Tell whether Python code below the driver's call raised it; APSW adds frames of its C code."""
    deepest = error.__traceback__ and error.__traceback__.tb_next
    while deepest is not None and deepest.tb_next is not None:
        deepest = deepest.tb_next
    return deepest is not None and not deepest.tb_frame.f_code.co_filename.endswith(".c")


def _offset(error: apsw.Error) -> int | None:
    """Where in the statement; SQLite says -1 for nowhere, the driver's own errors say nothing."""
    offset: int = getattr(error, "error_offset", -1)
    return None if offset < 0 else offset


def _code_name(code: int | None) -> str | None:
    """The constant's name; a code that is not extended is found among the primary ones."""
    if code is None:
        return None
    name = apsw.mapping_extended_result_codes.get(code) or apsw.mapping_result_codes.get(code)
    return None if name is None else str(name)
