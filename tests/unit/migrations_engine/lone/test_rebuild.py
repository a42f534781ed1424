"""A lone file's tables rebuilt inside it: the file is as if made fresh, and nothing is left of the work."""

from __future__ import annotations

import apsw
import pytest

import migrations_engine as engine
from migrations_engine import errors, sqlite
from migrations_engine.lone import choice, claim, pace, rebuild, rows, sweep
from migrations_engine.online.phases import Phase

OLD = {
    "Parents": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT UNIQUE", "n": "TEXT"},
    "Children": {
        "id": "INTEGER PRIMARY KEY",
        "parent": "INTEGER REFERENCES Parents(id) ON DELETE CASCADE",
        "note": "TEXT",
        "_indexes": ["parent", {"columns": ["note"], "unique": True, "where": "note > ''", "name": "notes"}],
    },
    "_views": {"both": "CREATE VIEW both AS SELECT p.name, c.note FROM Parents p, Children c"},
    "_triggers": {
        "t": "CREATE TRIGGER t AFTER INSERT ON Parents "
        "BEGIN INSERT INTO Children(parent) VALUES (NEW.id); END"
    },
}
NEW = {
    **OLD,
    "Parents": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "name": "TEXT UNIQUE",
        "n": "INTEGER NOT NULL DEFAULT 0",
        "extra": "TEXT",
        "_fill": {"n": "coalesce(n, 0)"},
        "_unique_constraints": [["n", "id"]],
        "_indexes": ["n", "extra"],
    },
    "Children": {
        "id": "INTEGER PRIMARY KEY",
        "parent": "INTEGER NOT NULL REFERENCES Parents(id) ON DELETE CASCADE",
        "remark": "TEXT COLLATE NOCASE",
        "_renames": {"remark": "note"},
        "_indexes": ["parent", {"columns": ["remark"], "unique": True, "name": "notes"}],
    },
    "_views": {"both": "CREATE VIEW both AS SELECT p.name, c.remark FROM Parents p, Children c"},
}


@pytest.fixture
def filled(db, online):
    db.apply(OLD)
    db.run(
        "WITH RECURSIVE c(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM c LIMIT 900) "
        "INSERT INTO Parents(name, n) SELECT 'p' || v, v FROM c"
    )
    db.run("DELETE FROM Parents WHERE id > 890; DELETE FROM Children WHERE parent > 890")
    db.run("UPDATE Children SET note = 'x' || id; PRAGMA user_version = 7; ANALYZE")
    return db


def litter(db) -> list[str]:
    """What is in the file of a rebuild that is over."""
    names = [name for (name,) in db.run("SELECT name FROM sqlite_schema")]
    return [name for name in names if name.startswith(("_tenantdb_new", "_tenantdb_log", claim.TABLE))]


def structure(run) -> list[tuple[object, ...]]:
    """The users' objects, as SQLite has them: automatic indexes too."""
    return run(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE '%\\_tenantdb%' ESCAPE '\\' "
        "AND name NOT LIKE '\\_schema%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_s%' ESCAPE '\\' ORDER BY 1, 2"
    )


def test_the_file_is_as_if_it_were_made_fresh(filled, tmp_path, schema):
    result = filled.apply(NEW, allow_destructive=True)
    assert (result.changed, result.strategy, result.rows) == (True, "rebuild", 1780)
    fresh = sqlite.connect(tmp_path / "fresh.db", mode="rwc")
    for statement in engine.ddl(schema(NEW), "sqlite"):
        fresh.execute(statement)
    assert structure(filled.run) == structure(lambda sql: fresh.execute(sql).fetchall())
    fresh.close()
    assert filled.hash == schema(NEW).hash
    assert filled.run("PRAGMA integrity_check") == [("ok",)]
    assert filled.run("PRAGMA foreign_key_check") == []
    assert litter(filled) == []


def test_rows_counters_and_statistics_stay(filled):
    before = filled.run("SELECT rowid, id, name FROM Parents ORDER BY 1")
    statistics = filled.run("SELECT * FROM sqlite_stat1 WHERE idx <> 'notes' ORDER BY 1, 2")
    filled.apply(NEW, allow_destructive=True)
    assert filled.run("SELECT rowid, id, name FROM Parents ORDER BY 1") == before
    assert filled.run("SELECT DISTINCT typeof(n) FROM Parents") == [("integer",)]
    assert filled.counters() == {"Parents": 900}
    assert filled.run("PRAGMA user_version") == [(7,)]
    kept = filled.run("SELECT * FROM sqlite_stat1 WHERE idx <> 'notes' ORDER BY 1, 2")
    assert kept == statistics
    filled.run("INSERT INTO Parents(name) VALUES ('next')")
    assert filled.run("SELECT max(id), (SELECT max(parent) FROM Children) FROM Parents") == [(901, 901)]


