"""Names of tables and columns as names of Python classes and attributes, each one its own."""

from __future__ import annotations

import keyword
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD: Final = re.compile(r"[^\W_]+")
_CAMEL_EDGE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KEY_SUFFIX: Final = re.compile(r"(?:_id|_fk|_pk|(?<=[a-z])I[dD])$", re.IGNORECASE)

USED: Final = frozenset(
    """
    Any Base Declared Optional bool bytes datetime decimal float int list orm sa str super
    """.split()  # noqa: SIM905 - one word a line would hide them
)
"""What the code of models means by these names."""

RESERVED: Final = frozenset(("metadata", "registry"))
"""Attributes that SQLAlchemy keeps for itself on every model."""


class Names:
    """Gives out names, none of them twice."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*taken, *USED, *keyword.kwlist}

    def take(self, wanted: str, *others: str) -> str:
        """The first of these names that is free, else the first with a number."""
        # Python reads identifiers in this normal form: two that differ before may be one after.
        listed = [unicodedata.normalize("NFKC", name) for name in (wanted, *others)]
        numbered = (f"{listed[0]}_{number}" for number in range(2, len(self._taken) + 3))
        name = next(each for each in (*listed, f"{listed[0]}_", *numbered) if each not in self._taken)
        self._taken.add(name)
        return name


def class_name(table: str) -> str:
    """A table's name in CamelCase."""
    words = _WORD.findall(unicodedata.normalize("NFKC", table))
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name.isidentifier() else f"Table{name}"


def attribute(name: str) -> str:
    """A column's name as an attribute, as it is where that is possible."""
    found = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name))
    if not found.isidentifier():
        found = f"_{found}"
    # Two underscores would make it private to the class, and another name.
    return re.sub(r"^__+", "_", found) if found.strip("_") else "column"


def snake(name: str) -> str:
    """A name of a table in lower case with underscores, as attributes have it."""
    return attribute(_CAMEL_EDGE.sub("_", name)).lower()


def without_key_suffix(column: str) -> str:
    """What a column refers to by its name: ``customer_id`` is a customer."""
    return attribute(_KEY_SUFFIX.sub("", column) or column)
