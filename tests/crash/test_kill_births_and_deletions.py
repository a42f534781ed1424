"""SIGKILL at every boundary of a tenant's creation, adoption and deletion; the cases are the phase lists."""

from __future__ import annotations

import itertools
import os
import signal
import time
from typing import TYPE_CHECKING

import apsw
import psutil
import pytest

from migrations_engine.online.phases import Boundary
from tenantdb.catalog import generations, routes
from workers.hosts import host_of
from workers.lifecycle.adoption import ADOPTION
from workers.lifecycle.birth import BIRTH
from workers.lifecycle.deletion import DELETION

if TYPE_CHECKING:
    from pathlib import Path

_numbers = itertools.count()


def boundaries(phases):
    """Each phase's beginning, and the end of the last: the end of one is the beginning of the next."""
    places = [{"phase": phase.name, "boundary": Boundary.ENTERED} for phase in phases]
    return [*places, {"phase": phases[-1].name, "boundary": Boundary.LEFT}]


def named(place):
    return "-".join(place.values())


class Scene:
    """A tenant that is made, adopted or deleted by processes that may be killed."""

    def __init__(self, fleet, stage):
        self.fleet, self.stage = fleet, stage
        self.tenant = f"b{next(_numbers)}-{os.getpid()}"

    def operate(self, kind, **arguments):
        home = str(self.fleet.settings.home)
        return self.stage.run("operate", home=home, tenant=self.tenant, kind=kind, **arguments)

    def is_there(self):
        with self.fleet.catalog.reading() as session:
            return routes.find(session, self.tenant) is not None

    def states(self):
        """What each of its files says it is."""
        files = self.fleet.files(self.tenant)
        return [self.fleet.read(file, "SELECT state FROM _tenantdb_control")[0][0] for file in files]

    def assert_sound(self):
        assert self.fleet.findings(self.tenant) == []
        assert self.states().count("open") == int(self.is_there())
        assert "born" not in self.states()


@pytest.fixture
def scene(fleet, stage):
    return Scene(fleet, stage)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    conn = apsw.Connection(str(tmp_path / "old.db"))
    conn.execute("CREATE TABLE t(x); INSERT INTO t VALUES (7)")
    conn.close()
    return tmp_path / "old.db"


@pytest.mark.parametrize("kill", boundaries(BIRTH), ids=named)
def test_a_killed_creation_is_finished_or_undone_by_recovery(scene, kill):
    assert scene.operate("create", kill=kill) == -9
    assert scene.operate("recover") == 0
    scene.assert_sound()


@pytest.mark.parametrize("kill", boundaries(BIRTH), ids=named)
def test_the_next_try_after_a_killed_creation_finds_its_id_free_or_the_tenant_there(scene, kill):
    assert scene.operate("create", kill=kill) == -9
    was_there = scene.is_there()
    assert scene.operate("create") == int(was_there)
    assert scene.is_there()
    assert scene.operate("recover") == 0
    scene.assert_sound()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 half of a copy", b"x" * 8192])
def test_half_of_a_file_is_swept_away(scene, content):
    assert scene.operate("create", kill={"phase": "fill", "boundary": Boundary.ENTERED}) == -9
    with scene.fleet.catalog.reading() as session:
        (row,) = generations.of_tenant(session, scene.tenant)
    host = host_of(scene.fleet.catalog, row.server_id)
    half = host.create(row.path, tenant=scene.tenant)
    half.write_bytes(content)
    assert scene.operate("create") == 0
    assert not half.exists()
    scene.assert_sound()


@pytest.mark.parametrize("kill", boundaries(ADOPTION), ids=named)
def test_a_killed_adoption_can_be_tried_again(scene, old, kill):
    before = old.read_bytes()
    assert scene.operate("adopt", file=str(old), kill=kill) == -9
    assert scene.operate("recover") == 0
    scene.assert_sound()
    if not scene.is_there():
        assert scene.operate("adopt", file=str(old)) == 0
    assert scene.fleet.rows(scene.tenant, "SELECT x FROM t") == [(7,)]
    assert old.read_bytes() == before


@pytest.mark.parametrize("kill", boundaries(DELETION), ids=named)
def test_a_killed_deletion_keeps_the_tenant_whole_or_finishes(scene, kill):
    scene.fleet.create(scene.tenant, rows=3)
    before = scene.fleet.rows(scene.tenant, "SELECT k, v FROM notes")
    (path,) = scene.fleet.files(scene.tenant)
    assert scene.operate("delete", kill=kill) == -9
    assert scene.operate("recover") == 0
    scene.assert_sound()
    assert scene.fleet.read(path, "SELECT k, v FROM notes") == before
    assert scene.is_there() is (kill == boundaries(DELETION)[0])
    if not scene.is_there():
        assert scene.operate("create") == 0


@pytest.mark.parametrize("lapsed", [False, True])
def test_a_stopped_creation_ends_only_where_its_lease_lapsed(scene, lapsed):
    kill = {"phase": "publish", "boundary": Boundary.ENTERED, "signal": "SIGSTOP"}
    home = str(scene.fleet.settings.home)
    stopped = scene.stage.start("operate", home=home, tenant=scene.tenant, kind="create", kill=kill)
    while psutil.Process(stopped).status() != psutil.STATUS_STOPPED:
        time.sleep(0.005)
    if lapsed:
        scene.fleet.lapse(scene.tenant)
    assert scene.operate("create") == int(not lapsed)
    os.kill(stopped, signal.SIGCONT)
    assert scene.stage.wait(stopped) == int(lapsed)
    assert scene.is_there()
    scene.assert_sound()
