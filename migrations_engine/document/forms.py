"""The object forms of a table's entries, as pydantic models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from migrations_engine.document.faults import Faults, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from migrations_engine.document.jsonc import Path, Value


def _shouted(value: object) -> object:
    """Words of SQL in upper case with single spaces."""
    return " ".join(value.upper().split()) if isinstance(value, str) else value


def _listed(value: object) -> object:
    """One column as a list of one."""
    return [value] if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1, strict=False)]
Resolution = Annotated[Literal["ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"], BeforeValidator(_shouted)]
Action = Annotated[
    Literal["SET NULL", "SET DEFAULT", "CASCADE", "RESTRICT", "NO ACTION"], BeforeValidator(_shouted)
]
Deferral = Annotated[Literal["INITIALLY DEFERRED", "INITIALLY IMMEDIATE"], BeforeValidator(_shouted)]


_MESSAGES: Final = {
    "missing": "is missing",
    "tuple_type": "is a column's name or a list of them",
    "too_short": "names no column",
    "string_type": "is a string",
    "bool_type": "is true or false",
    "model_type": "is an object",
}


class Form(BaseModel):
    """An object with known keys only, and values of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class IndexForm(Form):
    """An entry of ``_indexes``."""

    columns: Columns
    unique: bool = False
    where: str | None = None
    name: str | None = None


class UniqueForm(Form):
    """An entry of ``_unique_constraints``."""

    columns: Columns
    name: str | None = None
    on_conflict: Resolution | None = None


class PrimaryKeyForm(UniqueForm):
    """The value of ``_primary_key``."""


class CheckForm(Form):
    """An entry of ``_checks``."""

    check: str
    name: str | None = None


class ForeignKeyForm(Form):
    """An entry of ``_foreign_keys``."""

    columns: Columns
    references: str
    on_delete: Action | None = None
    on_update: Action | None = None
    deferrable: Deferral | None = None
    match: str | None = None
    name: str | None = None


class OptionsForm(Form):
    """The value of ``_options``."""

    strict: bool = False
    without_rowid: bool = False


_AnyForm = TypeVar("_AnyForm", bound=Form)


def read_form(
    kind: type[_AnyForm], value: Value, *, path: Path, faults: Faults, table: str
) -> _AnyForm | None:
    """The object form of an entry; None where it has faults, which are noted.

    Args:
        kind: The form that belongs in this place.
        value: What stands there, a short form already turned into an object.
        path: Where it stands.
        faults: Takes what is wrong with it.
        table: The table that it belongs to.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            place = (*path, *each["loc"])
            key = str(each["loc"][-1]) if each["loc"] else ""
            if each["type"] == "extra_forbidden":
                message = f"unknown key {key!r}{nearest(key, kind.model_fields)}"
            else:
                message = f"{key or path[-1]} {_said(each)}"
            faults.add(message, place, table=table)
        return None


def _said(error: ErrorDetails) -> str:
    """What is wrong with a value, in words of a document."""
    expected = error.get("ctx", {}).get("expected")
    return f"is one of {expected}" if expected else _MESSAGES.get(error["type"], error["msg"])
