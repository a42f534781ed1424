"""Rollouts over real files: what becomes of tenants, and of rollouts whose driver is stopped or killed."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import migrations_engine as engine
from migrations_engine.errors import DestructiveChange, WayBackLossy
from tenantdb import get_tenant_db, home, settings
from tenantdb.catalog import Catalog, rollouts, schemas, servers, tenants
from tenantdb.catalog.states import Outcome
from tenantdb.cli.app import run
from tenantdb.errors import RolloutState as WrongState
from tenantdb.errors import TenantNotFound
from workers.lifecycle import creation
from workers.operations import operation
from workers.rollout import batch
from workers.rollout import rollout as rolling
from workers.rollout.turn import GOING, step

BEFORE = '{"People": {"id": "INTEGER PRIMARY KEY", "name": "TEXT"}}'
AFTER = """{"People": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL COLLATE NOCASE",
                       "_indexes": ["name"]},
            "Notes": {"id": "INTEGER PRIMARY KEY", "text": "TEXT"}}"""
LESS = '{"People": {"id": "INTEGER PRIMARY KEY"}}'

ALL_AT_ONCE = rolling.Course(waves="100%", max_failures="100%")


class Customers:
    """A fleet on two servers with the schema BEFORE."""

    def __init__(self, folder):
        self.settings = settings.current()
        home.initialise(self.settings, schema=engine.loads(BEFORE))
        self.catalog = Catalog.open(self.settings)
        with self.catalog.begin() as session:
            servers.get(session, home.LOCAL).weight = 0
            for name in ("s0", "s1"):
                (folder / name).mkdir()
                servers.add(session, server=name, url=(folder / name).as_uri())

    def add(self, *ids):
        for tenant in ids:
            creation.create(tenant, settings=self.settings)
            get_tenant_db(tenant).execute("insert into People(name) values (?)", (f"first of {tenant}",))

    def start(self, document=AFTER, course=ALL_AT_ONCE, **options):
        return rolling.start(self.catalog, engine.loads(document), course=course, **options)

    def drive(self, rollout):
        """What the coordinator and its workers do, in this process."""
        while True:
            with self.catalog.begin() as session:
                turn = step(session, rollout)
            for each in turn.batches:
                batch.run(each.arguments(), lambda _: None)
            if turn.state not in GOING:
                return rolling.show(self.catalog, rollout)
            time.sleep(0.01)

    def roll_out(self, document=AFTER, **options):
        rollout = self.start(document, **options)
        return self.drive(rollout)

    def row(self, tenant):
        with self.catalog.reading() as session:
            return tenants.get(session, tenant)

    def place(self, rollout, tenant):
        with self.catalog.reading() as session:
            return rollouts.place(session, rollout, tenant)

    def of_new_tenants(self):
        with self.catalog.reading() as session:
            return schemas.of_new_tenants(session)


@pytest.fixture
def customers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENANTDB_HOME", str(tmp_path / "home"))
    settings.forget()
    yield Customers(tmp_path)
    settings.forget()


def hash_of(document):
    return engine.loads(document).hash


def tables(tenant):
    found = get_tenant_db(tenant).query("select name from sqlite_schema where type = 'table'")
    return {name for (name,) in found if not name.startswith(("_", "sqlite_"))}


def test_every_tenant_gets_the_schema_and_keeps_its_rows(customers):
    customers.add("a", "b", "c")
    view = customers.roll_out()
    assert (view.state, view.counts) == ("done", {"done": 3})
    for tenant in ("a", "b", "c"):
        assert tables(tenant) == {"People", "Notes"}
        assert get_tenant_db(tenant).query("select name from People") == [(f"first of {tenant}",)]
        assert customers.row(tenant).schema_hash == hash_of(AFTER)


def test_a_tenant_s_row_says_how_it_went(customers):
    customers.add("a")
    view = customers.roll_out()
    place = customers.place(view.id, "a")
    assert (place.attempts, place.from_schema, place.error) == (1, hash_of(BEFORE), None)
    assert place.strategy in {"in-place", "rebuild"}
    assert place.pause_ms > 0
    assert place.started_at <= place.finished_at


def test_tenants_that_have_the_schema_already_are_not_touched(customers):
    customers.add("a")
    customers.roll_out()
    before = customers.row("a")
    view = customers.roll_out()
    assert view.counts == {"same": 1}
    assert (customers.row("a").generation, customers.row("a").epoch) == (before.generation, before.epoch)


def test_a_tenant_that_cannot_take_it_is_reported_with_keys_and_the_rest_goes_on(customers):
    customers.add("a", "b", "c")
    get_tenant_db("b").execute("insert into People(id, name) values (41, null), (42, null)")
    view = customers.roll_out()
    assert view.counts == {"done": 2, "failed": 1}
    [failure] = view.failures
    assert (failure.tenant, failure.error_type, failure.sample) == ("b", "DataDoesNotFit", [41, 42])
    assert "name" in failure.error
    assert tables("b") == {"People"}
    get_tenant_db("b").execute("insert into People(name) values ('still at work')")


def test_a_tenant_whose_rows_were_mended_goes_through_at_the_next_try(customers):
    customers.add("a", "b")
    get_tenant_db("b").execute("insert into People(id, name) values (41, null)")
    view = customers.roll_out()
    get_tenant_db("b").execute("delete from People where id = 41")
    assert rolling.retry(customers.catalog, view.id) == 1
    assert customers.drive(view.id).counts == {"done": 2}


def test_a_destructive_rollout_is_refused_before_anything_is_recorded(customers):
    customers.add("a")
    with pytest.raises(DestructiveChange) as refused:
        customers.start(LESS)
    assert any("name" in loss for loss in refused.value.objects)
    assert rolling.everyone(customers.catalog) == []
    assert customers.of_new_tenants() == hash_of(BEFORE)


def test_a_destructive_rollout_goes_with_leave(customers):
    customers.add("a")
    view = customers.roll_out(LESS, allow_destructive=True)
    assert view.counts == {"done": 1}
    assert customers.row("a").schema_hash == hash_of(LESS)


def test_a_tenant_created_while_it_runs_is_born_with_the_new_schema(customers):
    customers.add("a")
    rollout = customers.start()
    customers.add("late")
    assert tables("late") == {"People", "Notes"}
    assert customers.drive(rollout).counts == {"done": 1}


def test_a_preview_says_what_would_be_done_and_does_nothing(customers):
    customers.add("a", "b")
    preview = rolling.preview(customers.catalog, engine.loads(LESS), course=rolling.Course(canary=1))
    [pair] = preview.pairs
    assert (pair.tenants, preview.same) == (2, 0)
    assert pair.steps
    assert pair.destroys
    assert [len(wave.tenants) for wave in preview.waves] == [1, 1]
    assert rolling.everyone(customers.catalog) == []


def test_a_whole_rollout_goes_back_with_the_writes_made_since(customers):
    customers.add("a", "b")
    view = customers.roll_out()
    get_tenant_db("a").execute("insert into People(name) values ('since')")
    rolling.turn_back(customers.catalog, view.id)
    view = customers.drive(view.id)
    assert (view.state, view.counts) == ("rolled_back", {"rolled_back": 2})
    assert tables("a") == {"People"}
    assert get_tenant_db("a").query("select name from People") == [("first of a",), ("since",)]
    assert customers.of_new_tenants() == hash_of(BEFORE)


def test_one_tenant_goes_back_and_forward_again(customers):
    customers.add("a", "b")
    view = customers.roll_out()
    rolling.turn_back_tenant(view.id, "a", settings=customers.settings)
    assert (tables("a"), tables("b")) == ({"People"}, {"People", "Notes"})
    assert rolling.show(customers.catalog, view.id).counts == {"done": 1, "rolled_back": 1}
    rolling.retry(customers.catalog, view.id, tenant="a")
    assert customers.drive(view.id).counts == {"done": 2}
    assert tables("a") == {"People", "Notes"}


def test_what_the_way_back_would_lose_is_listed_first_and_discarded_with_leave(customers):
    customers.add("a")
    view = customers.roll_out()
    get_tenant_db("a").execute("insert into Notes(text) values ('only in the new schema')")
    with pytest.raises(WayBackLossy) as lossy:
        rolling.turn_back_tenant(view.id, "a", settings=customers.settings)
    assert any("Notes" in loss for loss in lossy.value.losses)
    assert get_tenant_db("a").query("select count(*) from Notes") == [(1,)]
    rolling.turn_back_tenant(view.id, "a", settings=customers.settings, discard_since=True)
    assert tables("a") == {"People"}


def test_tenants_whose_way_back_is_lossy_stay_and_are_listed(customers):
    customers.add("a", "b")
    view = customers.roll_out()
    get_tenant_db("a").execute("insert into Notes(text) values ('only in the new schema')")
    rolling.turn_back(customers.catalog, view.id)
    view = customers.drive(view.id)
    assert view.counts == {"failed": 1, "rolled_back": 1}
    assert view.failures[0].error_type == "WayBackLossy"
    rolling.turn_back(customers.catalog, view.id, discard_since=True)
    assert customers.drive(view.id).counts == {"rolled_back": 2}


def test_a_tenant_born_with_the_new_schema_has_no_way_back_and_says_so(customers):
    customers.add("a")
    rollout = customers.start()
    customers.add("late")
    customers.drive(rollout)
    rolling.turn_back(customers.catalog, rollout)
    view = customers.drive(rollout)
    assert view.counts == {"failed": 1, "rolled_back": 1}
    assert (view.failures[0].tenant, view.failures[0].error_type) == ("late", "NoWayBack")


def test_a_tenant_that_was_not_brought_there_cannot_go_back_from_there(customers):
    customers.add("a", "b")
    customers.roll_out()
    get_tenant_db("b").execute("insert into People(id, name) values (42, 'x')")
    more = AFTER.replace('"text": "TEXT"', '"text": "TEXT CHECK (length(text) < 9)"')
    get_tenant_db("b").execute("insert into Notes(text) values ('far too long')")
    view = customers.roll_out(more)
    assert view.counts == {"done": 1, "failed": 1}
    with pytest.raises(WrongState):
        rolling.turn_back_tenant(view.id, "b", settings=customers.settings)
    assert customers.row("b").schema_hash == hash_of(AFTER)
    with pytest.raises(TenantNotFound):
        rolling.turn_back_tenant(view.id, "nobody", settings=customers.settings)


def test_a_tenant_brought_back_by_a_worker_that_died_goes_back_no_further(customers):
    customers.add("a")
    customers.roll_out()
    view = customers.roll_out(AFTER.replace('"text": "TEXT"', '"text": "TEXT", "at": "TEXT"'))
    rolling.turn_back(customers.catalog, view.id)
    with customers.catalog.begin() as session:
        [handed] = step(session, view.id).batches
    batch.run(handed.arguments(), lambda _: None)
    with customers.catalog.begin() as session:
        rollouts.place(session, view.id, "a").outcome = Outcome.RUNNING
    batch.run(handed.arguments(), lambda _: None)
    assert customers.row("a").schema_hash == hash_of(AFTER)


def test_only_one_rollout_runs_at_a_time(customers):
    customers.add("a")
    first = customers.start()
    with pytest.raises(WrongState):
        customers.start(LESS, allow_destructive=True)
    rolling.pause(customers.catalog, first)
    second = customers.start(LESS, allow_destructive=True)
    assert rolling.show(customers.catalog, first).state == "failed"
    assert customers.drive(second).state == "done"
    with pytest.raises(WrongState):
        rolling.resume(customers.catalog, first)


def test_a_halted_rollout_goes_on_once_somebody_has_seen_the_failures(customers):
    customers.add("a", "b", "c")
    bad = (
        rolling.preview(customers.catalog, engine.loads(AFTER), course=rolling.Course(canary=1, waves="100%"))
        .waves[0]
        .tenants[0]
    )
    get_tenant_db(bad).execute("insert into People(name) values (null)")
    view = customers.roll_out(course=rolling.Course(canary=1, waves="100%", max_failures="0"))
    assert (view.state, view.counts) == ("halted", {"pending": 2, "failed": 1})
    rolling.resume(customers.catalog, view.id)
    view = customers.drive(view.id)
    assert (view.state, view.counts) == ("done", {"done": 2, "failed": 1})


def test_a_batch_that_comes_twice_changes_nothing(customers):
    customers.add("a")
    rollout = customers.start()
    with customers.catalog.begin() as session:
        [handed] = step(session, rollout).batches
    batch.run(handed.arguments(), lambda _: None)
    before = customers.place(rollout, "a").finished_at
    batch.run(handed.arguments(), lambda _: None)
    assert customers.place(rollout, "a").finished_at == before


def test_a_tenant_brought_there_by_a_worker_that_died_before_it_said_so_counts_as_done(customers):
    customers.add("a")
    rollout = customers.start()
    with customers.catalog.begin() as session:
        [handed] = step(session, rollout).batches
        rollouts.begin_try(session, rollout, "a")
    batch.run(handed.arguments(), lambda _: None)
    with customers.catalog.begin() as session:
        place = rollouts.place(session, rollout, "a")
        place.outcome, place.attempts = Outcome.RUNNING, 1
    batch.run(handed.arguments(), lambda _: None)
    assert rolling.show(customers.catalog, rollout).counts == {"done": 1}


def test_a_tenant_that_another_operation_holds_gets_its_turn_later(customers):
    customers.add("a")
    held = operation.begin(customers.catalog, kind="move", tenant="a", plan=lambda *_: {})
    rollout = customers.start()
    with customers.catalog.begin() as session:
        [handed] = step(session, rollout).batches
    batch.run(handed.arguments(), lambda _: None)
    assert customers.place(rollout, "a").outcome is Outcome.PENDING
    assert customers.place(rollout, "a").error_type == "TenantBusy"
    held.end("undone")
    assert customers.drive(rollout).counts == {"done": 1}


# What follows needs processes: the command, and the workers that it starts.


def command(*arguments):
    line = [sys.executable, "-P", "-c", "from tenantdb.cli import main; main()", "rollout", *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def here(capsys):
    """Runs a command in this process; its workers are processes all the same."""

    def run_here(*arguments):
        code = run(["rollout", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_here


def ended(process, *, within=60):
    out, err = process.communicate(timeout=within)
    return process.returncode, out, err


def wait_for(condition, *, within=30.0):
    until = time.monotonic() + within
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def processes_of(folder):
    ours = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("TENANTDB_HOME") == str(folder / "home")
            if mine and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                ours.append(process.pid)
        except psutil.Error:
            continue
    return ours


@pytest.fixture
def documents(tmp_path):
    for name, text in (("before", BEFORE), ("after", AFTER), ("less", LESS)):
        (tmp_path / f"{name}.json").write_text(text)
    return tmp_path


def test_the_command_brings_the_fleet_there_and_says_so(customers, documents, here):
    customers.add("a", "b", "c")
    code, out, err = here("start", "after.json", "--canary", "1", "--json")
    assert (code, err.count("Traceback")) == (0, 0)
    told = json.loads(out)
    assert (told["state"], told["counts"], told["schema"]) == ("done", {"done": 3}, hash_of(AFTER))
    assert [(wave["label"], wave["size"]) for wave in told["waves"]] == [("canary", 1), ("100%", 2)]
    assert told["failures"] == []


def test_the_command_says_when_a_tenant_failed(customers, documents, here):
    customers.add("a", "b", "c")
    get_tenant_db("b").execute("insert into People(id, name) values (41, null)")
    code, out, _ = here("start", "after.json", "--max-failures", "1", "--json")
    [failure] = json.loads(out)["failures"]
    assert code == 4
    assert (failure["tenant"], failure["sample"]) == ("b", [41])
    assert failure["error"].startswith("DataDoesNotFit")
    code, out, _ = here("show", "r1")
    assert code == 0
    assert "b: DataDoesNotFit" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["start", "less.json"], 3, "allow-destructive"),
        (["start", "missing.json"], 2, "missing.json"),
        (["start", "after.json", "--waves", "1%"], 2, "100%"),
        (["start", "after.json", "--max-failures", "x"], 2, "budget"),
        (["start", "after.json", "--at", "tonight"], 2, "broker"),
        (["show", "r9"], 2, "r9"),
        (["resume", "r9"], 2, "r9"),
        (["pause", "r9"], 2, "r9"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(customers, documents, here, arguments, code, said):
    customers.add("a")
    got, out, err = here(*arguments)
    assert got == code
    assert said in out + err
    assert "Traceback" not in err


def blocked(customers):
    """A rollout whose canary can't go on: this process is inside a write to it."""
    customers.add("u", "v", "w", "x", "y")
    course = rolling.Course(canary=1, waves="100%")
    first = rolling.preview(customers.catalog, engine.loads(AFTER), course=course).waves[0].tenants[0]
    return get_tenant_db(first).write()


