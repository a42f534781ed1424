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


_ALL = (
    Rule(name="drop-table", about="Table", meaning="A table goes, with its rows.", refuses=True),
    Rule(name="drop-column", about="Table.column", meaning="A column goes, with its values.", refuses=True),
    Rule(
        name="drop-virtual-table",
        about="Table",
        meaning="A virtual table goes, with what it holds.",
        refuses=True,
    ),
    Rule(
        name="change-virtual-table",
        about="Table",
        meaning="A virtual table takes a form that does not hold all of its rows or columns.",
        refuses=True,
    ),
    Rule(
        name="narrow-type",
        about="Table.column",
        meaning="A type, or an expression in place of values, makes other values of those that are stored.",
        refuses=True,
    ),
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.name: rule for rule in _ALL})
"""All rules by name."""
