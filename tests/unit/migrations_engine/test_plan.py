"""A plan: what goes which way, for which reason, at what cost; and that it changes nothing."""

from __future__ import annotations

import pytest

import migrations_engine as engine
from migrations_engine import errors
from migrations_engine.execution import compiling

T = {"T": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}


def test_a_plan_says_how_each_table_goes(db, schema):
    db.apply({**T, "Gone": {"x": "INT"}, "Same": {"x": "INT"}})
    db.run("INSERT INTO T(a) VALUES ('x'), ('y')")
    new = {"T": {**T["T"], "a": "TEXT COLLATE NOCASE"}, "Same": {"x": "INT", "y": "INT"}, "New": {"x": "INT"}}
    plan = engine.plan(schema(new), db.path)
    assert {action.name: action.way for action in plan.tables} == {
        "Gone": "drop",
        "T": "rebuild",
        "Same": "alter",
        "New": "create",
    }
    assert (plan.strategy, plan.rows, plan.way_back) == ("rebuild", 2, "lossy")
    assert plan.loses == ("values of Same.y", "rows of New")
    assert plan.bytes > 0
    assert plan.pause > 0


def test_a_rebuild_has_its_reason(db, schema):
    db.apply(T)
    plan = engine.plan(schema({"T": {**T["T"], "b": "TEXT DEFAULT CURRENT_TIME"}}), db.path)
    assert [action.reason for action in plan.tables] == ["add column T.b (its default is no constant)"]


def test_a_file_that_is_as_wanted_has_nothing_to_do(db, schema):
    db.apply(T)
    plan = engine.plan(schema(T), db.path)
    assert (plan.strategy, plan.pause, plan.change.steps) == ("none", 0, ())


def test_a_plan_changes_nothing(db, schema):
    db.apply(T)
    before = db.path.read_bytes()
    engine.plan(schema({"T": {"id": "INTEGER PRIMARY KEY"}}), db.path)
    assert db.path.read_bytes() == before


def test_a_plan_for_a_file_that_is_not_there_makes_none(db, schema):
    plan = engine.plan(schema(T), db.path)
    assert [action.way for action in plan.tables] == ["create"]
    assert not db.path.exists()


def test_a_plan_can_be_read(db, schema):
    db.apply(T)
    lines = str(engine.plan(schema({"T": {**T["T"], "b": "INT"}}), db.path)).splitlines()
    assert lines[0] == "add column T.b"
    assert lines[1].startswith("in-place: 0 rows, 0 bytes, pause about")
    assert lines[1].endswith("way back: lossy (loses values of T.b)")


def test_an_index_costs_the_rows_of_its_table(db, schema):
    db.apply(T)
    db.run("INSERT INTO T(a) VALUES ('x'), ('y'), ('z')")
    plan = engine.plan(schema({"T": {**T["T"], "_indexes": ["a"]}}), db.path)
    assert (plan.strategy, plan.rows) == ("in-place", 3)


def test_an_alteration_that_leads_elsewhere_becomes_a_rebuild(schema):
    """SQLite rewrites the view with its table's name; this document wants it to go on naming the old one."""
    view = {"_views": {"v": "CREATE VIEW v AS SELECT a FROM T"}}
    plan = compiling.compiled(schema({**T, **view}), schema({"U": {**T["T"], "_renamed_from": "T"}, **view}))
    assert [(action.name, action.way) for action in plan.tables] == [("U", "rebuild")]


def test_what_sqlite_refuses_is_found_before_any_file_is_touched():
    new = engine.Schema(views=(engine.model.View(name="v", sql="CREATE VIEW v AS SELECT 1 FROM"),))
    with pytest.raises(errors.SchemaError, match="incomplete input"):
        compiling.compiled(engine.Schema(), new)


def test_a_fill_that_names_no_column_is_refused(schema):
    new = {"T": {**T["T"], "b": "TEXT NOT NULL", "_fill": {"b": "nothing_of_that_name"}}}
    with pytest.raises(errors.SchemaError, match="nothing_of_that_name"):
        compiling.compiled(schema(T), schema(new))


def test_each_step_has_its_way_its_cost_its_risk_and_its_way_back(db, schema):
    db.apply({**T, "Gone": {"x": "INT"}, "Same": {"x": "INT"}})
    db.run("INSERT INTO T(a) VALUES ('1'), ('y')")
    new = {
        "T": {"id": "INTEGER PRIMARY KEY", "a": "INTEGER", "b": "TEXT NOT NULL", "_fill": {"b": "a"}},
        "Same": {"x": "INT", "y": "INT", "_indexes": ["y"]},
    }
    plan = engine.plan(schema(new), db.path)
    said = [(s.step.text, s.table, s.way, s.risk, s.way_back.kind, s.rows, s.bytes > 0) for s in plan.steps]
    assert said == [
        ("drop table Gone", "Gone", "in place", "destructive", "lossless", 0, False),
        ("change column T.a: type TEXT becomes INTEGER", "T", "rebuild", "destructive", "lossless", 2, True),
        ("add column T.b", "T", "rebuild", "needs data check", "lossy", 2, True),
        ("add column Same.y", "Same", "in place", "safe", "lossy", 0, False),
        ("add index idx_Same_y on Same", "Same", "in place", "safe", "lossless", 0, False),
    ]
    assert plan.steps[1].why == "change column T.a: type TEXT becomes INTEGER"
    assert plan.steps[3].why is None
    assert plan.pause >= plan.steps[1].pause > 0


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ({"a": "INT NOT NULL"}, {"a": "INT"}, "rows with NULL in T.a"),
        ({"a": "INT CHECK (a > 0)"}, {"a": "INT"}, "rows that break CHECK (a > 0) of T"),
        ({"a": "INT UNIQUE"}, {"a": "INT"}, "rows that break UNIQUE (a) of T"),
        ({"a": "BLOB"}, {"a": "TEXT"}, None),
        ({"a": "TEXT"}, {"a": "INT"}, None),
        ({"a": "INT"}, {"a": "TEXT"}, "values of T.a that are no INT"),
        ({"a": "TEXT"}, {"a": "BLOB"}, "values of T.a that are no TEXT"),
        ({"a": "INT", "_options": {"strict": True}}, {"a": "INT"}, "rows of T that STRICT refuses"),
        (
            {"a": "INT", "_indexes": [{"columns": ["a"], "unique": True}]},
            {"a": "INT"},
            "rows of T that share a key of idx_T_a",
        ),
        ({"a": "INT"}, {"a": "INT NOT NULL CHECK (a > 0) UNIQUE"}, None),
        ({"a": "INT", "b": "INT"}, {"a": "INT"}, None),
        ({"a": "INT"}, {"b": "INT", "_renames": {"b": "a"}}, None),
    ],
)
def test_what_the_way_back_would_lose_is_said(db, schema, old, new, lost):
    db.apply({"T": {"id": "INTEGER PRIMARY KEY", **old}})
    plan = engine.plan(schema({"T": {"id": "INTEGER PRIMARY KEY", **new}}), db.path)
    assert plan.loses == (() if lost is None else (lost,))
    assert plan.way_back == ("lossless" if lost is None else "lossy")


def test_what_comes_first_has_no_way_back(db, schema):
    plan = engine.plan(schema(T), db.path)
    assert (plan.way_back, plan.loses) == ("none", ())
    assert [step.way_back.kind for step in plan.steps] == ["none"]
