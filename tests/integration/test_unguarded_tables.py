"""Tables that others made in a tenant's file have no guards until an operation makes them complete."""

import pytest

from migrations_engine.online.phases import Boundary
from tests.fleet import Fleet
from workers.mover import move


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


def test_a_table_that_somebody_made_takes_no_writes_behind_the_fence(fleet, outsider):
    rogue = outsider(fleet.route(fleet.create("t")).path)
    rogue.run("CREATE TABLE rogue(x INTEGER PRIMARY KEY)")
    answers = []

    def write_behind_the_fence(phase, boundary, /):
        if (phase, boundary) == ("flip", Boundary.ENTERED):
            answers.append(rogue.run("INSERT INTO rogue VALUES (1)"))

    move("t", to="b", settings=fleet.settings, observer=write_behind_the_fence)

    assert [list(answer) for answer in answers] == [["error"]]
