"""The list in the package's README is the list in the code."""

from __future__ import annotations

from pathlib import Path

from migrations_engine import lone
from migrations_engine.lone.rebuild import PHASES

README = (Path(lone.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_the_phases_are_those_of_the_code():
    numbered = [line.split("**")[1] for line in README.splitlines() if line[:1].isdigit()]
    assert numbered == [phase.name for phase in PHASES]
