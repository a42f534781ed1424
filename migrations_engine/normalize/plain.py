"""Canonical values as JSON: the text that is hashed."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def text(value: object) -> str:
    """A value as JSON in one spelling only."""
    return json.dumps(value, default=_plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: object) -> dict[str, object]:
    """A value of the model by its fields; those at their default are left out: new ones change no hash."""
    kind: type = type(value)
    names, values_of, defaults = _fields(kind)
    return {
        name: each
        for name, each, default in zip(names, values_of(value), defaults, strict=True)
        if each is not default and each != default
    }


@cache
def _fields(
    kind: type,
) -> tuple[tuple[str, ...], Callable[[object], tuple[object, ...]], tuple[object, ...]]:
    """The compared fields of a value's class: their names, what reads them all, their defaults."""
    fields = [each for each in dataclasses.fields(kind) if each.compare]
    names = tuple(each.name for each in fields)
    return names, attrgetter(*names), tuple(each.default for each in fields)
