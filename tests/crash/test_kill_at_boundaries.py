"""SIGKILL at every boundary of every process; the cases come from the phase lists themselves."""

from __future__ import annotations

import pytest

from migrations_engine.online.phases import Boundary
from workers.handover.cutover import CUTOVER
from workers.handover.settlement import ACTS
from workers.handover.verdict import Verdict
from workers.migration.inplace import IN_PLACE
from workers.migration.rebuild import REBUILD
from workers.migration.reversal import ROLLBACK
from workers.mover import MOVE


def boundaries(phases):
    """Each phase's beginning, and the end of the last: the end of one is the beginning of the next."""
    places = [{"phase": phase.name, "boundary": Boundary.ENTERED} for phase in phases]
    return [*places, {"phase": phases[-1].name, "boundary": Boundary.LEFT}]


def named(place):
    return "-".join(place.values())


def inside(*phases):
    return [{"inside": phase} for phase in phases]


MOVES = [*boundaries(MOVE), *boundaries(CUTOVER), *inside("snapshot", "drain", "verify")]
REBUILDS = [*boundaries(REBUILD), *boundaries(CUTOVER)]
FRESH = [*boundaries(REBUILD[2:-3]), *inside("snapshot")]
ROLLBACKS = [*boundaries(ROLLBACK), *boundaries(CUTOVER)]


def settle_and_check(play):
    """After a kill: never two homes; after the recovery: all writes, one home, nothing to find."""
    assert len(play.fleet.writable(play.tenant)) <= 1
    play.recover()
    play.await_writes()
    play.stop_writers()
    play.assert_nothing_lost()
    play.assert_one_home()


@pytest.mark.parametrize("kill", MOVES, ids=named)
def test_a_killed_move_loses_no_write_and_leaves_one_home(play, kill):
    scene = play()
    assert scene.killed("move", to="b", kill=kill)
    settle_and_check(scene)


@pytest.mark.parametrize("kill", boundaries(CUTOVER[2:]), ids=named)
def test_a_move_that_is_killed_in_its_pause_loses_nothing_of_virtual_tables(indexing, kill):
    assert indexing.killed("move", to="b", kill=kill)
    indexing.recover()
    indexing.await_writes()
    indexing.stop_writers()
    indexing.assert_posts_found()
    indexing.assert_one_home()


@pytest.mark.parametrize("kill", REBUILDS, ids=named)
def test_a_killed_rebuild_loses_no_write_and_leaves_one_home(play, kill):
    scene = play()
    assert scene.killed("migrate", schema="new", kill=kill)
    settle_and_check(scene)


@pytest.mark.parametrize("kill", FRESH, ids=named)
def test_a_killed_rebuild_by_row_loses_no_write_and_leaves_one_home(play, kill):
    scene = play()
    assert scene.killed("migrate", schema="new", kill=kill, fresh=True)
    settle_and_check(scene)


@pytest.mark.parametrize("kill", ROLLBACKS, ids=named)
def test_a_killed_rollback_loses_no_write_and_leaves_one_home(play, kill):
    scene = play()
    assert scene.operate("migrate", schema="new") == 0
    assert scene.killed("rollback", kill=kill)
    settle_and_check(scene)


@pytest.mark.parametrize("kind", ["migrate", "rollback"])
@pytest.mark.parametrize("kill", boundaries(IN_PLACE), ids=named)
def test_a_killed_change_in_place_leaves_the_old_schema_or_the_new_one(play, kill, kind):
    scene = play()
    if kind == "rollback":
        assert scene.operate("migrate", schema="wider") == 0
    assert scene.killed(kind, schema="wider", kill=kill)
    settle_and_check(scene)


UNDOING = [("snapshot", place) for place in boundaries(ACTS[Verdict.UNDO])]
FINISHING = [("flip", place) for place in boundaries(ACTS[Verdict.FORWARD])]


@pytest.mark.parametrize(("phase", "kill"), [*UNDOING, *FINISHING])
def test_a_killed_recovery_is_carried_on_by_the_next(play, phase, kill):
    scene = play()
    assert scene.killed("move", to="b", kill={"phase": phase, "boundary": Boundary.ENTERED})
    assert scene.killed("recover", kill=kill)
    settle_and_check(scene)
