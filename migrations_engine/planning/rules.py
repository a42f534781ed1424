"""The rules by which a change is judged: their names, what they find, which of them refuse without leave."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what its object is, what it finds, and whether it refuses a change or only warns."""

    name: str
    about: str
    meaning: str
    refuses: bool = False


_REFUSING = (
    ("drop-table", "Table", "A table goes, with its rows."),
    ("drop-column", "Table.column", "A column goes, with its values."),
    ("drop-virtual-table", "Table", "A virtual table goes, with what it holds."),
    ("change-virtual-table", "Table", "A virtual table gets a form that does not hold all that it has."),
    (
        "narrow-type",
        "Table.column",
        "Stored values come out as others; where STRICT may refuse them, that is a warning alone.",
    ),
)

_WARNING = (
    ("new-not-null", "Table.column", "Rows that are there may have NULL in a column that takes it no more."),
    ("new-unique", "Table.name", "Rows that are there may share what is to be unique."),
    ("new-check", "Table.name", "Rows that are there may break a new CHECK."),
    ("new-foreign-key", "Table.column", "Rows that are there may have no parent under a new FOREIGN KEY."),
    ("dropped-unique", "Table.name", "Nothing keeps values apart any more that code takes for unique."),
    ("missing-parent", "Table", "A foreign key refers to a table that is not there."),
    ("parent-key", "Table", "A foreign key refers to columns that are no key of their table."),
    (
        "positional",
        "View or trigger",
        "A text relies on the order of columns, which may differ by file.",
    ),
    (
        "breaks-old-code",
        "Table.column",
        "Code of the version before fails on the new schema: expand first, contract later.",
    ),
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        name: Rule(name=name, about=about, meaning=meaning, refuses=refuses)
        for refuses, group in ((True, _REFUSING), (False, _WARNING))
        for name, about, meaning in group
    }
)
"""All rules by name; those that refuse come first."""
