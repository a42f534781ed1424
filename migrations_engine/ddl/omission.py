"""A schema without some of its objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from migrations_engine.errors import UnknownObject
from migrations_engine.model import Objects, fold

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Object = TypeVar("_Object", bound=_Named)


def without(schema: Objects, omit: Iterable[str]) -> Objects:
    """The schema without these objects; what stands on them stays, and finds them missing.

    Args:
        schema: The schema.
        omit: ``kind:name`` or ``kind:*`` each.

    Raises:
        UnknownObject: An entry names nothing.
    """
    wanted = [(entry, *_parted(entry)) for entry in omit]
    if not wanted:
        return schema
    left_out = _Omission({(kind, name) for _, kind, name in wanted})
    found = Objects(
        tables=tuple(
            replace(table, indexes=left_out.rest("index", table.indexes))
            for table in left_out.rest("table", schema.tables)
        ),
        views=left_out.rest("view", schema.views),
        triggers=left_out.rest("trigger", schema.triggers),
        virtual_tables=left_out.rest("virtual-table", schema.virtual_tables),
    )
    for entry, kind, name in wanted:
        if (kind, name) not in left_out.used:
            raise UnknownObject(entry)
    return found


def _parted(entry: str) -> tuple[str, str]:
    kind, _, name = entry.partition(":")
    return kind.lower(), fold(name)


class _Omission:
    """What is to be left out, and which entries of it met an object."""

    def __init__(self, wanted: set[tuple[str, str]]) -> None:
        self._wanted = wanted
        # To leave out all of a kind that there is nothing of is no mistake.
        self.used = {(kind, name) for kind, name in wanted if name == "*" and kind in _KINDS}

    def rest(self, kind: str, objects: tuple[_Object, ...]) -> tuple[_Object, ...]:
        """The objects that stay."""
        if (kind, "*") in self._wanted:
            self.used.update((kind, fold(each.name)) for each in objects)
            return ()
        left_out = {fold(each.name) for each in objects if (kind, fold(each.name)) in self._wanted}
        self.used.update((kind, name) for name in left_out)
        return tuple(each for each in objects if fold(each.name) not in left_out)


_KINDS = frozenset(("table", "index", "view", "trigger", "virtual-table"))
