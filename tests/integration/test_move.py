"""A tenant moves between two folder servers, with everything that it has."""

from __future__ import annotations

import apsw
import pytest

from migrations_engine.errors import DatabaseDamaged
from migrations_engine.online.phases import Boundary
from tenantdb.catalog import generations, servers, tenants
from tenantdb.catalog.states import ServerState, TenantState
from tenantdb.errors import (
    OperationFailed,
    ServerNotFound,
    ServerUnusable,
    TenantBusy,
    TenantDBError,
    TenantNotFound,
)
from tests.fleet import Fleet, takes_writes
from workers.handover.pause import Limits
from workers.mover import move
from workers.recovery import recover


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


class At:
    """An observer that does something once, at the beginning of a phase."""

    def __init__(self, phase, act):
        self.phase, self.act = phase, act

    def __call__(self, phase, boundary, /):
        if (phase, boundary) == (self.phase, Boundary.ENTERED) and self.act:
            act, self.act = self.act, None
            act()


def moved(fleet, tenant="t", **options):
    return move(tenant, to="b", settings=fleet.settings, **options)


def test_every_row_is_at_the_new_server_and_the_old_file_takes_no_writes(fleet):
    before = fleet.route(fleet.create("t", rows=100))
    rows = fleet.rows("t", "SELECT * FROM notes")
    moved(fleet)
    after = fleet.route("t")
    assert (after.server, after.generation, after.epoch) == ("b", 2, 2)
    assert fleet.rows("t", "SELECT * FROM notes") == rows
    assert [takes_writes(route.path) for route in (before, after)] == [False, True]


def test_the_result_says_what_was_copied_and_how_long_writers_waited(fleet):
    fleet.create("t", rows=100)
    document = moved(fleet).document()
    assert (document["id"], document["from"], document["to"]) == ("t", "a", "b")
    assert document["rows"] == 101
    assert document["verified"] is True
    assert document["pause_ms"] > 0


def test_a_new_file_that_is_not_sound_never_becomes_the_tenants(fleet):
    before = fleet.route(fleet.create("t", rows=20))
    conn = apsw.Connection(str(before.path))
    conn.execute("CREATE INDEX by_v ON notes (v)")
    conn.close()

    def mislead():
        # Row by row the copy is equal still: only the index is of another column.
        (made,) = [path for path in fleet.files("t") if path != before.path]
        conn = apsw.Connection(str(made))
        conn.execute("PRAGMA writable_schema = ON").fetchall()
        conn.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX by_v ON notes (n)' WHERE name = 'by_v'")
        conn.execute("PRAGMA schema_version = 4711")
        conn.close()

    with pytest.raises(DatabaseDamaged, match=r"is not sound: row \d+ missing from index by_v"):
        moved(fleet, observer=At("verify", mislead))
    assert fleet.route("t") == before
    assert fleet.writable("t") == [before.path]


def test_the_old_generation_stays_readable_and_has_a_date(fleet):
    before = fleet.route(fleet.create("t", rows=3))
    moved(fleet)
    with fleet.catalog.reading() as session:
        kept = generations.find(session, tenant="t", generation=1)
    assert kept.state == "archived"
    assert kept.keep_until > kept.retired_at
    assert fleet.read(before.path, "SELECT count(*) FROM notes") == [(4,)]


def test_counters_and_header_values_come_along(fleet, outsider):
    path = fleet.route(fleet.create("t")).path
    other = outsider(path)
    other.run("INSERT INTO parents (name) VALUES ('x'), ('y')")
    other.run("DELETE FROM parents WHERE name = 'y'")
    other.run("PRAGMA user_version = 41")
    moved(fleet)
    new = outsider(fleet.route("t").path)
    assert new.run("INSERT INTO parents (name) VALUES ('z') RETURNING id") == {"rows": [[3]]}
    assert new.run("PRAGMA user_version") == {"rows": [[41]]}


def test_writes_during_the_copy_arrive_and_their_triggers_fire_once(fleet, outsider):
    other = outsider(fleet.route(fleet.create("t")).path)
    moved(fleet, observer=At("drain", lambda: other.run("INSERT INTO parents (name) VALUES ('late')")))
    assert fleet.rows("t", "SELECT name FROM parents") == [("late",)]
    assert fleet.rows("t", "SELECT n FROM notes WHERE k = -1") == [(1,)]


@pytest.mark.parametrize("phase", ["flip", "seal", "archive"])
def test_a_process_that_never_heard_of_the_move_is_refused_behind_the_fence(fleet, outsider, phase):
    other = outsider(fleet.route(fleet.create("t")).path)
    answers = []
    moved(
        fleet, observer=At(phase, lambda: answers.append(other.run("INSERT INTO notes VALUES (1, 'x', 0)")))
    )
    answers.append(other.run("INSERT INTO notes VALUES (2, 'x', 0)"))
    assert all(
        "not open for writing" in each.get("error", "") or "readonly" in each.get("error", "")
        for each in answers
    )
    assert fleet.rows("t") == []


