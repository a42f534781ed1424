"""What drives a rollout: it hands out tenants wave by wave, until every one has its end.

With a broker the steps are tasks; without one ``drive`` makes them and runs the batches in a process pool
of its own. Its lease on the rollout only keeps two from driving at once; the rows are right without it.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantdb.catalog import Catalog, rollouts
from tenantdb.catalog.states import Outcome, RolloutState
from tenantdb.errors import OperationFailed
from tenantdb.errors import RolloutState as WrongState
from workers import events, recovery
from workers.dispatch.dispatcher import Dispatcher, Event, Failed, Finished, Inline, Pool, Report
from workers.operations.owner import Owner
from workers.rollout import batch as batches
from workers.rollout.turn import GOING, PER_SERVER, Batch, Turn, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from tenantdb.settings import Settings

LEASE_SECONDS = 30.0
TICK_SECONDS = 0.5

FEW = 3
"""So few tenants are brought there by the driver itself, sooner than a child has begun."""

MAX_FAILED_BATCHES = 10
"""So many in a row, before any tenant came to an end: it is not the tenants."""


def drive(
    rollout: str,
    *,
    settings: Settings,
    watch: Callable[[], None] = lambda: None,
) -> RolloutState:
    """Drive a rollout in this process until it ends, halts or is paused; a Ctrl-C pauses it.

    Args:
        rollout: Its id.
        settings: Where the catalog is.
        watch: Called several times a second, for whoever shows how far it is.

    Raises:
        RolloutState: Another process drives it.
        OperationFailed: No worker can work; the rollout is paused.
        KeyboardInterrupt: After a Ctrl-C, when the rollout is paused and every tenant at hand is through.
    """
    catalog, owner = Catalog.open(settings), str(Owner.myself())
    recovery.recover(settings)
    _take_over(catalog, rollout, owner)
    try:
        with _pool(catalog, rollout, settings) as pool:
            return _Drive(catalog, rollout, owner, pool, watch).run()
    finally:
        with catalog.begin() as session:
            rollouts.release_lease(session, rollout, owner=owner)


@contextlib.contextmanager
def _pool(catalog: Catalog, rollout: str, settings: Settings) -> Iterator[Pool]:
    """Give what runs the batches: a process for each core, or this one where there is little to do."""
    with catalog.reading() as session:
        waiting = rollouts.counts(session, rollout).get(Outcome.PENDING, 0)
    if waiting <= FEW:
        yield Inline(batches.run)
        return
    home = {"TENANTDB_HOME": str(settings.home)}
    cores = len(os.sched_getaffinity(0))
    with Dispatcher("workers.rollout.batch:run", size=cores, per_server=PER_SERVER, environment=home) as pool:
        yield pool


def _take_over(catalog: Catalog, rollout: str, owner: str) -> None:
    with catalog.begin() as session:
        row = rollouts.get(session, rollout, lock=True)
        before = Owner.parse(row.lease_owner or "")
        dead = str(before) if before and before.is_gone() else None
        if not rollouts.take_lease(session, rollout, owner=owner, seconds=LEASE_SECONDS, dead=dead):
            pid = before.pid if before else "?"
            raise WrongState(
                rollout, state=row.state, wanted=f"process {pid} drives it; pause it there first"
            )
        # Whoever had them is gone, or works them to an end that counts all the same.
        rollouts.take_back(session, rollout)


@dataclass(slots=True)
class _Drive:
    """One process's turn at a rollout."""

    catalog: Catalog
    rollout: str
    owner: str
    pool: Pool
    watch: Callable[[], None]
    renewed: float = field(default_factory=time.monotonic)
    failed: int = 0

    def run(self) -> RolloutState:
        try:
            return self._run()
        except (KeyboardInterrupt, OperationFailed):
            self._pause()
            self.pool.cancel()
            while self.pool.busy:  # tenants at hand go through; the batches see the pause before the next one
                self._listen()
            raise

    def _run(self) -> RolloutState:
        while True:
            turn = self._step()
            if turn.ended:
                said = f"rollout {self.rollout} is {turn.state}"
                events.emit(events.Event.ROLLOUT_ENDED, said, rollout=self.rollout)
            for batch in turn.batches:
                self.pool.submit(batch.arguments(), server=batch.server)
            if turn.state not in GOING and not self.pool.busy:
                self.watch()
                return turn.state
            self._listen()

    def _step(self) -> Turn:
        with self.catalog.begin() as session:
            if time.monotonic() > self.renewed + LEASE_SECONDS / 3:
                self._renew(session)
            return step(session, self.rollout)

    def _renew(self, session: Session) -> None:
        if not rollouts.take_lease(session, self.rollout, owner=self.owner, seconds=LEASE_SECONDS):
            row = rollouts.get(session, self.rollout)
            raise WrongState(self.rollout, state=row.state, wanted="another process took it over")
        self.renewed = time.monotonic()

    def _pause(self) -> None:
        with self.catalog.begin() as session:
            going = [RolloutState.RUNNING]
            rollouts.change_state(session, self.rollout, to=RolloutState.PAUSED, only_from=going)

    def _listen(self) -> None:
        """Take the workers' reports until a batch ends or a moment has passed."""
        until = time.monotonic() + TICK_SECONDS
        ended = False
        while not ended and (left := until - time.monotonic()) > 0:
            for event in self.pool.events(timeout=left):
                ended = ended or not isinstance(event, Report)
                self._understand(event)
        self.watch()

    def _understand(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.failed = 0
        if not isinstance(event, Failed):
            return
        batch = Batch.of(event.job.arguments)
        with self.catalog.begin() as session:
            rollouts.take_back(session, self.rollout, tenants=batch.tenants)
        self.failed += 1
        if self.failed >= MAX_FAILED_BATCHES:
            reason = f"{event.error_type}: {event.message}; the rollout is paused"
            raise OperationFailed(f"rollout {self.rollout}", reason=reason)
