"""The lists in the folder's README are the lists in the code."""

from pathlib import Path

import pytest

import workers
from workers.handover.cutover import CUTOVER
from workers.migration.inplace import IN_PLACE
from workers.migration.rebuild import REBUILD
from workers.migration.reversal import ROLLBACK
from workers.mover import MOVE

README = (Path(workers.__file__).parent / "README.md").read_text(encoding="utf-8")


def said(phases):
    """The phases' names as prose has them: only the cut-over keeps its hyphen."""
    return [phase.name if phase.name == "cut-over" else phase.name.replace("-", " ") for phase in phases]


@pytest.mark.parametrize("phases", [MOVE, CUTOVER, IN_PLACE, REBUILD, ROLLBACK])
def test_every_phase_is_told(phases):
    assert [name for name in said(phases) if f"**{name}**" not in README] == []


@pytest.mark.parametrize("phases", [MOVE, CUTOVER, IN_PLACE])
def test_the_numbered_lists_are_complete_and_in_order(phases):
    names = said(phases)
    numbered = [line.split("**")[1] for line in README.splitlines() if line[:1].isdigit() and "**" in line]
    assert names in [numbered[start : start + len(names)] for start in range(len(numbered))]
