"""A rollout's next step: hand out, halt, sweep, end. Each is one transaction of the catalog and nothing else.

Nothing is kept in memory, so any process may make the next step: the coordinator, a task, a second of either.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from tenantdb.catalog import rollouts
from tenantdb.catalog.states import Outcome, RolloutState
from workers.rollout.waves import CANARY, Budget, Failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from tenantdb.catalog.models import Rollout
    from tenantdb.catalog.rollouts import Ending

BATCH = 8
"""Tenants that a worker takes at a time: few, so that a halt or a pause is soon felt."""

PER_SERVER = 2
"""Batches at a time on one server: a wave must not take all of its disk from the applications."""

GOING = frozenset({RolloutState.RUNNING, RolloutState.ROLLING_BACK})
"""States in which tenants are handed out."""

SWEEP = "sweep"
"""The label of the last wave: tenants that came to another schema while the rollout went on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tenants of one server that were handed out together."""

    rollout: str
    server: str
    tenants: tuple[str, ...]

    def arguments(self) -> dict[str, Any]:
        """The batch as a message carries it."""
        return {**asdict(self), "tenants": list(self.tenants)}

    @classmethod
    def of(cls, arguments: dict[str, Any]) -> Self:
        """The batch that ``arguments`` gave."""
        return cls(**{**arguments, "tenants": tuple(arguments["tenants"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one step found and handed out; ``ended`` where it was the last one."""

    state: RolloutState
    batches: tuple[Batch, ...] = ()
    ended: bool = False


def step(session: Session, rollout: str) -> Turn:
    """Hand out the tenants that may go now; where none is left, end the rollout.

    Args:
        session: Within a transaction of the catalog.
        rollout: Its id.
    """
    row = rollouts.get(session, rollout, lock=True)
    if row.state not in GOING:
        return Turn(state=row.state)
    rollouts.drop_deleted(session, rollout)
    wave = rollouts.open_wave(session, rollout)
    if wave is None and row.state is RolloutState.RUNNING:
        wave = _sweep(session, row)
    if wave is None and row.state is RolloutState.ROLLING_BACK and rollouts.turn_strays_back(session, row):
        wave = rollouts.open_wave(session, rollout)
    if wave is None:
        return Turn(state=_end(session, row), ended=True)
    batches = [
        Batch(rollout=rollout, server=server, tenants=tuple(tenants))
        for server in rollouts.servers_waiting(session, rollout, wave=wave)
        for tenants in _portions(session, rollout, wave, server)
    ]
    return Turn(state=row.state, batches=tuple(batches))


def _portions(session: Session, rollout: str, wave: int, server: str) -> Iterator[list[str]]:
    running = rollouts.running_on(session, rollout, server=server)
    for _ in range(PER_SERVER - -(-running // BATCH)):
        tenants = rollouts.hand_out(session, rollout, wave=wave, server=server, limit=BATCH)
        if tenants:
            yield tenants


def _sweep(session: Session, row: Rollout) -> int | None:
    """Enlist tenants that have another schema although every wave is through; None where there are none."""
    swept = row.waves[-1]["size"] if row.waves and row.waves[-1]["label"] == SWEEP else None
    wave = len(row.waves) - (swept is not None)
    strays = rollouts.strays(session, row, wave=wave)
    if not strays:
        return None
    row.waves = [*row.waves[:wave], {"label": SWEEP, "size": (swept or 0) + len(strays)}]
    rollouts.enlist(session, row.id, strays)
    return wave


def _end(session: Session, row: Rollout) -> RolloutState:
    forward = row.state is RolloutState.RUNNING
    end = RolloutState.DONE if forward else RolloutState.ROLLED_BACK
    rollouts.change_state(session, row.id, to=end, only_from=[row.state])
    return end


def record(session: Session, rollout: str, tenant: str, ending: Ending) -> bool:
    """Record how a try ended; the same transaction halts the rollout if that was one failure too many.

    Returns:
        Whether it halted the rollout.
    """
    rollouts.end_try(session, rollout, tenant, ending)
    if ending.outcome is not Outcome.FAILED:
        return False
    row = rollouts.get(session, rollout, lock=True)
    tenants = sum(rollouts.counts(session, rollout).values())
    if not _failures(session, row).exceed(Budget(text=row.max_failures or "0"), tenants=tenants):
        return False
    going = [RolloutState.RUNNING]
    return rollouts.change_state(session, rollout, to=RolloutState.HALTED, only_from=going)


def _failures(session: Session, row: Rollout) -> Failures:
    has_canary = bool(row.waves) and row.waves[0]["label"] == CANARY
    return Failures(
        all=rollouts.counts(session, row.id).get(Outcome.FAILED, 0),
        canary=rollouts.counts(session, row.id, wave=0).get(Outcome.FAILED, 0) if has_canary else 0,
        excused=row.excused,
    )
