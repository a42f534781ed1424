"""Literals, and what one becomes beside a value of a type, as SQLite's affinities have it."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import NULL, Value, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations_engine.ddl.postgres.values import Kind

_INTEGER: Final = re.compile(r"[+-]?\d+")
_REAL: Final = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?")
_TIME: Final = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?")


def string(text: str) -> Value:
    """A text literal.

    Raises:
        Refused: It holds a NUL.
    """
    if "\0" in text:
        raise Refused("a text with a NUL in it")
    return Value(sql=quoted(text), kind="text", constant=text)


def blob(digits: str) -> Value:
    """A blob literal from its hexadecimal digits."""
    return Value(sql=f"'\\x{digits.lower()}'::bytea", kind="bytea", constant=bytes.fromhex(digits))


def number(text: str) -> Value:
    """A number literal; whole numbers of more than 64 bits are REAL, as in SQLite."""
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return _integer(int(text))
    return _real(float(text), text)


def truth(*, value: bool) -> Value:
    """TRUE or FALSE, which are the numbers 1 and 0 to SQLite."""
    return _integer(int(value))


def negated(value: Value) -> Value:
    """A number literal with its sign turned."""
    if isinstance(value.constant, int):
        return _integer(-value.constant)
    if isinstance(value.constant, float):
        return _real(-value.constant, value.sql[1:] if value.sql.startswith("-") else f"-{value.sql}")
    raise Refused("a minus sign before a text")


def _integer(found: int) -> Value:
    return Value(sql=str(found), kind="bigint", constant=found, compound=found < 0)


def _real(found: float, text: str) -> Value:
    return Value(sql=text, kind="double precision", constant=found, compound=text.startswith("-"))


def beside(value: Value, kind: Kind) -> Value:
    """A literal as it is compared with, or stored in, something of a kind.

    Raises:
        Refused: SQLite would keep it as a value of another storage class.
    """
    if value.kind == "null":
        return NULL
    convert = _CONVERSIONS.get(kind)
    found = convert(value) if convert else None
    if found is None:
        raise Refused(f"{value.sql} is no {kind}")
    return found


def _as_number(value: Value) -> Value | None:
    """NUMERIC affinity: a text that looks like a number is one."""
    if isinstance(value.constant, str):
        text = value.constant.strip(" ")
        return number(text) if _REAL.fullmatch(text) else None
    return value if isinstance(value.constant, int | float) else None


def _as_whole(value: Value) -> Value | None:
    found = _as_number(value)
    if found is None or isinstance(found.constant, int):
        return found
    real = found.constant
    whole = isinstance(real, float) and real.is_integer() and abs(real) < 2**53
    return _integer(int(real)) if whole and isinstance(real, float) else found


def _as_boolean(value: Value) -> Value | None:
    found = _as_number(value)
    if found is None or found.constant not in (0, 1):
        return None
    return Value(sql="true" if found.constant else "false", kind="boolean", constant=found.constant)


def _as_text(value: Value) -> Value | None:
    """TEXT affinity: a number is its digits; a blob stays one."""
    if isinstance(value.constant, str):
        return value
    if isinstance(value.constant, int):
        return string(str(value.constant))
    # SQLite writes 15 digits and its own exponents: only short reals are surely written alike.
    if (
        isinstance(value.constant, float)
        and len(repr(value.constant)) < 15
        and "e" not in repr(value.constant)
    ):
        return string(repr(value.constant))
    return None


def _as_bytes(value: Value) -> Value | None:
    return value if isinstance(value.constant, bytes) else None


def _as_date(value: Value) -> Value | None:
    if not (isinstance(value.constant, str) and _DATE.fullmatch(value.constant)):
        return None
    return _read(value, lambda text: date.fromisoformat(text).isoformat(), "date")


def _as_time(value: Value) -> Value | None:
    if not (isinstance(value.constant, str) and _TIME.fullmatch(value.constant)):
        return None
    return _read(value, lambda text: time.fromisoformat(text).isoformat(), "time")


def _as_timestamp(value: Value) -> Value | None:
    """A whole moment; one with a zone is brought to UTC."""
    if not (isinstance(value.constant, str) and _MOMENT.fullmatch(value.constant)):
        return None
    return _read(value, _utc, "timestamp")


def _utc(text: str) -> str:
    found = datetime.fromisoformat(text)
    return (found.astimezone(UTC) if found.tzinfo else found).replace(tzinfo=None).isoformat(" ")


def _as_instant(value: Value) -> Value | None:
    found = _as_timestamp(value)
    return found and replace(
        found, sql=f"{found.sql} AT TIME ZONE 'UTC'", compound=True, kind="timestamp with time zone"
    )


def _read(value: Value, convert: Callable[[str], str], kind: Kind) -> Value | None:
    """A text literal as a date or a time; None where there is no such day or hour."""
    try:
        return replace(value, sql=f"{kind} {quoted(convert(str(value.constant)))}", kind=kind)
    except ValueError:
        return None


def _as_uuid(value: Value) -> Value | None:
    if not isinstance(value.constant, str):
        return None
    try:
        return replace(value, sql=f"{quoted(str(uuid.UUID(value.constant)))}::uuid", kind="uuid")
    except ValueError:
        return None


def _as_json(value: Value) -> Value | None:
    if not isinstance(value.constant, str) or "\\u0000" in value.constant:
        return None
    try:
        json.loads(value.constant)
    except ValueError:
        return None
    return replace(value, sql=f"{value.sql}::jsonb", kind="jsonb")


_CONVERSIONS: Final[dict[Kind, Callable[[Value], Value | None]]] = {
    "bigint": _as_whole,
    "numeric": _as_number,
    "double precision": _as_number,
    "boolean": _as_boolean,
    "text": _as_text,
    "bytea": _as_bytes,
    "timestamp": _as_timestamp,
    "timestamp with time zone": _as_instant,
    "date": _as_date,
    "time": _as_time,
    "uuid": _as_uuid,
    "jsonb": _as_json,
}
