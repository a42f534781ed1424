"""The chapters of the tour, one function each: it does what it is about, and gives what it measured."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import migrations_engine as engine
from migrations_engine.errors import WayBackLossy
from tenantdb import home, settings
from tenantdb.catalog import Catalog, rollouts, servers, tenants
from tenantdb.catalog.states import Outcome
from tenantdb.cli.demo import data, figures, ledger, rows
from tenantdb.errors import OperationFailed
from workers import doctor, mover
from workers.dispatch.dispatcher import Dispatcher, Event, Failed
from workers.dispatch.dispatcher import Report as Said
from workers.rollout import coordinator
from workers.rollout import rollout as rolling

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from tenantdb.cli.demo.crew import Crew
    from tenantdb.cli.demo.ledger import Verdict
    from tenantdb.cli.demo.report import Report
    from workers.rollout.rollout import View

TENANTS_PER_JOB = 5

COURSE = rolling.Course(canary=2, waves="10%,40%,100%", max_failures="3")

CALM_SECONDS = 2.0
"""How long the applications are watched before anything happens to their tenants."""

BUSY_SECONDS = 0.5
"""How long half of all writes go to the tenant before it is moved."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where the tour takes place and how large it is; ``seconds`` is the least time that writers write."""

    folder: Path
    report: Report
    tenants: Sequence[str]
    servers: int
    seconds: float
    catalog: Catalog = field(init=False)

    @property
    def ledgers(self) -> Path:
        """The folder of the writers' ledgers."""
        return self.folder / "ledgers"


def fleet(stage: Stage) -> figures.Fleet:
    """Chapter 1: servers, tenants on them, rows in the tenants."""
    stage.report.chapter(1, "A fleet")
    began = time.monotonic()
    stage.ledgers.mkdir()
    now = settings.current()
    home.initialise(now, schema=engine.loads(data.document(1)))
    stage.catalog = Catalog.open(now)
    _add_servers(stage)
    made = _furnish(stage)
    with stage.catalog.reading() as session:
        placed = Counter(tenant.server_id for tenant in tenants.everyone(session))
    figure = figures.Fleet(
        tenants=len(stage.tenants),
        servers=dict(sorted(placed.items())),
        rows=made,
        seconds=time.monotonic() - began,
    )
    stage.report.fleet(figure)
    return figure


def _add_servers(stage: Stage) -> None:
    with stage.catalog.begin() as session:
        servers.get(session, home.LOCAL).weight = 0  # the tour has servers of its own
        for number in range(1, stage.servers + 1):
            folder = stage.folder / f"server-{number}"
            folder.mkdir()
            servers.add(session, server=folder.name, url=folder.resolve().as_uri())


def _furnish(stage: Stage) -> int:
    """Make the tenants in processes, as many as there are cores; return how many rows they got."""
    made = 0
    with (
        Dispatcher("tenantdb.cli.demo.rows:furnish", size=_cores(), per_server=_cores()) as pool,
        stage.report.progress("creating tenants", len(stage.tenants)) as moved,
    ):
        for some in _portions(stage.tenants):
            pool.submit({"tenants": some}, server="")
        while pool.busy:
            for event in pool.events(timeout=1.0):
                made += _rows(event)
                moved(isinstance(event, Said))
    return made


def _rows(event: Event) -> int:
    """How many rows a report speaks of."""
    if isinstance(event, Failed):
        raise OperationFailed("demo", reason=f"{event.error_type}: {event.message}")
    return int(event.value) if isinstance(event, Said) else 0


def _portions(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[at : at + TENANTS_PER_JOB]) for at in range(0, len(ids), TENANTS_PER_JOB)]


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def applications(stage: Stage, crew: Crew) -> figures.Applications:
    """Chapter 2: writers, watched while nothing else happens."""
    stage.report.chapter(2, "Applications at work")
    crew.await_writes(1)
    began = time.monotonic()
    _sleep(stage, "applications write and read", CALM_SECONDS)
    waits = figures.Waits.of(crew.entries(since=began))
    figure = figures.Applications(
        processes=crew.size, writes_per_second=waits.writes / (time.monotonic() - began), waits=waits
    )
    stage.report.applications(figure)
    return figure


def rollout(stage: Stage, crew: Crew) -> figures.Rollout:
    """Chapter 3: version 2 for everybody, but for one tenant that can't take it."""
    stage.report.chapter(3, "A rollout to the whole fleet")
    schema = engine.loads(data.document(2))
    plan = rolling.preview(stage.catalog, schema, course=COURSE)
    rows.forget_companies(plan.waves[-1].tenants[0])
    witness = plan.waves[0].tenants[0]
    before, began = rows.tables(witness), time.monotonic()
    identity = rolling.start(stage.catalog, schema, course=COURSE)
    with stage.report.watching(stage.catalog, identity) as watch:
        coordinator.drive(identity, settings=settings.current(), watch=watch)
    ended = time.monotonic()
    view = rolling.show(stage.catalog, identity)
    pauses = _pauses(stage, identity)
    figure = figures.Rollout(
        rollout=identity,
        state=view.state,
        waves=[(wave.label, wave.size) for wave in view.waves],
        counts=view.counts,
        refused=_refusals(view),
        tables=(before, rows.tables(witness)),
        pause_ms=statistics.median(pauses),
        longest_pause_ms=max(pauses),
        seconds=ended - began,
        waits=figures.Waits.of(crew.entries(since=began, until=ended)),
    )
    stage.report.rollout(figure)
    return figure


