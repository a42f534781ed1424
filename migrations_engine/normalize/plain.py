"""Canonical values as JSON: the text that is hashed."""

from __future__ import annotations

import dataclasses
import json
from functools import cache


def text(value: object) -> str:
    """A value as JSON in one spelling only."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: object) -> object:
    """A value as JSON knows it; fields at their default are left out, so that new ones change no hash."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    found = ((name, getattr(value, name), default) for name, default in _defaults(type(value)))
    return {name: _plain(each) for name, each, default in found if each != default}


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    """The compared fields of a value's class, each with its default."""
    return tuple((each.name, each.default) for each in dataclasses.fields(kind) if each.compare)
