"""A rehearsal: every row that would not fit, with its key and values; the file is only read."""

from __future__ import annotations

import subprocess
import sys

import pytest

import migrations_engine as engine
from migrations_engine import errors

T = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT"}
ROWS = "INSERT INTO T VALUES (1, 'x', '1'), (2, 'X', 'two'), (3, NULL, NULL), (4, 'x', '{')"


def table(**changes):
    return {"T": {name: entry for name, entry in {**T, **changes}.items() if entry is not None}}


@pytest.fixture
def rehearse(db, schema):
    """Tries a changed table on a filled one; gives rule and rows, each with its key and values."""
    db.apply(table())
    db.run(ROWS)

    def ask(**changes):
        found = engine.rehearse(schema(table(**changes)), db.path)
        return [(f.rule, [(row.key, dict(row.values)) for row in f.rows]) for f in found.misfits]

    return ask


def test_every_row_has_its_key_and_its_values(rehearse):
    assert rehearse(a="TEXT NOT NULL UNIQUE COLLATE NOCASE") == [
        ("NOT NULL (a)", [(3, {"a": None})]),
        ("UNIQUE (a)", [(1, {"a": "x"}), (2, {"a": "X"}), (4, {"a": "x"})]),
    ]


def test_a_check_shows_the_columns_that_it_is_about_and_may_name_its_table(rehearse):
    assert rehearse(_checks=["T.a <> 'X' OR length(b) < 3"]) == [
        ("CHECK (T.a <> 'X' OR length(b) < 3)", [(2, {"a": "X", "b": "two"})])
    ]


def test_a_check_that_fails_for_a_row_is_no_reason_to_miss_the_others(rehearse):
    assert rehearse(_checks=["json_extract(b, '$') IS NOT 1"]) == [
        ("CHECK (json_extract(b, '$') IS NOT 1)", [(1, {"b": "1"})]),
        (
            "CHECK (json_extract(b, '$') IS NOT 1): malformed JSON",
            [(2, {}), (4, {})],
        ),
    ]


def test_a_fill_that_fails_names_the_rows_and_the_rest_is_looked_at(rehearse):
    changes = {"c": "TEXT NOT NULL", "_fill": {"c": "json_extract(b, '$')"}}
    assert rehearse(**changes) == [
        ("FILL (c): malformed JSON", [(2, {}), (4, {})]),
        ("NOT NULL (c)", [(3, {"c": None})]),
    ]


def test_rows_without_parents_are_those_that_a_change_would_lose(db, schema):
    """Collation and affinity are the parent's; who has no parent already is no news."""
    child = {"id": "INTEGER PRIMARY KEY", "p": "", "q": "INT REFERENCES P(n)"}
    parent = {"k": "TEXT COLLATE NOCASE UNIQUE", "n": "INTEGER PRIMARY KEY"}
    db.apply({"P": parent, "C": child})
    db.run("INSERT INTO P VALUES ('a', 1), ('7', 2)")
    db.run("INSERT INTO C VALUES (1, 'A', 1), (2, 7, NULL), (3, 'b', 99), (4, NULL, 2), (5, 7.0, 1)")
    new = schema({"P": parent, "C": {**child, "p": "REFERENCES P(k)"}})
    found = engine.rehearse(new, db.path)
    assert [(f.table, f.rule, f.count) for f in found.misfits] == [("C", "FOREIGN KEY (p) REFERENCES P", 2)]
    assert [(row.key, row.values["p"]) for row in found.misfits[0].rows] == [(3, "b"), (5, 7.0)]
    with pytest.raises(errors.DataDoesNotFit) as refused:
        engine.apply(new, db.path)
    assert [(m.rule, m.sample) for m in refused.value.misfits] == [("FOREIGN KEY (p) REFERENCES P", (3, 5))]


