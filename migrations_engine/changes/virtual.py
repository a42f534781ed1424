"""How what a virtual table holds gets into its new form, and what of it is lost: pure, as data.

A definition cannot be altered: the old table goes out of the way, a new one is made and filled. What fills
it depends on where the values are: in the old table, in the content table that both index, or nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migrations_engine.model import fold
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from migrations_engine.model import VirtualTable
    from migrations_engine.sql.virtual import Definition

From = Literal["rows", "content", "index", "nothing"]
"""What fills a new virtual table: the old one's rows, the rows of the old one's content table, its own
content table by 'rebuild', or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How a new virtual table is filled.

    Attributes:
        source: What fills it.
        columns: (new column, old column) of those that are carried, where rows are.
        lost: What the new one does not have, one name each.
        only_empty: Why nothing can fill it, where the old one has anything.
    """

    source: From
    columns: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()
    only_empty: str = ""


def filling(before: VirtualTable, after: VirtualTable) -> Filling:
    """How ``after`` is filled, which takes the place of ``before``."""
    old, new = definition(before), definition(after)
    whole = (f"virtual table {old.name}",) if old.keeps else ()
    if "unknown" in (old.family, new.family):
        return Filling(source="nothing", only_empty=_unknown(old, new))
    if new.content == "external":
        return Filling(source="index", lost=whole)
    if old.family != new.family or new.content == "none":
        return Filling(source="nothing", lost=whole)
    if old.content == "contentless":
        return Filling(source="nothing", only_empty="its values are nowhere: only their index is kept")
    if old.content == "external":
        return Filling(source="content", columns=tuple((name, name) for name in new.columns))
    return _rows(old, new)


def _rows(old: Definition, new: Definition) -> Filling:
    """From one table that holds its rows to another one."""
    pairs = _pairs(old, new)
    taken = {fold(before) for _, before in pairs}
    lost = tuple(f"column {old.name}.{name}" for name in old.columns if fold(name) not in taken)
    if new.content == "contentless":
        lost = (f"values of virtual table {old.name}",)
    given = {name for name, _ in pairs}
    fresh = [name for name in new.columns[: new.coordinates] if name not in given]
    reason = f"nothing says where the coordinates {', '.join(fresh)} come from" if fresh else ""
    return Filling(source="rows", columns=pairs, lost=lost, only_empty=reason)


def _pairs(old: Definition, new: Definition) -> tuple[tuple[str, str], ...]:
    """(new column, old column) of the same name; coordinates that are all new keep their place."""
    theirs = {fold(name): name for name in old.columns}
    pairs = [(name, theirs[fold(name)]) for name in new.columns if fold(name) in theirs]
    if new.coordinates and new.coordinates == old.coordinates:
        pairs = _in_place(old, new, dict(pairs))
    return tuple(pairs)


def _in_place(old: Definition, new: Definition, named: dict[str, str]) -> list[tuple[str, str]]:
    """Coordinates say by their place what they mean: one without a namesake is the one that stood there."""
    taken = {fold(name) for name in named.values()}
    for number in range(new.coordinates):
        before, after = old.columns[number], new.columns[number]
        if after not in named and fold(before) not in taken:
            named[after] = before
    return [(name, named[name]) for name in new.columns if name in named]


def _unknown(old: Definition, new: Definition) -> str:
    module = old.module if old.family == "unknown" else new.module
    return f"what tables of the module {module} hold is not known here"