def test_the_way_back_brings_writes_made_since(filled, schema):
    filled.apply(NEW, allow_destructive=True)
    filled.run("INSERT INTO Parents(name) VALUES ('since'); UPDATE Parents SET name = 'q1' WHERE id = 1")
    filled.run("DELETE FROM Parents WHERE id = 2; DELETE FROM Children WHERE parent = 2")
    engine.rollback(filled.path)
    assert filled.hash == schema(OLD).hash
    names = dict(filled.run("SELECT id, name FROM Parents WHERE id IN (1, 2, 3, 901)"))
    assert names == {1: "q1", 3: "p3", 901: "since"}
    assert filled.run("SELECT n, typeof(n) FROM Parents WHERE id = 3") == [("3", "text")]
    assert filled.run("PRAGMA integrity_check") == [("ok",)]
    assert [name for (name,) in filled.run("SELECT name FROM sqlite_schema") if "_tenantdb" in name] == []


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ("UPDATE Children SET parent = NULL WHERE id = 77", "NOT NULL"),
        ("UPDATE Children SET note = '' WHERE id IN (77, 78)", "UNIQUE"),
    ],
)
def test_rows_that_do_not_fit_are_named_and_everything_is_taken_back(filled, bad, rule):
    filled.run(bad)
    before, names = filled.picture(), filled.run("SELECT name FROM sqlite_schema ORDER BY 1")
    with pytest.raises(errors.DataDoesNotFit) as caught:
        filled.apply(NEW, allow_destructive=True)
    (misfit,) = caught.value.misfits
    assert misfit.table == "Children"
    assert rule in misfit.rule
    assert set(misfit.sample) <= {77, 78}
    assert filled.picture() == before
    assert filled.run("SELECT name FROM sqlite_schema ORDER BY 1") == names


@pytest.mark.parametrize("phase", [phase.name for phase in rebuild.PHASES])
@pytest.mark.parametrize("error", [KeyboardInterrupt, apsw.FullError, errors.DatabaseBusy])
def test_whatever_goes_wrong_in_a_phase_leaves_the_file_as_it_was(filled, phase, error):
    before, names = filled.picture(), filled.run("SELECT name FROM sqlite_schema ORDER BY 1")

    def watch(progress):
        if progress.phase == phase:
            raise error

    with pytest.raises((KeyboardInterrupt, OSError, errors.DatabaseBusy)):
        filled.apply(NEW, allow_destructive=True, progress=watch)
    assert filled.picture() == before
    assert filled.run("SELECT name FROM sqlite_schema ORDER BY 1") == names


@pytest.mark.parametrize("phase", ["copy", "verify", "drain", "cut-over"])
def test_a_structure_that_somebody_changes_meanwhile_is_planned_for_anew(filled, schema, phase):
    done = []

    def watch(progress):
        if progress.phase == phase and not done:
            done.append(filled.run("CREATE TABLE Surprise(x); INSERT INTO Surprise VALUES (1)"))

    result = filled.apply(NEW, allow_destructive=True, progress=watch)
    assert "drop table Surprise" in result.steps
    assert filled.hash == schema(NEW).hash
    assert litter(filled) == []