def test_a_sealed_file_refuses_even_new_tables(fleet, outsider):
    other = outsider(fleet.route(fleet.create("t")).path)
    moved(fleet)
    assert "readonly" in other.run("CREATE TABLE rogue(x)")["error"]


def test_a_file_that_is_read_still_is_sealed_by_the_next_recovery(fleet, outsider):
    before = fleet.route(fleet.create("t"))
    reader = outsider(before.path)
    reader.run("BEGIN")
    reader.run("SELECT count(*) FROM notes")
    moved(fleet)
    assert [each.kind for each in fleet.findings("t")] == ["unsealed"]
    reader.run("ROLLBACK")
    assert [each.what for each in recover(fleet.settings).swept] == ["sealed"]
    assert fleet.findings("t") == []


def test_a_changed_structure_ends_the_move_and_leaves_everything_as_it_was(fleet, outsider):
    before = fleet.route(fleet.create("t"))
    other = outsider(before.path)
    with pytest.raises(OperationFailed, match="structure"):
        moved(fleet, observer=At("cut-over", lambda: other.run("CREATE TABLE rogue(x)")))
    assert fleet.route("t") == before
    assert fleet.files("t") == [before.path]
    assert fleet.operations("t") == ["undone"]
    assert other.run("SELECT name FROM sqlite_schema WHERE name LIKE '%log%'") == {"rows": []}


def test_a_writer_that_never_yields_makes_the_move_give_up_with_everything_as_before(fleet, outsider):
    before = fleet.route(fleet.create("t"))
    greedy, missed = outsider(before.path), []

    def observe(phase, boundary, /):
        if (phase, boundary) == ("cut-over", Boundary.ENTERED):
            greedy.run("BEGIN IMMEDIATE")
            greedy.run("INSERT INTO notes VALUES (1, 'mine', 0)")
        if (phase, boundary) == ("lock-source", Boundary.FAILED):
            missed.append(phase)
            if len(missed) == 2:
                greedy.run("COMMIT")

    with pytest.raises(OperationFailed, match="2 pauses"):
        moved(fleet, limits=Limits(attempts=2), observer=observe)
    assert (fleet.route("t"), fleet.rows("t")) == (before, [(1, "mine")])
    assert fleet.findings("t") == []


def test_only_one_operation_at_a_time_holds_a_tenant(fleet):
    fleet.create("t")
    refused = []

    def again():
        with pytest.raises(TenantBusy) as caught:
            moved(fleet)
        refused.append(caught.value.retryable)

    moved(fleet, observer=At("drain", again))
    assert refused == [True]


def test_a_move_to_where_the_tenant_is_or_to_no_server_is_refused(fleet):
    fleet.create("t")
    with pytest.raises(ServerUnusable, match="already"):
        move("t", to="a", settings=fleet.settings)
    with pytest.raises(ServerNotFound):
        move("t", to="nowhere", settings=fleet.settings)
    with pytest.raises(TenantNotFound):
        moved(fleet, "nobody")
    assert fleet.operations("t") == []


def test_a_draining_server_takes_nobody(fleet):
    fleet.create("t")
    with fleet.catalog.begin() as session:
        servers.set_state(session, server="b", state=ServerState.DRAINING)
    with pytest.raises(ServerUnusable, match="draining"):
        moved(fleet)


def test_a_tenant_can_go_back_and_forth(fleet):
    fleet.create("t", rows=5)
    for number, server in enumerate(["b", "a", "b"], start=2):
        move("t", to=server, settings=fleet.settings)
        assert (fleet.route("t").server, fleet.route("t").generation) == (server, number)
    assert len(fleet.rows("t", "SELECT * FROM notes")) == 6
    assert fleet.writable("t") == [fleet.route("t").path]
    assert fleet.findings("t") == []


@pytest.mark.parametrize("change", ["epoch = 9", "generation = 9", "tenant = 'other'", "state = 'retired'"])
def test_a_file_that_is_not_what_its_route_says_is_frozen_not_moved(fleet, outsider, change):
    outsider(fleet.route(fleet.create("t")).path).run(f"UPDATE _tenantdb_control SET {change}")
    before = takes_writes(fleet.route("t").path)
    with pytest.raises(TenantDBError):
        moved(fleet)
    assert takes_writes(fleet.route("t").path) == before
    assert len(fleet.files("t")) == 1
    with fleet.catalog.reading() as session:
        assert tenants.get(session, "t").state is TenantState.FROZEN
