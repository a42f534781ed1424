"""What a plan means for one file, as values: each step with its cost, risk and way back, and the concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from migrations_engine.planning.leave import wanted

if TYPE_CHECKING:
    from migrations_engine.changes.steps import Step

Risk = Literal["safe", "needs data check", "destructive"]

Way = Literal["in place", "rebuild"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """How a step is undone, with the writes made since.

    Attributes:
        kind: ``lossless``; ``lossy`` where the older schema cannot hold all that may be written meanwhile;
            ``none`` where there was nothing before.
        loses: What of the writes since would be lost, for ``lossy``.
    """

    kind: Literal["lossless", "lossy", "none"]
    loses: str | None = None

    def __str__(self) -> str:
        """The kind, and what is lost."""
        return f"{self.kind} ({self.loses})" if self.loses else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step on one file.

    Attributes:
        step: What changes.
        table: The table or virtual table in whose change it is done; None for views and their triggers.
        way: Whether it is done where the table lies, or the table is copied.
        why: What makes the copy necessary; None for a step in place.
        rows: Rows that are read or copied for it, by all steps of its table together.
        bytes: Bytes that are written anew, likewise.
        pause: Seconds that writers wait for it, as predicted, likewise.
        risk: ``safe``, ``needs data check`` where rows may be refused, or ``destructive``.
        way_back: How it is undone.
    """

    step: Step
    table: str | None
    way: Way
    why: str | None
    rows: int
    bytes: int
    pause: float
    risk: Risk
    way_back: WayBack


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """What is to be thought about: a rule, the parts of its object's name, a sentence, whether it refuses."""

    rule: str
    names: tuple[str, ...]
    message: str
    refuses: bool = False

    @property
    def object_name(self) -> str:
        """The object as people write it."""
        return ".".join(self.names)

    @property
    def allow(self) -> str:
        """The leave for exactly this."""
        return wanted(self.rule, self.names)

    def __str__(self) -> str:
        """Say object, sentence and rule."""
        return f"{self.object_name}: {self.message} ({self.rule})"
