"""What the demo measured, chapter by chapter: values that the report prints and ``--json`` gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tenantdb.cli.demo import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantdb.cli.demo.ledger import Entry, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long the writers' calls took in a span of time, in milliseconds."""

    writes: int
    median_ms: float
    p99_ms: float
    slowest_ms: float

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Waits:
        """The waits of these writes."""
        waited = sorted(entry.ms for entry in entries)
        if not waited:
            return cls(writes=0, median_ms=0.0, p99_ms=0.0, slowest_ms=0.0)
        return cls(
            writes=len(waited),
            median_ms=waited[len(waited) // 2],
            p99_ms=waited[len(waited) * 99 // 100],
            slowest_ms=waited[-1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Chapter 1: the tenants on each server, their rows, and how long making them took."""

    tenants: int
    servers: Mapping[str, int]
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Applications:
    """Chapter 2: the processes that write, and their pace when nothing else happens."""

    processes: int
    writes_per_second: float
    waits: Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A tenant that could not take the new schema: the rule, how many rows break it, and their keys."""

    tenant: str
    reason: str
    keys: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Chapter 3: one schema for everybody."""

    rollout: str
    state: str
    waves: list[tuple[str, int]]
    counts: Mapping[str, int]
    refused: list[Refusal]
    tables: tuple[int, int]
    pause_ms: float
    longest_pause_ms: float
    seconds: float
    waits: Waits

    @property
    def per_second(self) -> float:
        """Tenants that were brought to the new schema, by second."""
        return self.counts.get("done", 0) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Chapter 4: one busy tenant to another server."""

    tenant: str
    source: str
    target: str
    rows: int
    drained: int
    verified: bool
    pause_ms: float
    seconds: float
    waits: Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Chapter 5: one tenant back to version 1, and forward again."""

    tenant: str
    losses: list[str]
    back_seconds: float
    forward_seconds: float
    waits: Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """All chapters; the sixth is the verdict."""

    fleet: Fleet
    applications: Applications
    rollout: Rollout
    move: Move
    rollback: Rollback
    verdict: Verdict
    reads: int
    findings: int
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether all that the platform promises held."""
        through = self.rollout.state == "done" and self.move.verified
        return through and self.findings == 0 and self.verdict.kept

    def document(self) -> dict[str, Any]:
        """The tour for ``--json``."""
        chapters = asdict(self)
        return {**chapters, "verdict": ledger.as_document(self.verdict), "kept": self.kept}
