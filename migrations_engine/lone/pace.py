"""How many rows a turn takes, so that it takes as long as it should."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST = 1
_MOST = 50_000
_FASTER = 2.0


@dataclass(slots=True, kw_only=True)
class Pace:
    """The size of the next turn, learnt from those before.

    Attributes:
        seconds: How long a turn should take.
        rows: How many rows the next one takes.
    """

    seconds: float
    rows: int = 64

    def aim(self, seconds: float) -> None:
        """Have the next turns take another time than those before."""
        self.rows = max(_LEAST, int(self.rows * min(1.0, seconds / self.seconds)))
        self.seconds = seconds

    def took(self, rows: int, seconds: float) -> None:
        """Learn from a turn: how many rows it did, and how long it took."""
        if rows == 0:
            return
        fitting = int(rows * self.seconds / max(seconds, 1e-6))
        self.rows = max(_LEAST, min(fitting, int(self.rows * _FASTER) + 1, _MOST))

    def too_long(self) -> bool:
        """Learn from a turn that was taken back; whether a smaller one can be tried."""
        can = self.rows > _LEAST
        self.rows = max(_LEAST, self.rows // 8)
        return can
