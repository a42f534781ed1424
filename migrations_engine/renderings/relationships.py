"""Relationships between models: along each foreign key that is unambiguous, and back where it is alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.model import fold
from migrations_engine.renderings import columns
from migrations_engine.renderings.python_names import attribute, snake, without_key_suffix
from migrations_engine.renderings.python_source import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.renderings.model_names import ModelNames
    from migrations_engine.renderings.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """One attribute of a model: its name, its annotation, and the arguments of ``relationship``."""

    name: str
    annotation: str
    arguments: tuple[str, ...]


def relationships(references: Sequence[Reference], names: ModelNames) -> dict[str, list[Relationship]]:
    """The relationships of each model, by the folded name of its table.

    Args:
        references: The foreign keys between tables that have models.
        names: The names of models and attributes; those of relationships are taken from it too.
    """
    found: dict[str, list[Relationship]] = {}
    pairs = Counter(frozenset((fold(each.table.name), fold(each.parent.name))) for each in references)
    for each in _unambiguous(references):
        child, parent = fold(each.table.name), fold(each.parent.name)
        mutual = pairs[frozenset((child, parent))] == 1 and child != parent
        there = _name_there(each, names)
        back = (
            names.take(parent, snake(each.table.name), f"{snake(each.table.name)}_{there}")
            if mutual
            else None
        )
        found.setdefault(child, []).append(_to_parent(each, there, back, names, alone=mutual))
        if back is not None:
            found.setdefault(parent, []).append(_to_children(each, back, there, names))
    return found


def _unambiguous(references: Sequence[Reference]) -> Iterator[Reference]:
    """Those that share no column with another key: else two relationships would write one column."""
    uses = Counter((fold(each.table.name), name) for each in references for name in set(each.key.columns))
    for each in references:
        if all(uses[fold(each.table.name), name] == 1 for name in each.key.columns):
            yield each


def _name_there(reference: Reference, names: ModelNames) -> str:
    """The name of the way to the parent: after the column, else after the parent."""
    parent = snake(reference.parent.name)
    first = without_key_suffix(reference.key.columns[0])
    wanted = first if len(reference.key.columns) == 1 else parent
    return names.take(fold(reference.table.name), wanted, parent, f"{attribute(first)}_{parent}")


def _to_parent(
    reference: Reference, name: str, back: str | None, names: ModelNames, *, alone: bool
) -> Relationship:
    model = literal(names.model(reference.parent))
    found = [column for column in reference.table.columns if column.name in reference.key.columns]
    required = all(columns.is_required(column, reference.table) for column in found)
    arguments = [f"back_populates={literal(back)}"] if back else []
    if not alone:
        own = ", ".join(names.attribute(reference.table, each) for each in reference.key.columns)
        arguments.append(f"foreign_keys=[{own}]")
    if reference.table is reference.parent:
        there = ", ".join(names.attribute(reference.parent, each) for each in reference.parent_columns)
        arguments.append(f"remote_side=[{there}]")
    annotation = model if required else f"Optional[{model}]"
    return Relationship(name=name, annotation=annotation, arguments=tuple(arguments))


def _to_children(reference: Reference, name: str, there: str, names: ModelNames) -> Relationship:
    model = literal(names.model(reference.table))
    single = columns.identify(reference.key.columns, reference.table)
    annotation = f"Optional[{model}]" if single else f"list[{model}]"
    return Relationship(name=name, annotation=annotation, arguments=(f"back_populates={literal(there)}",))
