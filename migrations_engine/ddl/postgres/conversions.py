"""Values as another type, wherever SQLite does that by itself and PostgreSQL does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.ddl.postgres import constants
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import BYTES, NUMBERS, Value
from migrations_engine.ddl.postgres.values import boolean as condition_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.ddl.postgres.types import ColumnType
    from migrations_engine.ddl.postgres.values import Kind


def condition(value: Value) -> Value:
    """A value as SQLite takes it for true or false.

    Raises:
        Refused: It is a text, of which SQLite reads the number that it begins with.
    """
    if value.kind in ("boolean", "null"):
        return value
    if isinstance(value.constant, int | float):
        return Value(sql="true" if value.constant else "false", kind="boolean")
    if value.kind in NUMBERS:
        return condition_value(f"{value.operand} <> 0")
    raise Refused(f"{value.sql} is {value.kind} and no condition")


def as_number(value: Value) -> Value:
    """A value to calculate with; booleans are 0 and 1.

    Raises:
        Refused: It is no number.
    """
    if value.kind in NUMBERS or value.kind == "null":
        return value
    if value.kind == "boolean":
        return Value(sql=f"{value.operand}::int::bigint", kind="bigint", of_column=value.of_column)
    raise Refused(f"{value.sql} is {value.kind} and no number")


def as_double(value: Value) -> Value:
    """A number as a binary fraction."""
    found = as_number(value)
    if found.kind == "double precision" and not found.is_constant:
        return found
    return Value(sql=f"{found.operand}::double precision", kind="double precision")


def as_text(value: Value) -> Value:
    """A value as SQLite writes it.

    Raises:
        Refused: PostgreSQL writes such values otherwise.
    """
    if value.kind in ("text", "null"):
        return value
    if value.is_constant:
        return constants.beside(value, "text")
    if value.text is not None:
        return Value(sql=value.text, kind="text")
    if value.kind in ("bigint", "boolean"):
        return Value(sql=f"{as_number(value).operand}::text", kind="text")
    raise Refused(f"{value.sql} is {value.kind}, which SQLite writes otherwise")


def plain_text(value: Value) -> Value:
    """A text that compares by its bytes, as functions of SQLite take and give it."""
    found = as_text(value)
    if found.collation == BYTES or found.kind == "null":
        return found
    return replace(found, sql=f'{found.operand} COLLATE "{BYTES}"', collation=BYTES, compound=True)


def alike(values: Sequence[Value]) -> tuple[Kind, list[Value]]:
    """Values of which one is chosen, as one type; texts compare by their bytes then.

    Whole numbers beside fractions are ``numeric``, which says that a value can be either.

    Raises:
        Refused: They are of several types.
    """
    said = [value for value in values if value.kind != "null"]
    firm = {value.kind for value in said if not value.is_constant}
    truths = firm == {"boolean"} and all(value.constant in (None, 0, 1) for value in said)
    if not firm or (firm <= NUMBERS | {"boolean"} and not truths):
        firm |= {value.kind for value in said}
    if not firm:
        return "null", list(values)
    kind = next(iter(firm)) if len(firm) == 1 else _widest(firm)
    found = [_as_kind(value, kind) for value in values]
    return kind, [plain_text(value) for value in found] if kind == "text" else found


def _widest(kinds: set[Kind]) -> Kind:
    """The type that holds numbers of several types."""
    if not kinds <= NUMBERS | {"boolean"}:
        raise Refused(f"a value that is {' or '.join(sorted(kinds))}")
    return "numeric" if kinds & {"numeric", "double precision"} else "bigint"


def _as_kind(value: Value, kind: Kind) -> Value:
    if value.kind in (kind, "null"):
        return value
    if kind in NUMBERS:
        return as_number(value)
    # What is chosen keeps its storage class: no affinity turns a '1' into a 1 here.
    if (
        not value.is_constant
        or kind == "text"
        or (kind == "boolean") == isinstance(value.constant, str | bytes)
    ):
        raise Refused(f"a value that is {value.sql} or {kind}")
    return constants.beside(value, kind)


def stored(value: Value, into: ColumnType) -> Value:
    """A value as a column stores it, by the affinity of its type.

    Raises:
        Refused: SQLite would store a value of another storage class, or PostgreSQL another value.
    """
    if value.is_constant:
        return _whole(constants.beside(value, into.kind), into.kind)
    if value.kind in (into.kind, "null"):
        return value
    if into.kind == "text":
        return as_text(value)
    found = _number_into(value, into.kind) if into.kind in NUMBERS else _moment_into(value, into.kind)
    if found is None:
        raise Refused(f"{value.sql} is {value.kind}, the column is {into.kind}")
    return found


def _number_into(value: Value, kind: Kind) -> Value | None:
    """A value in a column of another type of numbers."""
    if kind == "bigint" and value.digits:
        return Value(sql=f"{value.operand}::bigint", kind="bigint")
    if value.kind not in NUMBERS | {"boolean"}:
        return None
    found = as_number(value)
    if kind == "bigint" and found.kind != "bigint":
        raise Refused(f"{value.sql} may have a fraction, which SQLite keeps in an INTEGER column")
    return Value(sql=f"{found.operand}::{kind}", kind=kind)


def _moment_into(value: Value, kind: Kind) -> Value | None:
    """A date or a time in a column of another type of them."""
    if (value.kind, kind) == ("timestamp", "timestamp with time zone"):
        return replace(value, sql=f"{value.operand} AT TIME ZONE 'UTC'", kind=kind, compound=True)
    if (value.kind, kind) == ("date", "timestamp"):
        return replace(value, sql=f"{value.operand}::timestamp", kind=kind, compound=False)
    return None


def _whole(value: Value, kind: Kind) -> Value:
    """A literal for a column; fractions have no place in a column of whole numbers."""
    if kind == "bigint" and isinstance(value.constant, float):
        raise Refused(f"{value.sql} has a fraction, which SQLite keeps in an INTEGER column")
    return value
