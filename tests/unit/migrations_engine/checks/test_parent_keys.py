"""Foreign keys and the keys of their parents: SQLite's rule, and what a change may do to them."""

from __future__ import annotations

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.checks.parent_keys import mismatches
from migrations_engine.errors import SchemaError

KEYED = {"p": {"id": "INTEGER PRIMARY KEY", "x": "INT UNIQUE"}, "c": {"x": "INT REFERENCES p(x)"}}
LOOSE = {**KEYED, "p": {"id": "INTEGER PRIMARY KEY", "x": "INT"}}

TWO = {"a": "INT", "b": "TEXT COLLATE NOCASE"}


def pair(columns, references, **parent):
    """A child of some columns and its parent."""
    key = {"columns": columns, "references": references}
    return {"p": {**TWO, **parent}, "c": {"a": "INT", "b": "TEXT", "_foreign_keys": [key]}}


def partial(where):
    return {"columns": ["a"], "unique": True, "where": where, "name": "i"}


@pytest.mark.parametrize(
    "document",
    [
        KEYED,
        LOOSE,
        pair(["a"], "p", a="INTEGER PRIMARY KEY"),
        pair(["a"], "P(A)", a="INTEGER PRIMARY KEY"),
        pair(["a"], "p", a="INT PRIMARY KEY", _options={"without_rowid": True}),
        pair(["a"], "p"),
        pair(["a"], "p", _primary_key=["a", "b"]),
        pair(["a", "b"], "p", a="INTEGER PRIMARY KEY"),
        pair(["a", "b"], "p(b, a)", _primary_key=["a", "b"]),
        pair(["a", "b"], "p(b, a)", _unique_constraints=[["a"], ["b"]]),
        pair(["a"], "p(a)", _unique_constraints=[["a", "b"]]),
        pair(["b"], "p(b)", _unique_constraints=[["b"]]),
        pair(["b"], "p(b)", _unique_constraints=[["b COLLATE nocase"]]),
        pair(["b"], "p(b)", _unique_constraints=[["b COLLATE BINARY"]]),
        pair(["b"], "p", _primary_key=["b COLLATE BINARY"]),
        pair(["a"], "p(a)", _indexes=[{"columns": ["a DESC"], "unique": True, "name": "i"}]),
        pair(["a"], "p(a)", _indexes=[{"columns": ["a"], "name": "i"}]),
        pair(["a"], "p(a)", _indexes=[partial("a > 0")]),
        pair(["a"], "p(a)", _indexes=[{"columns": ["+a"], "unique": True, "name": "i"}]),
    ],
)
def test_the_rule_is_the_one_of_sqlite(db, schema, document):
    db.apply(document)
    try:
        db.run("PRAGMA foreign_key_check")
        fits = True
    except apsw.SQLError:  # foreign key mismatch
        fits = False
    assert (not list(mismatches(schema(document)))) is fits


def test_a_change_that_takes_the_key_of_a_parent_away_is_refused(db):
    db.apply(KEYED)
    db.run("INSERT INTO p VALUES (1, 5)")
    before = db.picture()
    with pytest.raises(SchemaError, match=r"c\.x: \(x\) refers to p\(x\), .*: add UNIQUE \(x\) to p"):
        db.apply(LOOSE)
    assert db.picture() == before


@pytest.mark.parametrize(
    ("parent", "document", "said"),
    [
        (LOOSE["p"], LOOSE, "(x) refers to p(x), which is no key of it: add UNIQUE (x) to p"),
        (TWO, pair(["a"], "p"), "(a) refers to the PRIMARY KEY of p, which has none of one column"),
    ],
)
def test_a_new_reference_to_what_is_no_key_is_carried_and_named(db, schema, parent, document, said):
    db.apply({"p": parent})
    planned = str(engine.plan(schema(document), db.path))
    assert said in planned
    assert "(parent-key)" in planned
    assert db.apply(document).changed


def test_a_reference_that_comes_to_a_table_with_rows_is_carried_too(db):
    db.apply({**LOOSE, "c": {"x": "INT"}})
    db.run("INSERT INTO p VALUES (1, 5); INSERT INTO c VALUES (5), (6)")
    db.apply(LOOSE)
    assert db.run("SELECT x FROM c ORDER BY x") == [(5,), (6,)]


def test_what_did_not_match_before_is_carried_even_under_other_names(db):
    db.apply(LOOSE)
    renamed = {
        "q": {"id": "INTEGER PRIMARY KEY", "y": "INT", "_renamed_from": "p", "_renames": {"y": "x"}},
        "c": {"x": "INT REFERENCES q(y)", "more": "TEXT COLLATE NOCASE"},
    }
    assert db.apply(renamed).changed


def test_a_rollback_goes_back_to_what_did_not_match(db):
    db.apply(LOOSE)
    before = db.hash
    db.apply(KEYED)
    engine.rollback(db.path)
    assert db.hash == before
