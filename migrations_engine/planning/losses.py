"""What a change would drop or rewrite, each loss with the rule and the object that leave is given for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.changes import steps
from migrations_engine.recent import derived

if TYPE_CHECKING:
    from migrations_engine.changes.steps import Change, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One loss: the rule that it falls under, the parts of its object's name, and what is lost."""

    rule: str
    names: tuple[str, ...]
    text: str


@derived
def losses(change: Change) -> tuple[Loss, ...]:
    """All losses of a change; every one needs leave."""
    return tuple(
        Loss(rule=_rule(step), names=_names(step), text=step.destroys)
        for step in change.steps
        if step.destroys is not None
    )


def _rule(step: Step) -> str:
    return "narrow-type" if isinstance(step, steps.ChangeColumn) else step.kind


def _names(step: Step) -> tuple[str, ...]:
    if isinstance(step, steps.DropColumn):
        return step.table, step.column.name
    return (step.table, step.after.name) if isinstance(step, steps.ChangeColumn) else (step.subject,)
