"""Tenants with virtual tables of every kind move and change their schema while processes write to them."""

from __future__ import annotations

import json

import apsw
import pytest

from migrations_engine.online.phases import Boundary
from tenantdb.errors import OperationFailed
from tests import posts
from tests.fleet import Fleet
from tests.stage import Stage
from workers.handover.pause import Limits
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


def test_a_comparison_that_does_not_fit_the_pause_is_not_begun_in_it(fleet):
    path = fleet.route(fleet.create("t")).path

    def spots(first):
        rows = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n LIMIT 20000)"
        executed(path, f"INSERT INTO spots {rows} SELECT i, i, i, 'x' FROM n")

    spots(1)
    firsts = iter(range(100_000, 900_000, 100_000))
    with pytest.raises(OperationFailed, match="comparing its virtual tables takes"):
        move(
            "t",
            to="b",
            settings=fleet.settings,
            limits=Limits(deadline=0.02, attempts=2),
            observer=entered("lock-source", lambda: spots(next(firsts))),
        )
    assert fleet.route("t").path == path
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