def test_children_of_a_table_that_goes_are_lost_even_without_a_rowid(db, schema):
    child = {"a": "TEXT PRIMARY KEY", "p": "INT REFERENCES P(id)", "_options": {"without_rowid": True}}
    db.apply({"P": {"id": "INTEGER PRIMARY KEY"}, "C": child})
    db.run("INSERT INTO P VALUES (1)")
    db.run("INSERT INTO C VALUES ('x', 1), ('y', NULL)")
    found = engine.rehearse(schema({"C": child}), db.path)
    assert [(f.rule, [row.key for row in f.rows]) for f in found.misfits] == [
        ("FOREIGN KEY (p) REFERENCES P", ["x"])
    ]
    with pytest.raises(errors.DataDoesNotFit) as refused:
        db.apply({"C": child}, allow_destructive=True)
    assert refused.value.misfits[0].sample == ("x",)


def test_a_reference_that_becomes_dangling_is_refused_as_the_change_does(db, schema):
    child = {"p": "INT REFERENCES P(id)"}
    db.apply({"P": {"id": "INTEGER PRIMARY KEY"}, "C": child})
    with pytest.raises(errors.SchemaError, match="which this change drops"):
        engine.rehearse(schema({"C": child}), db.path)


def test_values_that_a_type_rewrites_are_shown_before_and_after_and_fit(db, schema):
    db.apply(table())
    db.run(ROWS.replace("'1'", "'007'").replace("'{'", "'12.0'"))
    found = engine.rehearse(schema(table(b="INTEGER")), db.path)
    assert found.fits
    ((what,),) = (found.rewritten,)
    assert (what.rule, what.count, what.allow) == ("TYPE (b)", 2, "narrow-type:T.b")
    assert [(row.key, row.values["before"], row.values["after"]) for row in what.rows] == [
        (1, "007", 7),
        (4, "12.0", 12),
    ]


def test_only_so_many_rows_are_given_but_all_are_counted(db, schema):
    db.apply(table())
    db.run(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) "
        "INSERT INTO T(id) SELECT i FROM n"
    )
    new = schema(table(a="TEXT NOT NULL"))
    assert [(f.count, len(f.rows)) for f in engine.rehearse(new, db.path).misfits] == [(250, 100)]
    assert [len(f.rows) for f in engine.rehearse(new, db.path, limit=None).misfits] == [250]
    told = []
    found = engine.rehearse(new, db.path, limit=3, each=lambda rule, row: told.append((rule.rule, row.key)))
    assert told == [("NOT NULL (a)", 1), ("NOT NULL (a)", 2), ("NOT NULL (a)", 3)]
    assert [(f.count, f.rows) for f in found.misfits] == [(250, ())]


def test_memory_stays_the_same_however_many_rows_do_not_fit(db, schema, tmp_path):
    db.apply(table())
    db.run(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
        "INSERT INTO T(id, b) SELECT i, hex(zeroblob(100)) FROM n"
    )
    document = tmp_path / "new.json"
    document.write_text(schema(table(a="TEXT NOT NULL CHECK (b <> '')", c="INT NOT NULL")).to_json())
    code = (
        "import resource, sys\n"
        "import migrations_engine as engine\n"
        "new = engine.load(sys.argv[1])\n"
        "engine.rehearse(new, sys.argv[2], limit=1, each=lambda found, row: None)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = []\n"
        "engine.rehearse(new, sys.argv[2], limit=None, each=lambda found, row: count.append(None))\n"
        "print(len(count), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, str(document), str(db.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, grown = map(int, done.stdout.split())
    assert rows == 200_000
    assert grown < 10_000  # kilobytes; the rows that do not fit are 20 MB


def test_the_file_is_only_read_and_one_that_is_not_there_is_not_made(db, schema, tmp_path):
    db.apply(table())
    db.run(ROWS)
    db.run("PRAGMA wal_checkpoint(TRUNCATE)")
    before = db.path.read_bytes()
    assert not engine.rehearse(schema(table(a="TEXT NOT NULL", c="INT NOT NULL")), db.path).fits
    assert db.path.read_bytes() == before
    assert engine.rehearse(schema(table()), tmp_path / "none.db").fits
    assert not (tmp_path / "none.db").exists()


def test_a_rehearsal_can_be_read(db, schema):
    db.apply(table())
    db.run(ROWS)
    assert str(engine.rehearse(schema(table(a="TEXT NOT NULL", b="INT")), db.path)) == (
        "T: NOT NULL (a): 1 row\nT: TYPE (b): 1 row rewritten"
    )
    assert str(engine.rehearse(schema(table()), db.path)) == "all rows fit"
