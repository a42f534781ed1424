"""A long process as a list of named phases, each of which may run twice.

The runner knows no database and no journal: an observer hears of every boundary *before* the process goes
on, so that what a journal records and where a test kills the process are the same places.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Context = TypeVar("Context")


class Boundary(StrEnum):
    """What an observer hears of a phase."""

    ENTERED = "entered"
    LEFT = "left"
    FAILED = "failed"
    UNDONE = "undone"


class Observer(Protocol):
    """Hears of every boundary; what it raises ends the process as a failure of that phase."""

    def __call__(self, phase: str, boundary: Boundary, /) -> None:
        """Take note that ``phase`` is at ``boundary``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Generic[Context]):
    """One named stage of a process.

    Attributes:
        name: How journals and tests call it; unique in its list.
        run: Does it; may be called again after a crash anywhere inside it.
        undo: Takes back what ``run`` may have done, a part of it included; may run twice too.
        binding: From its entry on the runner undoes nothing, earlier phases neither: what has happened can
            only be told from the world, and whoever recovers the process looks there.
    """

    name: str
    run: Callable[[Context], None]
    undo: Callable[[Context], None] | None = None
    binding: bool = False


def run(
    phases: Sequence[Phase[Context]], context: Context, *, observer: Observer, after: str | None = None
) -> None:
    """Run phases in order; where one fails, undo what was entered, backwards, and raise its error.

    Args:
        phases: The process.
        context: Handed to every phase.
        observer: Hears of every boundary.
        after: Name of the last phase that was left before; the process resumes behind it.
    """
    start = 0 if after is None else _position(phases, after) + 1
    for phase in phases[start:]:
        try:
            observer(phase.name, Boundary.ENTERED)
            phase.run(context)
            observer(phase.name, Boundary.LEFT)
        except BaseException:
            # A person's Ctrl-C as well: half a process is never left standing where it can be taken back.
            observer(phase.name, Boundary.FAILED)
            undo(phases, context, observer=observer, entered=phase.name)
            raise


def undo(
    phases: Sequence[Phase[Context]], context: Context, *, observer: Observer, entered: str | None = None
) -> None:
    """Undo phases backwards; nothing at all once a binding one was entered.

    Args:
        phases: The process.
        context: Handed to every phase.
        observer: Hears of every phase that was undone.
        entered: Name of the last phase that was entered; by default all were.
    """
    reached = phases if entered is None else phases[: _position(phases, entered) + 1]
    if any(phase.binding for phase in reached):
        return
    for phase in reversed(reached):
        if phase.undo is not None:
            phase.undo(context)
            observer(phase.name, Boundary.UNDONE)


def _position(phases: Sequence[Phase[Context]], name: str) -> int:
    return [phase.name for phase in phases].index(name)
