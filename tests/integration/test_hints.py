"""Changes that only a hint tells apart, on files with rows: swaps, a rename with another type, a split."""

from __future__ import annotations

import json

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.commands import app
from migrations_engine.commands.running import Program

KEY = "INTEGER PRIMARY KEY"


class File:
    def __init__(self, path):
        self.path = path

    def run(self, sql):
        conn = apsw.Connection(str(self.path))
        try:
            return conn.execute(sql).fetchall()
        finally:
            conn.close()

    def apply(self, document, **options):
        return engine.apply(engine.loads(json.dumps(document)), self.path, **options)


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "file.db")


def test_tables_and_columns_swap_their_names_with_their_rows_and_swap_back(file):
    before = {
        "a": {"id": KEY, "x": "TEXT", "y": "REAL"},
        "b": {"id": KEY, "note": "BLOB"},
    }
    after = {
        "a": {"id": KEY, "note": "BLOB", "_renamed_from": "b"},
        "b": {"id": KEY, "x": "REAL", "y": "TEXT", "_renamed_from": "a", "_renames": {"x": "y", "y": "x"}},
    }
    file.apply(before)
    file.run("INSERT INTO a VALUES (1, 'one', 1.5); INSERT INTO b VALUES (7, x'07')")
    assert file.apply(after).changed
    assert file.run("SELECT * FROM a") == [(7, b"\x07")]
    assert file.run("SELECT id, x, y FROM b") == [(1, 1.5, "one")]
    assert not file.apply(after).changed
    engine.rollback(file.path)
    assert (file.run("SELECT * FROM a"), file.run("SELECT * FROM b")) == ([(1, "one", 1.5)], [(7, b"\x07")])


def test_a_rename_together_with_another_type_keeps_the_values(file):
    file.apply({"t": {"id": KEY, "price": "TEXT"}})
    file.run("INSERT INTO t VALUES (1, '12'), (2, 'free')")
    file.apply({"t": {"id": KEY, "cost": "INTEGER", "_renames": {"cost": "price"}}}, allow_destructive=True)
    assert file.run("SELECT id, cost, typeof(cost) FROM t") == [(1, 12, "integer"), (2, "free", "text")]
    engine.rollback(file.path)
    assert file.run("SELECT * FROM t") == [(1, "12"), (2, "free")]


def test_a_table_is_split_in_two_steps(file):
    whole = {"id": KEY, "name": "TEXT", "street": "TEXT", "town": "TEXT"}
    address = {"person": "INTEGER PRIMARY KEY REFERENCES people(id)", "street": "TEXT", "town": "TEXT"}
    file.apply({"people": whole})
    file.run("INSERT INTO people VALUES (1, 'Ann', 'High St', 'Ely'), (2, 'Bob', NULL, NULL)")
    assert file.apply({"people": whole, "addresses": address}).strategy == "in-place"
    file.run("INSERT INTO addresses SELECT id, street, town FROM people WHERE town IS NOT NULL")
    half = {"id": KEY, "name": "TEXT"}
    with pytest.raises(engine.DestructiveChange, match=r"people\.street.*people\.town"):
        file.apply({"people": half, "addresses": address})
    leave = ["drop-column:people.street", "drop-column:people.town"]
    file.apply({"people": half, "addresses": address}, allow=leave)
    assert file.run("SELECT * FROM people") == [(1, "Ann"), (2, "Bob")]
    assert file.run("SELECT * FROM addresses") == [(1, "High St", "Ely")]
    engine.rollback(file.path)
    assert file.run("SELECT street FROM people ORDER BY id") == [("High St",), (None,)]


def test_plan_and_diff_print_the_hint_that_may_be_missing(file, tmp_path, capsys):
    run = Program(name="schema", app=app).run
    file.apply({"t": {"id": KEY, "mail": "TEXT"}})
    wanted = tmp_path / "wanted.json"
    wanted.write_text(json.dumps({"t": {"id": KEY, "email": "TEXT"}}))
    hint = 'write "_renames": {"email": "mail"} in t'
    for command in (["plan", str(wanted), str(file.path)], ["diff", str(file.path), str(wanted)]):
        assert run(command) == 0
        assert hint in " ".join(capsys.readouterr().out.split())
    assert run(["plan", str(wanted), str(file.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["suggestions"] == [
        {"old": "t.mail", "new": "t.email", "table": "t", "hint": {"_renames": {"email": "mail"}}}
    ]
