"""NOT NULL and CHECK where the table lies: what SQLite writes is what was wanted, and so is the way back."""

from __future__ import annotations

import pytest

import migrations_engine as engine
from migrations_engine import errors

KEY = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT"}
STRICT = {"_options": {"strict": True}}
ROWLESS = {"_options": {"without_rowid": True}}

TIGHTER = [
    ({"a": "INT"}, {"a": "INT NOT NULL"}),
    ({"a": "INT"}, {"a": "INT NOT NULL ON CONFLICT IGNORE"}),
    ({"a": "INT DEFAULT 3 COLLATE NOCASE"}, {"a": "INT NOT NULL DEFAULT 3 COLLATE NOCASE"}),
    ({"a": "INT", "g": "AS (a + 1) STORED"}, {"a": "INT", "g": "NOT NULL AS (a + 1) STORED"}),
    ({"a": "INT", "g": "AS (a + 1)"}, {"a": "INT", "g": "NOT NULL AS (a + 1)"}),
    ({"a": "INT"}, {"a": "INT CHECK (a > 0)"}),
    ({"a": "INT"}, {"a": "INT", "_checks": ["a > 0", {"check": "a < 9", "name": "small"}]}),
    ({"a b": "INT"}, {"a b": "INT NOT NULL", "_checks": [{"check": '"a b" > 0', "name": 'odd " name'}]}),
    ({"a": "INT"}, {"b": "INT NOT NULL CHECK (b > 0)", "_renames": {"b": "a"}}),
    ({"a": "INT"}, {"a": "INT NOT NULL", "b": "INT", "_checks": ["b IS NULL OR b > a"]}),
    ({"a": "INT", **STRICT}, {"a": "INT NOT NULL CHECK (a > 0)", **STRICT}),
    ({"a": "INT CHECK (a IN ('x)', 1, 2, 3))"}, {"a": "INT NOT NULL CHECK (a IN ('x)', 1, 2, 3))"}),
]


@pytest.mark.parametrize(("old", "new"), TIGHTER)
def test_a_tighter_rule_is_added_where_the_table_lies_and_taken_back_with_the_writes_since(db, old, new):
    db.apply({"T": {**KEY, **old}})
    first = next(name for name in old if not name.startswith("_"))
    db.run(f'INSERT INTO T("{first}") VALUES (1), (2)')
    before, rows = db.hash, db.rows("T")
    result = db.apply({"T": {**KEY, **new}})
    assert (result.strategy, result.rows) == ("in-place", 0)
    renamed = new.get("_renames", {}) and "b"
    db.run(f'INSERT INTO T("{renamed or first}") VALUES (3)')
    engine.rollback(db.path)
    assert db.hash == before
    assert len(db.rows("T")) == len(rows) + 1
    assert db.rows("T")[:2] == rows
    assert db.run(f'SELECT "{first}" FROM T WHERE id = 3') == [(3,)]
    assert db.run("PRAGMA integrity_check") == [("ok",)]


