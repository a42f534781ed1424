"""Concerns about a change: each has its rule, its object and the leave for it."""

from __future__ import annotations

import pytest

import migrations_engine as engine
from migrations_engine.planning.leave import Leave
from migrations_engine.planning.rules import RULES

KEY = {"id": "INTEGER PRIMARY KEY"}
PARENT = {"P": {**KEY, "n": "INT"}}
UNIQUE = {"columns": ["a"], "unique": True, "name": "ua"}


def t(**entries):
    return {**PARENT, "T": {**KEY, **entries}}


@pytest.fixture
def ask(db, schema):
    """Says which concerns a change raises, as (leave, whether it refuses)."""

    def concerns(old, new):
        db.apply(old)
        found = engine.plan(schema(new), db.path).concerns
        assert all(Leave.read(c.allow).covers(c.rule, c.names) for c in found)
        assert all(c.rule in RULES and (RULES[c.rule].refuses or not c.refuses) for c in found)
        return [(c.allow, c.refuses) for c in found]

    return concerns


CASES = [
    (t(a="INT"), PARENT, [("drop-table:T", True), ("breaks-old-code:T", False)]),
    (t(a="INT"), t(), [("drop-column:T.a", True), ("breaks-old-code:T.a", False)]),
    (t(a="TEXT"), t(a="INT"), [("narrow-type:T.a", True)]),
    (
        t(a="TEXT", _options={"strict": True}),
        t(a="BLOB", _options={"strict": True}),
        [("narrow-type:T.a", False)],
    ),
    (
        t(a="INT"),
        t(a="INT NOT NULL"),
        [("new-not-null:T.a", False), ("breaks-old-code:T.a", False)],
    ),
    (t(a="INT"), t(a="INT NOT NULL DEFAULT 1"), [("new-not-null:T.a", False)]),
    (t(a="INT"), t(a="INT NOT NULL DEFAULT 1", _fill={"a": "coalesce(a, 1)"}), []),
    (t(), t(a="INT NOT NULL"), [("new-not-null:T.a", False), ("breaks-old-code:T.a", False)]),
    (t(), t(a="INT NOT NULL", _fill={"a": "id"}), [("breaks-old-code:T.a", False)]),
    (t(), t(a="INT NOT NULL DEFAULT 0", b="INT"), []),
    (t(a="INT"), t(a="INT UNIQUE"), [("new-unique:T.a", False)]),
    (
        t(a="INT"),
        t(a="INT", _unique_constraints=[{"columns": ["a"], "name": "u"}]),
        [("new-unique:T.u", False)],
    ),
    (t(a="INT"), t(a="INT", _indexes=[UNIQUE]), [("new-unique:T.ua", False)]),
    (t(a="INT"), t(a="INT", _indexes=["a"]), []),
    (t(a="INT"), t(a="INT CHECK (a > 0)"), [("new-check:T.a", False)]),
    (t(a="INT"), t(a="INT", _checks=["a > id"]), [("new-check:T", False)]),
    (t(a="INT"), t(a="INT REFERENCES P(id)"), [("new-foreign-key:T.a", False)]),
    (t(a="INT UNIQUE"), t(a="INT"), [("dropped-unique:T.a", False)]),
    (t(a="INT", _indexes=[UNIQUE]), t(a="INT", _indexes=["a"]), [("dropped-unique:T.ua", False)]),
    (t(a="INT UNIQUE"), t(a="INT", _indexes=[UNIQUE]), [("new-unique:T.ua", False)]),
    (t(a="INT"), {**t(a="INT"), "N": {"x": "INT REFERENCES Gone(id)"}}, [("missing-parent:N", False)]),
    (
        t(a="INT"),
        {**t(a="INT"), "_views": {"v": "CREATE VIEW v AS SELECT * FROM T"}},
        [("positional:v", False)],
    ),
    (t(a="INT"), t(b="INT", _renames={"b": "a"}), [("breaks-old-code:T.a", False)]),
    (t(a="INT"), {**PARENT, "U": {**KEY, "a": "INT", "_renamed_from": "T"}}, [("breaks-old-code:T", False)]),
    (t(a="INT"), t(a="INT AS (id + 1)"), [("narrow-type:T.a", True), ("breaks-old-code:T.a", False)]),
    ({}, t(a="INT NOT NULL UNIQUE REFERENCES P(id)"), []),
    (PARENT, t(a="INT NOT NULL UNIQUE CHECK (a > 0) REFERENCES P(id)", _indexes=[UNIQUE]), []),
]


@pytest.mark.parametrize(("old", "new", "wanted"), CASES)
def test_a_change_raises_what_it_should_and_no_more(ask, old, new, wanted):
    assert ask(old, new) == wanted


def test_what_a_document_had_before_is_no_news(ask):
    old = {"T": {"x": "INT REFERENCES Gone(id)"}, "_views": {"v": "CREATE VIEW v AS SELECT * FROM T"}}
    assert ask(old, {**old, "N": {"a": "INT"}}) == []


def test_a_concern_that_refuses_comes_first_and_says_what_is_lost(db, schema):
    db.apply(t(a="INT", b="INT"))
    found = engine.plan(schema(t(b="INT NOT NULL")), db.path).concerns
    assert [c.refuses for c in found] == [True, False, False, False]
    assert str(found[0]) == "T.a: column T.a would be lost (drop-column)"


def test_every_rule_that_a_change_can_break_has_a_case():
    shown = {leave.partition(":")[0] for _, _, wanted in CASES for leave, _ in wanted}
    assert set(RULES) - shown == {"drop-virtual-table", "change-virtual-table", "parent-key"}
