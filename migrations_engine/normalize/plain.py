"""Canonical values as JSON: the text that is hashed."""

from __future__ import annotations

import dataclasses
from functools import cache, lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from migrations_engine.model import Column, IndexedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def text(value: object) -> str:
    """A value as JSON in one spelling only: no spaces, keys in order, characters as they are."""
    return _WRITERS.get(type(value), _object)(value)


def _object(value: object) -> str:
    """A value of the model by its fields; those at their default are left out: new ones change no hash."""
    kind: type = type(value)
    keys, values_of, defaults = _fields(kind)
    entries = [
        key + _WRITERS.get(type(each), _object)(each)
        for key, each, default in zip(keys, values_of(value), defaults, strict=True)
        if each is not default and each != default
    ]
    return f"{{{','.join(entries)}}}"


@cache
def _fields(kind: type) -> tuple[tuple[str, ...], Callable[[object], tuple[object, ...]], tuple[object, ...]]:
    """The compared fields of a value's class, by name: their keys, what reads them all, their defaults."""
    fields = sorted((each for each in dataclasses.fields(kind) if each.compare), key=lambda each: each.name)
    keys = tuple(f"{encode_basestring(each.name)}:" for each in fields)
    return keys, attrgetter(*(each.name for each in fields)), tuple(each.default for each in fields)


@lru_cache(maxsize=4096)
def _shared(value: Column | IndexedColumn) -> str:
    """A value that many tables have."""
    return _object(value)


def _list(values: tuple[object, ...]) -> str:
    return f"[{','.join(map(text, values))}]"


def _flag(value: object) -> str:
    return "true" if value else "false"


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: encode_basestring,
    tuple: _list,
    bool: _flag,
    Column: _shared,
    IndexedColumn: _shared,
}
