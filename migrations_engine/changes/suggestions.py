"""What went and what came that look like one thing under two names: a change says so, and the hint to write.

Nothing is renamed on a likeness alone. A column is like another of its table where the definitions are equal
and nothing else is like either of them, or where the types are equal and the names are near. A table is like
another one where they share most of their columns.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, TypeVar

from migrations_engine.changes import steps
from migrations_engine.changes.hints import column_form
from migrations_engine.changes.steps import Suggestion
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from migrations_engine.changes.hints import Renames
    from migrations_engine.changes.steps import Step
    from migrations_engine.model import Column, Objects, Table

_NEAR = 0.5
"""How much of two names has to be the same, from 0 to 1."""

_SHARED = 0.6
"""What share of their columns two tables have in common, at least."""

T = TypeVar("T", "Column", "Table")


def suggested(found: Sequence[Step], old: Objects, new: Objects, renames: Renames) -> Iterator[Suggestion]:
    """The hints that may be missing.

    Args:
        found: The steps from one schema to the other.
        old: The schema before.
        new: The schema afterwards.
        renames: The hints that act.
    """
    dropped = [step.table for step in found if isinstance(step, steps.DropTable)]
    added = [step.table for step in found if isinstance(step, steps.AddTable)]
    for before, after in _pairs(dropped, added, _shared):
        hint = {"_renamed_from": before.name}
        yield Suggestion(old=before.name, new=after.name, table=after.name, hint=hint)
    losing = {step.table for step in found if isinstance(step, steps.DropColumn)}
    for table in new.tables:
        was = renames.old_table(table, old) if table.name in losing else None
        if was is not None:
            yield from _columns(found, was, table)


def _columns(found: Sequence[Step], old: Table, new: Table) -> Iterator[Suggestion]:
    dropped = [s.column for s in found if isinstance(s, steps.DropColumn) and s.table == new.name]
    # Whoever says what fills a column has said where it comes from.
    added = [
        s.column for s in found if isinstance(s, steps.AddColumn) and s.table == new.name and s.fill is None
    ]
    forms = (
        {c.name: column_form(old, c.name) for c in dropped},
        {c.name: column_form(new, c.name) for c in added},
    )

    def alike(before: Column, after: Column) -> float:
        equal = forms[0][before.name] == forms[1][after.name]
        lone = [list(side.values()).count(forms[0][before.name]) for side in forms] == [1, 1]
        near = _near(before.name, after.name)
        if not (equal and lone) and (near < _NEAR or fold(before.type) != fold(after.type)):
            return 0
        return 1 + near + equal

    for before, after in _pairs(dropped, added, alike):
        yield Suggestion(
            old=f"{new.name}.{before.name}",
            new=f"{new.name}.{after.name}",
            table=new.name,
            hint={"_renames": {after.name: before.name}},
        )


def _pairs(gone: Sequence[T], come: Sequence[T], alike: Callable[[T, T], float]) -> list[tuple[T, T]]:
    """Those that are most alike, each once."""
    rated = [(alike(before, after), before, after) for before in gone for after in come]
    found: list[tuple[T, T]] = []
    for rate, before, after in sorted(rated, key=lambda each: -each[0]):
        if rate > 0 and not any(before is b or after is a for b, a in found):
            found.append((before, after))
    return found


def _shared(before: Table, after: Table) -> float:
    """How alike two tables are; 0 where they share too little."""
    forms = [{(fold(c.name), column_form(t, c.name)) for c in t.columns} for t in (before, after)]
    share = len(forms[0] & forms[1]) / max(map(len, forms))
    return 3 * share + _near(before.name, after.name) if share >= _SHARED else 0


def _near(before: str, after: str) -> float:
    return SequenceMatcher(None, fold(before), fold(after)).ratio()
