"""Which tenants a rollout reaches when, and how many failures it bears: pure functions on plain values."""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_WAVES = "1%,10%,100%"
DEFAULT_BUDGET = "5%"
CANARY = "canary"
"""The label of the first wave where there is a canary: a failure in it always halts."""


class InvalidWaves(ValueError):
    """A text that says no waves, canary or failure budget; the message says what it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One group of tenants that is finished before the next begins."""

    label: str
    tenants: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many tenants may fail before a rollout halts: a number, or a share of all its tenants."""

    text: str

    def __post_init__(self) -> None:
        """Refuse a text that says neither.

        Raises:
            InvalidWaves: It is no number and no percentage.
        """
        if not re.fullmatch(r"\d{1,9}|\d{1,3}(\.\d+)?%", self.text) or self._percent > 100:
            raise InvalidWaves(f"{self.text!r} is no failure budget: give a number (3) or a share (5%)")

    @property
    def _percent(self) -> float:
        return float(self.text[:-1]) if self.text.endswith("%") else 0.0

    def allowed(self, tenants: int) -> int:
        """Failures that a rollout over so many tenants bears; a share is rounded up: 1% of 5 is one."""
        return math.ceil(tenants * self._percent / 100) if self.text.endswith("%") else int(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How many tenants failed: of the whole rollout, of its canary, and how many of them were excused."""

    all: int
    canary: int
    excused: int

    def exceed(self, budget: Budget, *, tenants: int) -> bool:
        """Whether it is time to halt: more failures than the rollout bears, or any in the canary."""
        return self.canary > self.excused or self.all - self.excused > budget.allowed(tenants)


def parse_shares(text: str) -> tuple[float, ...]:
    """Read ``1%,10%,100%``: the share of all tenants that is reached by the end of each wave.

    Raises:
        InvalidWaves: A share is none, they do not grow, or the last is not 100%.
    """
    shares = tuple(_share(part.strip(), text) for part in text.split(","))
    if any(later <= earlier for earlier, later in pairwise(shares)):
        raise InvalidWaves(f"{text!r}: each wave must reach more than the one before")
    if shares[-1] != 100:
        raise InvalidWaves(f"{text!r}: the last wave must be 100%, or some tenants would never be reached")
    return shares


def _share(part: str, text: str) -> float:
    if not re.fullmatch(r"\d{1,3}(\.\d+)?%", part) or not 0 < float(part[:-1]) <= 100:
        raise InvalidWaves(f"{text!r} says no waves: give growing shares, as in {DEFAULT_WAVES}")
    return float(part[:-1])


def ordered(tenants: Iterable[tuple[str, str]], *, salt: str) -> tuple[str, ...]:
    """All tenants in the order in which a rollout reaches them: the same each time, spread over the servers.

    Args:
        tenants: Pairs of tenant and server.
        salt: Any text that differs between rollouts, so that not the same customers go first each time.
    """
    by_server: dict[str, list[str]] = defaultdict(list)
    for tenant, server in tenants:
        by_server[server].append(tenant)
    queues = [sorted(queue, key=lambda tenant: _rank(salt, tenant)) for _, queue in sorted(by_server.items())]
    return tuple(tenant for tenant in chain.from_iterable(zip_longest(*queues)) if tenant is not None)


def _rank(salt: str, tenant: str) -> bytes:
    return hashlib.sha256(f"{salt}\0{tenant}".encode()).digest()


def cut(tenants: Sequence[str], *, canary: int, shares: Sequence[float]) -> tuple[Wave, ...]:
    """Cut the ordered tenants into waves: the canary apart, then one wave for each share that adds tenants.

    Args:
        tenants: In the order in which they are reached.
        canary: How many go first, alone; 0 for none.
        shares: Growing percentages of all tenants; a share is rounded up to whole tenants.

    Raises:
        InvalidWaves: ``canary`` is negative.
    """
    if canary < 0:
        raise InvalidWaves(f"a canary of {canary} tenants: give a number from 0 on")
    waves = [Wave(label=CANARY, tenants=tuple(tenants[:canary]))] if canary and tenants else []
    reached = min(canary, len(tenants))
    for share in shares:
        end = math.ceil(len(tenants) * share / 100)
        if end > reached:
            waves.append(Wave(label=f"{share:g}%", tenants=tuple(tenants[reached:end])))
            reached = end
    return tuple(waves)