def test_writes_of_every_phase_are_in_the_new_tables(filled, tmp_path, monkeypatch):
    filled.run("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / "twin.db").write_bytes(filled.path.read_bytes())
    seen, written = set(), []

    def watch(progress):
        said = sum(phase == progress.phase for phase, _ in seen)
        if (progress.phase, progress.rows) in seen or said > 3:
            return
        at = len(seen)
        seen.add((progress.phase, progress.rows))
        written.append(
            f"INSERT INTO Parents(name, n) VALUES ('w{at}', {at});"
            f"UPDATE Parents SET id = id + 10000 WHERE id = {1 + at * 20};"
            f"DELETE FROM Children WHERE id = {890 - at};"
            f"UPDATE Children SET note = 'y' || note WHERE id % 31 = {at};"
            f"INSERT OR REPLACE INTO Parents(id, name) VALUES ({5 + at}, 'p{600 + at}');"
        )
        filled.run(written[-1])

    filled.apply(NEW, allow_destructive=True, progress=watch)
    assert {phase for phase, _ in seen} == {phase.name for phase in rebuild.PHASES}
    twin = type(filled)(tmp_path / "twin.db")
    for statements in written:
        twin.run(statements)
    monkeypatch.setattr(choice, "SMALL_BYTES", 1_000_000)
    twin.apply(NEW, allow_destructive=True)
    assert filled.picture() == twin.picture()
    assert filled.run("PRAGMA integrity_check") == [("ok",)]
    twin.close()


def test_an_orphan_that_comes_up_under_a_new_foreign_key_is_found(filled):
    bare = {**OLD, "Children": {**OLD["Children"], "parent": "INTEGER"}}
    filled.apply(bare)
    seen = []

    def watch(progress):
        if progress.phase == "drain" and not seen:
            seen.append(filled.run("DELETE FROM Parents WHERE id = 5"))

    with pytest.raises(errors.DataDoesNotFit) as caught:
        filled.apply(OLD, progress=watch)
    (misfit,) = caught.value.misfits
    assert (misfit.rule, misfit.sample) == ("FOREIGN KEY (parent) REFERENCES Parents", (5,))
    assert litter(filled) == []
    filled.run("DELETE FROM Children WHERE parent = 5")
    assert filled.apply(OLD).changed


def test_a_dead_rebuilds_litter_is_cleared_by_whatever_comes_next(filled, monkeypatch):
    before = filled.picture()
    phases = tuple(Phase(name=phase.name, run=phase.run) for phase in rebuild.PHASES)  # none is undone

    def watch(progress):
        if progress.phase == "verify":
            raise KeyboardInterrupt

    for act in (lambda: filled.apply(OLD), lambda: engine.cleanup(filled.path)):
        with monkeypatch.context() as patch:
            patch.setattr(rebuild, "PHASES", phases)
            with pytest.raises(KeyboardInterrupt):
                filled.apply(NEW, allow_destructive=True, progress=watch)
        assert len(litter(filled)) > 5
        assert filled.hash == before["schema"]
        act()
        assert litter(filled) == []
        assert filled.picture() == before


def test_a_live_rebuild_is_waited_for_and_never_swept(filled, monkeypatch):
    monkeypatch.setattr("migrations_engine.runner.BUSY_SECONDS", 0.05)
    refused = []

    def watch(progress):
        if progress.phase == "verify" and not refused:
            for act in (lambda: filled.apply(OLD), lambda: engine.rollback(filled.path)):
                with pytest.raises(errors.DatabaseBusy, match="is being changed by process"):
                    act()
                refused.append(act)

    assert filled.apply(NEW, allow_destructive=True, progress=watch).changed
    assert len(refused) == 2


def test_an_owner_whose_claim_was_taken_stops_without_a_trace(filled, schema):
    before = filled.picture()

    def watch(progress):
        if progress.phase == "verify" and progress.rows == 0:
            filled.run(f"UPDATE {claim.TABLE} SET token = 'another'")

    with pytest.raises(errors.DatabaseBusy, match="taken"):
        filled.apply(NEW, allow_destructive=True, progress=watch)
    assert len(litter(filled)) > 5  # the other's, who is dead
    sweep.litter(filled.conn, wait=0)
    assert litter(filled) == []
    assert filled.picture() == before


def test_a_comparison_keeps_up_with_what_is_written_meanwhile(filled, monkeypatch):
    monkeypatch.setattr(rows, "NOTES", 20)
    monkeypatch.setattr(pace, "_MOST", 40)  # rows of a range, however fast the machine is
    left = []

    def write(progress):
        if progress.phase == "verify":
            left.append(filled.run("SELECT count(*) FROM _tenantdb_log")[0][0])
            names = ", ".join(f"('w{len(left)}-{number}')" for number in range(30))
            filled.run(f"INSERT INTO Parents(name) VALUES {names}")

    filled.apply(NEW, allow_destructive=True, progress=write)
    # Each range reads what is left in the log: were it to grow, so would the time of each.
    assert len(left) > 20
    assert max(left) <= 20
    assert filled.run("SELECT count(*) FROM Parents") == [(890 + 30 * len(left),)]
