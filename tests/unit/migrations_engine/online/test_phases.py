from __future__ import annotations

import pytest

from migrations_engine.online import phases
from migrations_engine.online.phases import Boundary, Phase

Notes = list[str]


def phase(name: str, *, undoable: bool = True, binding: bool = False, fails: bool = False) -> Phase[Notes]:
    def run(notes: Notes) -> None:
        notes.append(f"run {name}")
        if fails:
            raise OSError(name)

    def undo(notes: Notes) -> None:
        notes.append(f"undo {name}")

    return Phase(name=name, run=run, undo=undo if undoable else None, binding=binding)


def observer(notes: Notes) -> phases.Observer:
    def observe(name: str, boundary: Boundary, /) -> None:
        notes.append(f"{boundary} {name}")

    return observe


def told(listed: list[Phase[Notes]], *, after: str | None = None) -> Notes:
    notes: Notes = []
    try:
        phases.run(listed, notes, observer=observer(notes), after=after)
    except OSError as error:
        notes.append(f"raised {error}")
    return notes


def test_the_observer_hears_of_each_phase_before_it_runs_and_after() -> None:
    notes = told([phase("one"), phase("two")])
    assert notes == ["entered one", "run one", "left one", "entered two", "run two", "left two"]


def test_a_failure_undoes_what_was_entered_backwards_and_is_raised() -> None:
    notes = told([phase("one"), phase("two", undoable=False), phase("three", fails=True), phase("four")])
    assert notes[-6:] == [
        "failed three",
        "undo three",
        "undone three",
        "undo one",
        "undone one",
        "raised three",
    ]


def test_nothing_is_undone_once_a_binding_phase_was_entered() -> None:
    notes = told([phase("one"), phase("fence", binding=True), phase("three", fails=True)])
    assert notes[-2:] == ["failed three", "raised three"]


def test_a_process_resumes_behind_the_last_phase_that_was_left() -> None:
    assert told([phase("one"), phase("two")], after="one") == ["entered two", "run two", "left two"]


def test_what_the_observer_raises_is_a_failure_of_the_phase() -> None:
    notes: Notes = []

    def observe(name: str, boundary: Boundary, /) -> None:
        if (name, boundary) == ("two", Boundary.LEFT):
            raise OSError("the journal is gone")

    with pytest.raises(OSError, match="journal"):
        phases.run([phase("one"), phase("two")], notes, observer=observe)
    assert notes == ["run one", "run two", "undo two", "undo one"]


def test_undo_takes_all_back_where_nobody_knows_how_far_it_came() -> None:
    notes: Notes = []
    phases.undo([phase("one"), phase("two")], notes, observer=observer(notes))
    assert notes == ["undo two", "undone two", "undo one", "undone one"]