def running(customers):
    found = rolling.everyone(customers.catalog)
    return bool(found) and found[0].counts.get("running", 0) > 0


def test_a_killed_coordinator_leaves_no_process_and_is_resumed(customers, documents, here):
    with blocked(customers):
        process = command("start", "after.json", "--canary", "1", "--waves", "100%")
        wait_for(lambda: running(customers) and len(processes_of(documents)) > 1)
        process.kill()
        process.wait()
    process.communicate()  # its workers hold the pipes, too
    wait_for(lambda: processes_of(documents) == [])
    assert rolling.show(customers.catalog, "r1").state == "running"
    code, out, _ = here("resume", "r1", "--json")
    assert (code, json.loads(out)["counts"]) == (0, {"done": 5})


def test_a_second_driver_is_refused(customers, documents, here):
    with blocked(customers):
        process = command("start", "after.json", "--canary", "1", "--waves", "100%")
        wait_for(lambda: running(customers))
        code, _, err = here("resume", "r1")
        assert (code, str(process.pid) in err) == (2, True)
    assert ended(process)[0] == 0


def test_another_process_pauses_it(customers, documents, here):
    with blocked(customers):
        process = command("start", "after.json", "--canary", "1", "--waves", "100%", "--json")
        wait_for(lambda: running(customers))
        assert here("pause", "r1")[0] == 0
    code, out, _ = ended(process)
    told = json.loads(out)
    assert (code, told["state"]) == (4, "paused")
    assert told["counts"]["pending"] >= 2
    assert here("resume", "r1")[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_pauses_its_rollout_and_leaves_no_process(customers, documents, number):
    with blocked(customers):
        process = command("start", "after.json", "--canary", "1", "--waves", "100%")
        wait_for(lambda: running(customers))
        process.send_signal(number)
        wait_for(lambda: rolling.show(customers.catalog, "r1").state == "paused")
    code, _, err = ended(process)
    assert (code, "Traceback" in err) == (130, False)
    assert processes_of(documents) == []


def test_a_killed_worker_is_replaced(customers, documents):
    with blocked(customers):
        process = command("start", "after.json", "--canary", "1", "--waves", "100%", "--json")
        wait_for(lambda: running(customers) and len(processes_of(documents)) > 1)
        for pid in set(processes_of(documents)) - {process.pid}:
            os.kill(pid, signal.SIGKILL)
    code, out, _ = ended(process)
    assert (code, json.loads(out)["counts"]) == (0, {"done": 5})


def test_a_list_and_a_plan_read_as_text(customers, documents, here):
    customers.add("a")
    code, out, _ = here("plan", "less.json")
    assert (code, "destroys" in out) == (0, True)
    customers.roll_out()
    code, out, _ = here("list")
    assert (code, "r1" in out, "1 done" in out) == (0, True, True)
