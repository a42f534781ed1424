"""The tables of a schema and their references as an entity diagram in Mermaid's language.

Mermaid (https://mermaid.js.org/syntax/entityRelationshipDiagram.html) takes few characters in its names. What
it does not take is replaced; a column that is shown under another name has its own name behind it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from migrations_engine.model import fold
from migrations_engine.renderings import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Column, ForeignKey, Objects, Table

_NOT_IN_WORD: Final = re.compile(r"[^A-Za-z0-9_()]+")
_NO_BEGINNING: Final = re.compile(r"(?:[^A-Za-z_]|(?:pk|fk|uk)\b)", re.IGNORECASE)
_NOT_IN_QUOTES: Final = re.compile(r"[\"%\\`\x00-\x1f\x7f]|(?<=direction)\s+(?=TB|BT|LR|RL)", re.IGNORECASE)
"""A direction is a statement to Mermaid wherever on a line it stands."""

_IN_ONE_ROW: Final = 6
"""Tables beside each other that can be read on a page: more of them grow downwards, where a page has room."""

_LONGEST: Final = 50_000
"""Characters of a diagram that Mermaid draws (its maxTextSize): of a longer one it shows an error alone."""


def diagram(schema: Objects) -> str:
    """The diagram, without the fence that stands around it: of the keys alone where the whole is too long."""
    whole = _drawn(schema, keys_only=False)
    return whole if len(whole) <= _LONGEST else _drawn(schema, keys_only=True)


def _drawn(schema: Objects, *, keys_only: bool) -> str:
    entities = _Entities(schema)
    lines = ["erDiagram"]
    if len(schema.tables) > _IN_ONE_ROW:
        lines.append("    direction LR")
    for table in schema.tables:
        shown = [c for c in table.columns if not keys_only or any(_keys(c, table))]
        lines.append(f"    {entities.name(table.name)} {{")
        lines += (f"        {_attribute(column, table)}" for column in shown)
        lines.append("    }")
    for table in schema.tables:
        for key in table.foreign_keys:
            ends = f"{_parent_end(key, table)}--{_child_end(key, table)}"
            label = _quoted(", ".join(key.columns))
            lines.append(f"    {entities.name(key.parent)} {ends} {entities.name(table.name)} : {label}")
    return "\n".join(lines) + "\n"


class _Entities:
    """The name of each table in the diagram; two that would look the same get a number."""

    def __init__(self, schema: Objects) -> None:
        self._names: dict[str, str] = {}
        for table in schema.tables:
            self.name(table.name)

    def name(self, table: str) -> str:
        """The name of a table, whether it is in the schema or only referred to."""
        folded = fold(table)
        if folded not in self._names:
            wanted = _quoted(table or "(no name)")
            taken = self._names.values()
            numbered = (_quoted(f"{table} ({number})") for number in range(2, len(taken) + 3))
            self._names[folded] = next(name for name in (wanted, *numbered) if name not in taken)
        return self._names[folded]


def _quoted(text: str) -> str:
    return f'"{_NOT_IN_QUOTES.sub("_", text)}"'


def _attribute(column: Column, table: Table) -> str:
    """A column: type, name, keys, and its own name where it is shown under another."""
    name = _word(column.name)
    keys = ", ".join(_keys(column, table))
    own = "" if name == column.name else _quoted(column.name)
    return " ".join(filter(None, (_word(column.type or "any"), name, keys, own)))


def _word(text: str) -> str:
    """A text as a word of Mermaid, which would set a word between underscores in italics."""
    word = _NOT_IN_WORD.sub("_", text)
    word = word if word == text else word.strip("_")
    return f"_{word}" if not word or _NO_BEGINNING.match(word) else word


def _keys(column: Column, table: Table) -> Iterator[str]:
    if columns.in_primary_key(column, table):
        yield "PK"
    if any(column.name in key.columns for key in table.foreign_keys):
        yield "FK"
    if columns.is_unique(column, table):
        yield "UK"


def _parent_end(key: ForeignKey, table: Table) -> str:
    """Exactly one parent, or none where a column of the key may be NULL."""
    found = [column for column in table.columns if column.name in key.columns]
    return "||" if all(columns.is_required(column, table) for column in found) else "|o"


def _child_end(key: ForeignKey, table: Table) -> str:
    """Any number of children, or one where the key's columns are unique."""
    return "o|" if columns.identify(key.columns, table) else "o{"