def _pauses(stage: Stage, identity: str) -> list[float]:
    with stage.catalog.reading() as session:
        done = rollouts.places(session, identity, outcomes=[Outcome.DONE])
    return [place.pause_ms or 0.0 for place in done] or [0.0]


def _refusals(view: View) -> list[figures.Refusal]:
    return [
        figures.Refusal(
            tenant=failure.tenant,
            reason="; ".join(f"{misfit['table']}: {misfit['rule']}" for misfit in failure.misfits)
            or failure.error,
            keys=failure.sample,
        )
        for failure in view.failures
    ]


def move(stage: Stage, crew: Crew, *, refused: Collection[str]) -> figures.Move:
    """Chapter 4: the tenant that is written to most goes to another server."""
    stage.report.chapter(4, "A busy tenant moves to another server")
    tenant = _busiest(crew, refused)
    crew.favour(tenant)
    time.sleep(BUSY_SECONDS)
    with stage.catalog.reading() as session:
        source = tenants.get(session, tenant).server_id
    target = next(name for number in range(1, stage.servers + 1) if (name := f"server-{number}") != source)
    began = time.monotonic()
    went = mover.move(tenant, to=target, settings=settings.current())
    ended = time.monotonic()
    crew.favour("")
    figure = figures.Move(
        tenant=tenant,
        source=source,
        target=target,
        rows=went.rows,
        drained=went.drained,
        verified=went.verified,
        pause_ms=went.pause_ms,
        seconds=ended - began,
        waits=figures.Waits.of(_of(crew, tenant, began, ended)),
    )
    stage.report.move(figure)
    return figure


def _busiest(crew: Crew, but: Collection[str]) -> str:
    written = Counter(entry.tenant for entry in crew.entries() if entry.tenant not in but)
    return written.most_common(1)[0][0]


def _of(crew: Crew, tenant: str, began: float, ended: float) -> list[ledger.Entry]:
    """The writes to a tenant that were under way at some time in a span."""
    return [
        entry
        for entry in crew.entries(until=ended)
        if entry.tenant == tenant and entry.at + entry.ms / 1000 >= began
    ]


def rollback(stage: Stage, crew: Crew, *, rollout: figures.Rollout, moved: str) -> figures.Rollback:
    """Chapter 5: one tenant that uses version 2 goes back to version 1, and forward again."""
    stage.report.chapter(5, "One tenant goes back, and forward again")
    but = {moved, *(each.tenant for each in rollout.refused)}
    tenant = _busiest(crew, but)
    now = settings.current()
    rows.use_version_2(tenant)
    began = time.monotonic()
    losses = _losses(rollout.rollout, tenant)
    asked = time.monotonic()
    rolling.turn_back_tenant(rollout.rollout, tenant, settings=now, discard_since=True)
    back = time.monotonic()
    rolling.retry(stage.catalog, rollout.rollout, tenant=tenant)
    coordinator.drive(rollout.rollout, settings=now)
    forward = time.monotonic()
    figure = figures.Rollback(
        tenant=tenant,
        losses=losses,
        back_seconds=back - asked,
        forward_seconds=forward - back,
        waits=figures.Waits.of(_of(crew, tenant, began, forward)),
    )
    stage.report.rollback(figure)
    return figure


def _losses(rollout: str, tenant: str) -> list[str]:
    """What the way back would lose; nothing is done."""
    try:
        rolling.turn_back_tenant(rollout, tenant, settings=settings.current())
    except WayBackLossy as lossy:
        return lossy.losses
    raise OperationFailed("demo", reason=f"{tenant} went back although version 1 can't hold all that it has")


def let_them_write(stage: Stage, *, since: float) -> None:
    """Give the writers the rest of the time that they were promised."""
    left = since + stage.seconds - time.monotonic()
    if left > 0:
        _sleep(stage, "applications write and read", left)


def _sleep(stage: Stage, what: str, seconds: float) -> None:
    steps = max(1, int(seconds / 0.1))
    with stage.report.progress(what, steps) as moved:
        for _ in range(steps):
            time.sleep(seconds / steps)
            moved(1)


def reckoning(stage: Stage, crew: Crew) -> tuple[Verdict, int]:
    """Chapter 6: the ledgers against the files; and how much the doctor finds."""
    stage.report.chapter(6, "The reckoning")
    held = {}
    with stage.report.progress("reading every file", len(stage.tenants)) as moved:
        for tenant in stage.tenants:
            held[tenant] = rows.held(tenant)
            moved(1)
    findings = list(doctor.examine(settings.current()))
    verdict = ledger.hold(crew.entries(), held)
    verdict.examples += [finding.sentence for finding in findings]
    return verdict, len(findings)
