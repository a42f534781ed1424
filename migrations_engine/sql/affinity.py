"""Type affinity: how the declared type of a column decides what is stored in it.

https://sqlite.org/datatype3.html#determination_of_column_affinity
"""

from __future__ import annotations

from typing import Literal

Affinity = Literal["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]

# In SQLite's own order: the first that occurs in the type decides, so CHARINT is an INTEGER.
_RULES: tuple[tuple[Affinity, tuple[str, ...]], ...] = (
    ("INTEGER", ("INT",)),
    ("TEXT", ("CHAR", "CLOB", "TEXT")),
    ("BLOB", ("BLOB",)),
    ("REAL", ("REAL", "FLOA", "DOUB")),
)

_EXACT: frozenset[Affinity] = frozenset({"INTEGER", "NUMERIC"})
"""Both store a value in the same form; they differ in CAST only."""


def affinity(declared: str, *, strict: bool = False) -> Affinity:
    """The affinity of a declared type, as its table has it (ANY keeps values as they are only in STRICT)."""
    text = declared.upper()
    if strict and text.strip() == "ANY":
        return "BLOB"
    for found, words in _RULES:
        if any(word in text for word in words):
            return found
    return "BLOB" if not text.strip() else "NUMERIC"


def rewrites(before: Affinity, after: Affinity) -> bool:
    """Whether values that a column of the one affinity stored can come out as others in the other."""
    return after not in {"BLOB", before} and not {before, after} <= _EXACT
