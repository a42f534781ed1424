"""Tenants with virtual tables of every kind move and change their schema while processes write to them."""

from __future__ import annotations

import json

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.errors import WayBackLossy
from migrations_engine.online.phases import Boundary
from migrations_engine.online.upkeep import Upkeep
from tenantdb.errors import OperationFailed
from tests import posts
from tests.fleet import Fleet
from tests.stage import Stage
from workers.handover.pause import Limits
from workers.migration.migration import migrate
from workers.migration.rollback import rollback
from workers.mover import move
from workers.recovery import recover


@pytest.fixture(scope="module")
def stage():
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path, schema=posts.OLD)


@pytest.fixture
def writers(fleet, stage, tmp_path):
    """Processes that write posts through handles; ends them and gives what they were told was kept."""
    running, ledger, stop = [], tmp_path / "ledger", tmp_path / "stop"

    def start(tenant, count=2):
        shared = {"home": str(fleet.settings.home), "ledger": str(ledger), "stop": str(stop)}
        running.extend(
            stage.start("post", tenant=tenant, number=number, **shared) for number in range(1, count + 1)
        )

        def entries():
            return [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []

        def end():
            stop.touch()
            assert [stage.wait(running.pop()) for _ in list(running)] == [0] * count
            assert [entry for entry in entries() if "error" in entry] == []
            return posts.expected(entries())

        while len(entries()) < 20 * count:
            assert running
        return end

    yield start
    stop.touch()
    for pid in running:
        stage.wait(pid)


def entered(wanted, act):
    def observe(phase, boundary, /):
        if (phase, boundary) == (wanted, Boundary.ENTERED):
            act()

    return observe


def executed(path, *statements):
    conn = apsw.Connection(str(path))
    conn.set_busy_timeout(5000)
    for sql in statements:
        conn.execute(sql).fetchall()
    conn.close()


def test_every_index_follows_a_move_while_processes_write(fleet, writers):
    end = writers(fleet.create("t"))
    results = [move("t", to=server, settings=fleet.settings) for server in ("b", "a", "b")]
    kept = end()
    posts.assert_found(fleet.route("t").path, kept)
    assert all(result.verified and result.pause_ms > 0 for result in results)
    assert fleet.writable("t") == [fleet.route("t").path]
    assert fleet.findings("t") == []


def test_what_is_written_at_any_phase_of_a_move_arrives(fleet):
    path = fleet.route(fleet.create("t")).path
    phases = ("snapshot", "drain", "verify", "cut-over", "lock-source")
    numbers = {phase: number for number, phase in enumerate(phases, 1)}

    def write(phase, boundary, /):
        if boundary == Boundary.ENTERED and phase in numbers:
            key = numbers[phase]
            executed(
                path,
                f"INSERT INTO posts VALUES ({key}, 'k{key} a')",
                f"INSERT INTO own (rowid, title) VALUES ({key}, 'k{key} a')",
                f"INSERT INTO bare (rowid, title) VALUES ({key}, 'k{key} a')",
                f"INSERT INTO four (docid, title) VALUES ({key}, 'k{key} a')",
                f"INSERT INTO spots VALUES ({key}, {key}, {key}, 'k{key} a')",
            )

    move("t", to="b", settings=fleet.settings, observer=write)
    posts.assert_found(fleet.route("t").path, {key: f"k{key} a" for key in numbers.values()})


def test_verification_counts_the_rows_of_shadow_tables(fleet):
    path = fleet.route(fleet.create("t")).path
    before = move("t", to="b", settings=fleet.settings).rows
    executed(fleet.route("t").path, *(f"INSERT INTO spots VALUES ({n}, {n}, {n}, 'x')" for n in range(10)))
    assert move("t", to="a", settings=fleet.settings).rows == before + 10
    assert not path.samefile(fleet.route("t").path)


def test_a_comparison_that_does_not_fit_the_pause_is_not_begun_in_it(fleet, monkeypatch):
    path = fleet.route(fleet.create("t")).path
    numbers = iter(range(1, 10))
    monkeypatch.setattr(Upkeep, "seconds", lambda _, stale: 60.0 * len(stale))
    spot = entered(
        "lock-source", lambda: executed(path, f"INSERT INTO spots VALUES ({next(numbers)}, 1, 1, 'x')")
    )
    with pytest.raises(OperationFailed, match=r"comparing its virtual tables takes 120\.00 s"):
        move("t", to="b", settings=fleet.settings, limits=Limits(deadline=30, attempts=2), observer=spot)
    assert fleet.route("t").path == path
    assert fleet.rows("t", "SELECT id FROM spots") == [(1,), (2,)]
    assert fleet.findings("t") == []


ROGUE = "INSERT INTO spots VALUES (77, 1, 2, 'rogue')"


def rogues(path, outsider, phases):
    """Lets a process that knows nothing of us write to a table that bears no guards, at these phases."""
    raw, answers = outsider(path), {}

    def observe(phase, boundary, /):
        if boundary == Boundary.ENTERED and phase in phases:
            answers[phase] = raw.run(ROGUE.replace("77", str(len(answers) + 1)))

    return observe, answers


def test_what_no_guard_protects_is_sealed_before_the_route_flips(fleet, outsider):
    phases = ("seal-unguarded", "flip", "mark", "open", "seal", "archive")
    observe, answers = rogues(fleet.route(fleet.create("t")).path, outsider, phases)
    move("t", to="b", settings=fleet.settings, observer=observe)
    assert list(answers) == list(phases)
    assert answers.pop("seal-unguarded") == {"rows": []}
    assert all("readonly" in answer["error"] for answer in answers.values())
    assert fleet.rows("t", "SELECT id FROM spots") == [(1,)]
    assert fleet.findings("t") == []


def test_recovery_brings_over_what_was_written_behind_the_fence_before_it_opens_the_target(
    fleet, stage, outsider
):
    path = fleet.route(fleet.create("t")).path
    raw = outsider(path)
    kill = {"phase": "seal-unguarded", "boundary": Boundary.ENTERED}
    assert (
        stage.run("operate", home=str(fleet.settings.home), tenant="t", kind="move", to="b", kill=kill) == -9
    )
    assert raw.run(ROGUE) == {"rows": []}
    recover(fleet.settings)
    assert fleet.rows("t", "SELECT id FROM spots") == [(77,)]
    assert "readonly" in raw.run(ROGUE)["error"]
    assert fleet.findings("t") == []


@pytest.mark.parametrize("schema", [posts.NEW, posts.TRIMMED], ids=["index-stays", "index-anew"])
def test_every_index_follows_a_rebuild_a_move_and_the_way_back_while_processes_write(fleet, writers, schema):
    end = writers(fleet.create("t"))
    migrated = migrate("t", schema, settings=fleet.settings)
    move("t", to="b", settings=fleet.settings)
    rollback("t", settings=fleet.settings)
    kept = end()
    assert (migrated.strategy, fleet.route("t").generation) == ("rebuild", 4)
    posts.assert_found(fleet.route("t").path, kept)
    assert fleet.findings("t") == []


def test_an_index_of_changed_values_is_made_again_from_the_new_ones(fleet):
    path = fleet.route(fleet.create("t")).path
    executed(path, "INSERT INTO posts VALUES (1, 'one')")
    upper = posts.schema(title="TEXT NOT NULL", _fill={"title": "'new' || title"})
    late = entered("cut-over", lambda: executed(path, "INSERT INTO posts VALUES (2, 'two')"))
    migrate("t", upper, settings=fleet.settings, allow_destructive=True, observer=late)
    found = fleet.rows("t", "SELECT rowid FROM ext WHERE ext MATCH 'newone OR newtwo' ORDER BY 1")
    assert found == [(1,), (2,)]
    assert fleet.rows("t", "SELECT rowid FROM ext WHERE ext MATCH 'one OR two'") == []


def test_an_index_of_some_rows_stays_one_of_these_where_their_values_stay(fleet):
    path = fleet.route(fleet.create("t")).path
    executed(
        path,
        "INSERT INTO posts VALUES (1, 'one'), (2, 'two')",
        "INSERT INTO ext (ext, rowid, title) VALUES ('delete', 2, 'two')",
    )
    migrate("t", posts.NEW, settings=fleet.settings)
    assert fleet.rows("t", "SELECT rowid FROM ext WHERE ext MATCH 'one OR two'") == [(1,)]


def changed(schema, **tables):
    """A schema with other virtual tables; None takes one away."""
    document = json.loads(schema.to_json())
    found = document["_virtual_tables"] | tables
    document["_virtual_tables"] = {name: sql for name, sql in found.items() if sql is not None}
    return engine.loads(json.dumps(document))


MORE = "CREATE VIRTUAL TABLE more USING fts5(title, content='posts', content_rowid='id')"


def test_an_index_that_comes_with_a_rebuild_has_what_was_written_meanwhile(fleet):
    path = fleet.route(fleet.create("t")).path
    executed(path, "INSERT INTO posts VALUES (1, 'one')")
    late = entered("lock-source", lambda: executed(path, "INSERT OR IGNORE INTO posts VALUES (2, 'two')"))
    assert (
        migrate("t", changed(posts.NEW, more=MORE), settings=fleet.settings, observer=late).strategy
        == "rebuild"
    )
    assert fleet.rows("t", "SELECT rowid FROM more WHERE more MATCH 'one OR two'") == [(1,), (2,)]
    rollback("t", settings=fleet.settings)
    assert fleet.findings("t") == []


def test_a_virtual_table_that_changes_its_form_is_changed_in_place(fleet):
    path = fleet.route(fleet.create("t")).path
    executed(path, "INSERT INTO own (rowid, title) VALUES (7, 'seven sevens')")
    wider = changed(posts.NEW, own="CREATE VIRTUAL TABLE own USING fts5(title, note, tokenize='porter')")
    assert migrate("t", wider, settings=fleet.settings).strategy == "in-place"
    assert fleet.route("t").path == path
    assert fleet.rows("t", "SELECT rowid FROM own WHERE own MATCH 'seven'") == [(7,)]
    assert fleet.findings("t") == []
    move("t", to="b", settings=fleet.settings)
    rollback("t", settings=fleet.settings)
    assert fleet.rows("t", "SELECT rowid FROM own WHERE own MATCH 'sevens'") == [(7,)]
    assert fleet.rows("t", "SELECT rowid FROM own WHERE own MATCH 'seven'") == [(7,)]
    assert fleet.findings("t") == []


def test_what_a_new_virtual_table_holds_is_lost_on_the_way_back_with_leave_only(fleet):
    path = fleet.route(fleet.create("t")).path
    extra = changed(posts.NEW, extra="CREATE VIRTUAL TABLE extra USING fts5(title)", four=None)
    executed(path, "INSERT INTO four (docid, title) VALUES (4, 'kept')")
    migrate("t", extra, settings=fleet.settings, allow_destructive=True)
    executed(
        fleet.route("t").path, "INSERT INTO extra VALUES ('new')", "INSERT INTO own (title) VALUES ('since')"
    )
    with pytest.raises(WayBackLossy, match="virtual table extra"):
        rollback("t", settings=fleet.settings)
    rollback("t", settings=fleet.settings, discard_since=True)
    assert fleet.rows("t", "SELECT docid FROM four WHERE four MATCH 'kept'") == [(4,)]
    assert fleet.rows("t", "SELECT title FROM own WHERE own MATCH 'since'") == [("since",)]
    assert fleet.findings("t") == []
