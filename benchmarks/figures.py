"""What a figure is, and how fast a loop runs."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SLICES = 7
SLICE_SECONDS = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        says: What is compared, in words.
        of: The side whose number it is.
        against: The side that it is divided by; without one the number stands for itself.
        at_least: The bound that the median must reach, if there is one.
        at_most: The bound that the median must not exceed, if there is one.
        unit: What the number counts; a ratio's is ``x``.
    """

    says: str
    of: str
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "x"

    def holds(self, value: float) -> bool:
        """Whether a median is within the bounds."""
        above = self.at_least is None or value >= self.at_least
        return above and (self.at_most is None or value <= self.at_most)


def rate(work: Callable[[], object], *, operations: int) -> float:
    """Operations a second of some work, in the best of several slices: what disturbs can only slow it.

    It is processor time that counts, so that other work on the machine counts little: not for what waits.

    Args:
        work: Does ``operations`` operations.
        operations: How many.
    """
    work()
    return max(_slice(work) for _ in range(SLICES)) * operations


def _slice(work: Callable[[], object]) -> float:
    """Calls a second, over a short time."""
    calls, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < SLICE_SECONDS:
        work()
        calls += 1
    return calls / spent


def paired(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int) -> float:
    """How many times as fast one work is as another that waits for the same disk.

    They take turns, call by call, and in turns each goes first, so that both have the same disk; a ratio of
    medians.
    """
    spent = {work: [_seconds(work)] for work in (ours, theirs)}
    for number in range(rounds):
        for work in (ours, theirs) if number % 2 else (theirs, ours):
            spent[work].append(_seconds(work))
    return statistics.median(spent[theirs]) / statistics.median(spent[ours])


def _seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
