"""The object forms of a table's entries: the keys of each, and what each key's value has to be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from migrations_engine.document.faults import Faults, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migrations_engine.document.jsonc import Path, Value


class Shape(Protocol):
    """What a value has to be."""

    def complaints(self, value: Value) -> Iterator[tuple[Path, str]]:
        """What is wrong with a value: the place in it, and the words that follow the place's name."""

    def read(self, value: Value) -> Any:
        """The value of a form from one that nothing is wrong with."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    def complaints(self, value: Value) -> Iterator[tuple[Path, str]]:
        """Anything else is wrong."""
        if not isinstance(value, str):
            yield (), "is a string"

    def read(self, value: Value) -> Any:
        """The string."""
        return value


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def complaints(self, value: Value) -> Iterator[tuple[Path, str]]:
        """Anything else is wrong, numbers too."""
        if not isinstance(value, bool):
            yield (), "is true or false"

    def read(self, value: Value) -> Any:
        """The truth value."""
        return value


@dataclass(frozen=True, slots=True)
class Names:
    """Columns: a list of strings, or the only one."""

    def complaints(self, value: Value) -> Iterator[tuple[Path, str]]:
        """A list may not be empty, and has strings only."""
        if isinstance(value, list):
            if not value:
                yield (), "names no column"
            yield from (((at,), "is a string") for at, each in enumerate(value) if not isinstance(each, str))
        elif not isinstance(value, str):
            yield (), "is a column's name or a list of them"

    def read(self, value: Value) -> Any:
        """The names."""
        return tuple(value) if isinstance(value, list) else (value,)


@dataclass(frozen=True, slots=True)
class Words:
    """One of some words of SQL, in any case and with any spaces between them."""

    choices: tuple[str, ...]

    def complaints(self, value: Value) -> Iterator[tuple[Path, str]]:
        """Other words are wrong."""
        if not isinstance(value, str) or self.read(value) not in self.choices:
            *others, last = map(repr, self.choices)
            yield (), f"is one of {', '.join(others)} or {last}"

    def read(self, value: Value) -> Any:
        """The words in upper case with single spaces."""
        return " ".join(str(value).upper().split())


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value that null stands for too."""

    shape: Shape

    def complaints(self, value: Value) -> Iterator[tuple[Path, str]]:
        """What is wrong with anything but null."""
        return iter(()) if value is None else self.shape.complaints(value)

    def read(self, value: Value) -> Any:
        """The value, or None."""
        return None if value is None else self.shape.read(value)


def _key(shape: Shape, default: object = dataclasses.MISSING) -> Any:
    """A key of a form; one without a default has to be there."""
    return dataclasses.field(default=default, metadata={"shape": shape})


Resolution = Literal["ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"]

_TEXT: Final = Text()
_RESOLUTION: Final = Maybe(Words(("ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE")))
_ACTION: Final = Maybe(Words(("SET NULL", "SET DEFAULT", "CASCADE", "RESTRICT", "NO ACTION")))
_DEFERRAL: Final = Maybe(Words(("INITIALLY DEFERRED", "INITIALLY IMMEDIATE")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An object with known keys only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexForm(Form):
    """An entry of ``_indexes``."""

    columns: tuple[str, ...] = _key(Names())
    unique: bool = _key(Flag(), default=False)
    where: str | None = _key(Maybe(_TEXT), default=None)
    name: str | None = _key(Maybe(_TEXT), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueForm(Form):
    """An entry of ``_unique_constraints``."""

    columns: tuple[str, ...] = _key(Names())
    name: str | None = _key(Maybe(_TEXT), default=None)
    on_conflict: Resolution | None = _key(_RESOLUTION, default=None)  # noqa: RUF009 - makes a field


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryKeyForm(UniqueForm):
    """The value of ``_primary_key``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckForm(Form):
    """An entry of ``_checks``."""

    check: str = _key(_TEXT)
    name: str | None = _key(Maybe(_TEXT), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKeyForm(Form):
    """An entry of ``_foreign_keys``."""

    columns: tuple[str, ...] = _key(Names())
    references: str = _key(_TEXT)
    on_delete: str | None = _key(_ACTION, default=None)
    on_update: str | None = _key(_ACTION, default=None)
    deferrable: str | None = _key(_DEFERRAL, default=None)
    match: str | None = _key(Maybe(_TEXT), default=None)
    name: str | None = _key(Maybe(_TEXT), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsForm(Form):
    """The value of ``_options``."""

    strict: bool = _key(Flag(), default=False)
    without_rowid: bool = _key(Flag(), default=False)


_Form = TypeVar("_Form", bound=Form)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a form: its shape, and its default unless it is required."""

    shape: Shape
    default: object
    required: bool


@cache
def keys(kind: type) -> Mapping[str, Key]:
    """The keys of a form by name."""
    return {
        each.name: Key(each.metadata["shape"], each.default, each.default is dataclasses.MISSING)
        for each in dataclasses.fields(kind)
    }


def read_form(kind: type[_Form], value: Value, *, path: Path, faults: Faults, table: str) -> _Form | None:
    """The object form of an entry; None where it has faults, which are noted.

    Args:
        kind: The form that belongs in this place.
        value: What stands there, a short form already turned into an object.
        path: Where it stands.
        faults: Takes what is wrong with it.
        table: The table that it belongs to.
    """
    if not isinstance(value, dict):
        faults.add(f"{path[-1]} is an object", path, table=table)
        return None
    of_kind: type = kind
    known = keys(of_kind)
    complaints = list(_complaints(known, value))
    for place, message in complaints:
        faults.add(message, (*path, *place), table=table)
    if complaints:
        return None
    return kind(**{name: known[name].shape.read(each) for name, each in value.items()})


def _complaints(known: Mapping[str, Key], value: Mapping[str, Value]) -> Iterator[tuple[Path, str]]:
    """What is wrong with an object: the place in it, and the words."""
    for name, key in known.items():
        if name in value:
            for inside, said in key.shape.complaints(value[name]):
                place = (name, *inside)
                yield place, f"{place[-1]} {said}"
        elif key.required:
            yield (name,), f"{name} is missing"
    yield from (
        ((name,), f"unknown key {name!r}{nearest(name, known)}") for name in value if name not in known
    )
