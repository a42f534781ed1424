"""How far a long change has come, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a change stands.

    Attributes:
        phase: What it is doing, by the name in the list of phases.
        rows: How many rows that is done for.
        total: How many rows there are to do in this phase; 0 where nobody knows.
        bytes: About how many bytes of tables and indexes that makes.
    """

    phase: str
    rows: int
    total: int
    bytes: int


Watch = Callable[[Progress], None]
"""Told from time to time; what it raises ends the change, and nothing was changed."""


def unwatched(_progress: Progress) -> None:
    """Tell nobody."""