def test_a_table_without_rowid_takes_them_too(db):
    db.apply({"T": {"k": "TEXT PRIMARY KEY", "a": "INT", **ROWLESS}})
    db.run("INSERT INTO T VALUES ('x', 1)")
    assert db.apply(
        {"T": {"k": "TEXT PRIMARY KEY", "a": "INT NOT NULL CHECK (a > 0)", **ROWLESS}}
    ).strategy == ("in-place")


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ({"a": "INT NOT NULL"}, "NOT NULL (a)"),
        ({"a": "INT CHECK (a IS NOT NULL)"}, "CHECK (a IS NOT NULL)"),
        ({"a": "INT", "_checks": [{"check": "a + 0 IS NOT NULL", "name": "n"}]}, "CHECK (a + 0 IS NOT NULL)"),
        ({"a": "INT", "b": "INT", "_checks": ["a IS NOT NULL OR b"]}, None),
    ],
)
def test_rows_that_break_it_are_named_and_nothing_is_changed(db, schema, new, rule):
    db.apply({"T": {**KEY, "a": "INT"}})
    db.run("INSERT INTO T(a) VALUES (1), (NULL), (NULL)")
    if rule is None:
        assert db.apply({"T": {**KEY, **new}}).strategy == "in-place"
        return
    before = db.picture()
    assert engine.plan(schema({"T": {**KEY, **new}}), db.path).strategy == "in-place"
    with pytest.raises(errors.DataDoesNotFit) as refused:
        db.apply({"T": {**KEY, **new}})
    assert refused.value.misfits == [errors.Misfit(table="T", rule=rule, count=2, sample=(2, 3))]
    assert db.picture() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": "INT NOT NULL"}, {"a": "INT"}),
        ({"a": "INT", "_checks": [{"check": "a > 0", "name": "n"}]}, {"a": "INT"}),
        ({"a": "INT CONSTRAINT f REFERENCES T(id)"}, {"a": "INT"}),
    ],
)
def test_a_rule_that_goes_keeps_the_table_of_before_for_the_rows_that_it_refused(db, old, new):
    """In place the older value would be gone: the way back could only delete the row."""
    db.apply({"T": {**KEY, **old}})
    db.run("INSERT INTO T(a) VALUES (1)")
    before = db.rows("T")
    assert db.apply({"T": {**KEY, **new}}).strategy == "rebuild"
    db.run("UPDATE T SET a = NULL")
    if "NOT NULL" in old["a"]:
        with pytest.raises(errors.WayBackLossy):
            engine.rollback(db.path)
        engine.rollback(db.path, discard_since=True)
        assert db.rows("T") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": "INT"}, {"a": "INT CONSTRAINT nn NOT NULL"}),
        ({"a": "INT NOT NULL"}, {"a": "INT NOT NULL ON CONFLICT FAIL"}),
        ({"a": "INT"}, {"a": "INT NOT NULL DEFAULT 1"}),
        ({"a": "INT"}, {"a": "INT NOT NULL", "_fill": {"a": "coalesce(a, 0)"}}),
        ({"a": "INT"}, {"a": "BIGINT NOT NULL"}),
    ],
)
def test_what_alter_column_cannot_say_is_a_rebuild(db, old, new):
    db.apply({"T": {**KEY, **old}})
    assert db.apply({"T": {**KEY, **new}}).strategy == "rebuild"


def test_a_statement_with_comments_and_a_broken_view_is_altered_all_the_same(db, schema):
    db.run("CREATE TABLE T(id INTEGER PRIMARY KEY, -- the key\n a INT -- the last\n)")
    db.run("CREATE VIEW v AS SELECT x FROM nowhere")
    db.run("INSERT INTO T VALUES (1, 2)")
    document = {
        "T": {"id": "INTEGER PRIMARY KEY", "a": "INT NOT NULL CHECK (a > 0)"},
        "_views": {"v": "CREATE VIEW v AS SELECT x FROM nowhere"},
    }
    before = db.hash
    assert db.apply(document).strategy == "in-place"
    db.run("INSERT INTO T VALUES (2, 3)")
    engine.rollback(db.path)
    assert db.hash == before
    assert db.run("SELECT * FROM T") == [(1, 2), (2, 3)]


def test_a_name_that_two_rules_share_takes_none_of_them_away(db):
    twice = [{"check": "a > 0", "name": "n"}, {"check": "a < 9", "name": "n"}]
    db.apply({"T": {**KEY, "a": "INT", "_checks": twice[:1]}})
    db.run("INSERT INTO T(a) VALUES (1)")
    before = db.hash
    db.apply({"T": {**KEY, "a": "INT", "_checks": twice}})
    engine.rollback(db.path)
    assert db.hash == before
    assert db.run("SELECT a FROM T") == [(1,)]


def test_a_test_of_all_rows_is_in_the_estimate(db, schema):
    db.apply({"T": {**KEY, "a": "INT"}})
    db.run(
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
        "INSERT INTO T(a) SELECT i FROM n"
    )
    plan = engine.plan(schema({"T": {**KEY, "a": "INT NOT NULL"}}), db.path)
    assert (plan.strategy, plan.rows, plan.tables[0].scans) == ("in-place", 1000, 1)
