"""What a failed command says and how it exits: one sentence for people, a document for programs."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from migrations_engine import errors
from migrations_engine.commands import output

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = 1
WRONG_USE = 2
REFUSED = 3
PARTLY_DONE = 4

KNOWN = (errors.MigrationError, OSError)
"""What a user can cause. Anything else is a fault of ours, and its traceback is wanted."""

CODES: Mapping[type[Exception], int] = {
    errors.SchemaError: WRONG_USE,
    errors.Unsupported: WRONG_USE,
    errors.UnknownDialect: WRONG_USE,
    errors.UnknownExtension: WRONG_USE,
    errors.NotTranslatable: WRONG_USE,
    errors.UnknownObject: WRONG_USE,
    errors.UnknownStrategy: WRONG_USE,
    errors.WrongLeave: WRONG_USE,
    errors.NoWayBack: WRONG_USE,
    errors.DestructiveChange: REFUSED,
    errors.PauseTooLong: REFUSED,
    errors.WayBackLossy: REFUSED,
    errors.FleetFile: REFUSED,
    FileNotFoundError: WRONG_USE,
    IsADirectoryError: WRONG_USE,
    NotADirectoryError: WRONG_USE,
    PermissionError: WRONG_USE,
}
"""The exit code of each class that has one of its own."""


def exit_code(error: Exception, codes: Mapping[type[Exception], int] = CODES) -> int:
    """The exit code that an error stands for: its class's, else its nearest base's, else 1."""
    return next((codes[kind] for kind in type(error).__mro__ if kind in codes), FAILED)


def document(error: Exception) -> dict[str, Any]:
    """The error as programs get it: type, message, whether trying again can help, and its data."""
    data = {name: plain(value) for name, value in vars(error).items() if not name.startswith("_")}
    about = {"type": type(error).__name__, "message": _sentence(error)}
    return {"error": {**about, "retryable": getattr(error, "retryable", False), **data}}


def report(error: Exception, *, as_json: bool, codes: Mapping[type[Exception], int] = CODES) -> int:
    """Say what went wrong, on standard output for programs and on standard error for people."""
    if as_json:
        output.document(document(error))
    else:
        sys.stderr.write(f"Error: {_sentence(error)}\n")
    return exit_code(error, codes)


def _sentence(error: Exception) -> str:
    """The message; the system's own errors as ``file: what``."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def plain(value: object) -> Any:
    """A value that JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, PurePath) else value if _is_json(value) else repr(value)


def _is_json(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int | bool)
