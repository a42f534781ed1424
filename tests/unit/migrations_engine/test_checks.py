"""Which rows a new schema rejects: rule by rule, with counts and keys."""

from __future__ import annotations

import contextlib

import pytest

from migrations_engine import errors, sqlite
from migrations_engine.checks import misfits as checks
from migrations_engine.execution.compiling import compiled
from migrations_engine.introspection import introspect

T = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT"}
ROWS = "INSERT INTO T VALUES (1, 'x', '1'), (2, 'X', 'two'), (3, NULL, NULL), (4, 'x', x'00')"


def table(**changes):
    return {"T": {name: entry for name, entry in {**T, **changes}.items() if entry is not None}}


@pytest.fixture
def misfits(db, schema):
    """Says which rows of the filled table a changed one would reject; nothing is applied."""
    db.apply(table())
    db.run(ROWS)

    def ask(**changes):
        with contextlib.closing(sqlite.connect(db.path, mode="ro")) as conn:
            plan = compiled(introspect(conn), schema(table(**changes)))
            return [(m.rule, m.count, m.sample) for m in checks.misfits(conn, plan)]

    return ask


def test_not_null_names_the_rows_without_a_value(misfits):
    assert misfits(a="TEXT NOT NULL") == [("NOT NULL (a)", 1, (3,))]


def test_a_default_does_not_fill_explicit_nulls(misfits):
    assert misfits(a="TEXT NOT NULL DEFAULT 'q'") == [("NOT NULL (a)", 1, (3,))]


def test_a_fill_does(misfits):
    assert misfits(a="TEXT NOT NULL", _fill={"a": "coalesce(a, 'q')"}) == []


def test_a_new_column_without_default_rejects_every_row(misfits):
    assert misfits(c="TEXT NOT NULL") == [("NOT NULL (c)", 4, (1, 2, 3, 4))]


def test_check_lets_unknown_pass(misfits):
    assert misfits(_checks=["a = 'x'"]) == [("CHECK (a = 'x')", 1, (2,))]


def test_unique_lets_nulls_pass_and_counts_all_twins(misfits):
    assert misfits(_unique_constraints=[["a"]]) == [("UNIQUE (a)", 2, (1, 4))]


def test_unique_sees_the_collation_that_is_new(misfits):
    rule = "UNIQUE (a)"
    assert misfits(a="TEXT UNIQUE COLLATE NOCASE") == [(rule, 3, (1, 2, 4))]


def test_a_unique_index_sees_its_condition_and_expressions(misfits):
    index = {"columns": ["lower(a)"], "unique": True, "where": "id < 4", "name": "i"}
    assert misfits(_indexes=[index]) == [("UNIQUE INDEX i (lower(a))", 2, (1, 2))]


def test_a_unique_index_sees_columns_that_are_renamed_in_the_same_change(misfits):
    index = {"columns": ["c"], "unique": True, "name": "i"}
    assert misfits(a=None, c="TEXT", _renames={"c": "a"}, _indexes=[index]) == [
        ("UNIQUE INDEX i (c)", 2, (1, 4))
    ]


def test_a_key_of_a_table_without_rowid_lets_no_null_in(misfits):
    found = misfits(id="INTEGER", _primary_key=["a", "id"], _options={"without_rowid": True})
    assert found == [("NOT NULL (a)", 1, (3,))]


def test_a_rowid_takes_integers_alone(misfits):
    found = misfits(id="INTEGER", b="INTEGER PRIMARY KEY")
    assert found == [("INTEGER PRIMARY KEY (b)", 3, (2, 3, 4))]


def test_strict_types_reject_what_affinity_cannot_convert(misfits):
    found = misfits(b="INTEGER", _options={"strict": True})
    assert found == [("STRICT INTEGER (b)", 2, (2, 4))]


def test_a_mere_cast_is_no_misfit(misfits):
    assert misfits(a="INTEGER", b="REAL") == []


def test_an_expression_that_fails_for_a_row_names_the_row(misfits):
    ((rule, count, sample),) = misfits(g="TEXT AS (json_extract(b, '$.x')) STORED")
    assert (rule, count, sample) == ("GENERATED (g): malformed JSON", 1, (2,))


def test_nothing_is_written(misfits, db):
    before = db.path.read_bytes()
    misfits(a="TEXT NOT NULL")
    assert db.path.read_bytes() == before


def test_keys_of_several_columns_are_shown_whole(db):
    db.apply({"P": {"a": "INT", "b": "INT", "c": "INT", "_primary_key": ["a", "b"]}})
    db.run("INSERT INTO P VALUES (1, 2, NULL)")
    with pytest.raises(errors.DataDoesNotFit) as refused:
        db.apply({"P": {"a": "INT", "b": "INT", "c": "INT NOT NULL", "_primary_key": ["a", "b"]}})
    assert refused.value.misfits == [errors.Misfit(table="P", rule="NOT NULL (c)", count=1, sample=((1, 2),))]
