"""The tour: six chapters, and every figure in them was measured in this run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tenantdb.cli.demo import chapters, figures
from tenantdb.cli.demo.crew import Crew

if TYPE_CHECKING:
    from tenantdb.cli.demo.chapters import Stage

WRITERS = 3


def take(stage: Stage) -> figures.Tour:
    """Take the whole tour: a fleet, applications at work, what is done to it meanwhile, and the reckoning."""
    began = time.monotonic()
    fleet = chapters.fleet(stage)
    with Crew(writers=WRITERS, tenants=stage.tenants, folder=stage.ledgers) as crew:
        writing_since = time.monotonic()
        applications = chapters.applications(stage, crew)
        rollout = chapters.rollout(stage, crew)
        move = chapters.move(stage, crew, refused=[each.tenant for each in rollout.refused])
        rollback = chapters.rollback(stage, crew, rollout=rollout, moved=move.tenant)
        chapters.let_them_write(stage, since=writing_since)
    verdict, findings = chapters.reckoning(stage, crew)
    return figures.Tour(
        fleet=fleet,
        applications=applications,
        rollout=rollout,
        move=move,
        rollback=rollback,
        verdict=verdict,
        reads=crew.reads,
        findings=findings,
        seconds=time.monotonic() - began,
    )
