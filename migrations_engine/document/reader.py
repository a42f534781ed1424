"""A schema document, read whole: the objects, or every fault with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from migrations_engine.document import jsonc, proof
from migrations_engine.document.faults import Faults, nearest
from migrations_engine.document.names import Names
from migrations_engine.document.tables import TableEntry, read_table
from migrations_engine.errors import Fault, SchemaError
from migrations_engine.model import Index, Objects, Table, Trigger, View, VirtualTable, fold
from migrations_engine.normalize import naming
from migrations_engine.sql import heads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migrations_engine.document.jsonc import Path, Value

_SECTIONS: Final = ("_tables", "_views", "_triggers", "_virtual_tables")

_EDITORS: Final = "$schema"
"""Where editors look for the JSON Schema of a document; with an object as its value it is a table."""

_UNUSABLE: Final = re.compile("[\\0\ud800-\udfff]")


def read(text: str, *, source: str = "schema document") -> Objects:
    """Read a document.

    Args:
        text: JSON with comments, as ``schema.json`` has it.
        source: What to call the document in errors.

    Raises:
        SchemaError: The document is wrong; the error lists every fault with its line, table and column.
    """
    try:
        value = jsonc.decode(text)
    except jsonc.NotJSON as error:
        raise SchemaError(error.faults, source=source) from None
    faults = Faults()
    if not isinstance(value, dict):
        raise SchemaError([Fault("a schema document is an object of tables", line=1)], source=source)
    if "\\u" in text or "\0" in text or (not text.isascii() and _UNUSABLE.search(text)):
        for path, each in _strings(value, ()):
            if _UNUSABLE.search(each):
                faults.add("a character that no database holds: NUL, or half of a pair", path)
    # SQLite would end a text at a NUL and read something else than the document says.
    objects = None if faults else _Document(value, faults).objects()
    if objects is None or faults:
        raise SchemaError(faults.found(text), source=source)
    return objects


class _Document:
    """Reads the sections of a document; faults leave gaps, not errors."""

    def __init__(self, value: dict[str, Value], faults: Faults) -> None:
        self._value = value
        self._faults = faults
        self._names = Names(faults)
        self._entries: list[TableEntry] = []
        self._statements: list[View | Trigger | VirtualTable] = []
        self._paths: dict[tuple[str, str], Path] = {}
        self._broken: set[str] = set()

    def objects(self) -> Objects:
        """Everything that could be read, in the document's order."""
        for key, value in self._value.items():
            self._read(key, value)
        found = Objects(
            tables=tuple(self._tables()),
            views=tuple(made for made in self._statements if isinstance(made, View)),
            triggers=tuple(made for made in self._statements if isinstance(made, Trigger)),
            virtual_tables=tuple(made for made in self._statements if isinstance(made, VirtualTable)),
        )
        self._prove(found)
        return found

    def _read(self, key: str, value: Value) -> None:
        """Read one key of the document: a table, or a section of others."""
        if key == _EDITORS and isinstance(value, str):
            return
        if not key.startswith("_"):
            self._table(key, value, (key,))
        elif key not in _SECTIONS:
            hint = (
                nearest(key, _SECTIONS)
                or "; a table whose name begins with an underscore belongs into _tables"
            )
            self._faults.add(f"unknown key {key!r}{hint}", (key,))
        elif not isinstance(value, dict):
            self._faults.add(f"{key} is an object", (key,))
        else:
            for name, each in value.items():
                if key == "_tables":
                    self._table(name, each, (key, name))
                else:
                    self._statement(key, name, each, (key, name))

    def _table(self, name: str, value: Value, path: Path) -> None:
        free = self._names.take("table", name, path, table=name)
        entry = read_table(value, path=path, faults=self._faults)
        if entry and free:
            self._entries.append(entry)
            self._paths["table", fold(name)] = path
        else:
            self._broken.add(fold(name))

    def _statement(self, section: str, name: str, value: Value, path: Path) -> None:
        """Read a view, a trigger or a virtual table."""
        kind, read = _STATEMENTS[section]
        if not isinstance(value, str):
            self._faults.add(f"a {kind} is its CREATE statement, a string of SQL", path, table=name)
            return
        free = self._names.take(kind, name, path, table=name)
        with self._faults.noted(path, table=name):
            made = read(value)
            if made.name != name:
                self._faults.add(
                    f"the statement makes {made.name!r}, the key says {name!r}", path, table=name
                )
            elif free:
                self._statements.append(made)
                self._paths[kind, fold(name)] = path

    def _tables(self) -> Iterator[Table]:
        """The tables with their indexes, which have their names by now."""
        every = [(entry, index) for entry in self._entries for index in entry.indexes]
        taken = [fold(name) for kind, name in self._paths if kind != "trigger"]
        named = naming.named([(each.index, entry.table) for entry, each in every], taken)
        found: dict[str, list[Index]] = {entry.table.name: [] for entry in self._entries}
        for (entry, each), index in zip(every, named, strict=True):
            if self._names.take("index", index.name, each.path, table=entry.table.name):
                found[entry.table.name].append(index)
                self._paths["index", fold(index.name)] = each.path
        for entry in self._entries:
            yield entry.whole(found[entry.table.name])

    def _prove(self, objects: Objects) -> None:
        """Note what SQLite itself refuses, but not what only follows from another fault."""
        entries = {entry.table.name: entry for entry in self._entries}
        stands_on = {trigger.name: fold(trigger.table) for trigger in objects.triggers}
        for refusal in proof.refusals(objects):
            if refusal.kind == "trigger" and stands_on[refusal.name] in self._broken:
                continue
            path = self._paths[refusal.kind, fold(refusal.name)]
            if refusal.column is not None:
                path = entries[refusal.name].place(refusal.column)
            self._faults.add(refusal.message, path, table=refusal.table, column=refusal.column)


_STATEMENTS: Final[dict[str, tuple[str, Callable[[str], View | Trigger | VirtualTable]]]] = {
    "_views": ("view", heads.parse_view),
    "_triggers": ("trigger", heads.parse_trigger),
    "_virtual_tables": ("virtual table", heads.parse_virtual_table),
}


def _strings(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    """Every string of a document, keys included, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key), key
            yield from _strings(each, (*path, key))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _strings(each, (*path, at))
