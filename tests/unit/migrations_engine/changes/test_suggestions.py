"""A drop and an add that look like a rename: what is said of them, and that the hint it names acts."""

from __future__ import annotations

import pytest

import migrations_engine as engine

USERS = {"id": "INTEGER PRIMARY KEY", "mail": "TEXT NOT NULL UNIQUE", "age": "INTEGER", "born": "TEXT"}


def users(*gone, **come):
    return {**{name: text for name, text in USERS.items() if name not in gone}, **come}


def suggested(schema, old, new):
    return [(s.old, s.new, s.hint) for s in engine.compare(schema(old), schema(new)).suggestions]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (users("mail", email="TEXT NOT NULL UNIQUE"), {"email": "mail"}),
        (users("mail", address="TEXT NOT NULL UNIQUE"), {"address": "mail"}),
        (users("mail", e_mail="TEXT"), {"e_mail": "mail"}),
        (
            users("mail", "age", years="INTEGER", email="TEXT NOT NULL UNIQUE"),
            {"email": "mail", "years": "age"},
        ),
        (users("mail", mails="BLOB"), {}),
        (users("age", width="INTEGER", height="INTEGER"), {}),
        (users("born", note="TEXT DEFAULT 'x'"), {}),
        (users("mail", email="TEXT", _fill={"email": "mail"}), {}),
        (users("mail", email="TEXT NOT NULL UNIQUE", _renames={"email": "mail"}), {}),
        (users("mail"), {}),
    ],
)
def test_columns_that_look_like_one_are_suggested(schema, new, expected):
    found = suggested(schema, {"Users": USERS}, {"Users": new})
    assert {after: before for _, _, hint in found for after, before in hint["_renames"].items()} == expected


def test_tables_that_share_most_columns_are_suggested_each_once(schema):
    old = {"Users": USERS, "Logs": {"id": "INTEGER PRIMARY KEY", "line": "TEXT"}}
    new = {"People": USERS, "Members": users("born"), "Notes": {"id": "INTEGER PRIMARY KEY", "text": "BLOB"}}
    assert suggested(schema, old, new) == [("Users", "People", {"_renamed_from": "Users"})]


def test_a_suggestion_says_the_hint_and_the_hint_makes_it_a_rename(schema):
    old, new = {"Users": USERS}, {"Users": users("mail", email="TEXT NOT NULL UNIQUE")}
    (found,) = engine.compare(schema(old), schema(new)).suggestions
    assert found.text == (
        "Users.mail goes and Users.email comes; if that is a rename, write "
        '"_renames": {"email": "mail"} in Users'
    )
    hinted = engine.compare(schema(old), schema({"Users": {**new["Users"], **found.hint}}))
    assert [step.text for step in hinted.steps] == ["rename column Users.mail to email"]
    assert (hinted.suggestions, hinted.destructive) == ((), False)


def test_tables_that_swap_their_names_and_differ_are_read_by_their_hints(schema):
    a, b = {"id": "INTEGER PRIMARY KEY", "x": "TEXT"}, {"id": "INTEGER PRIMARY KEY", "y": "REAL", "z": "BLOB"}
    swapped = {"a": {**b, "_renamed_from": "b"}, "b": {**a, "_renamed_from": "a"}}
    change = engine.compare(schema({"a": a, "b": b}), schema(swapped))
    assert [step.kind for step in change.steps] == ["rename-table", "rename-table"]
    assert engine.compare(schema(swapped), schema(swapped)).steps == ()


@pytest.mark.parametrize(
    ("a", "b", "new_a", "new_b", "steps"),
    [
        ("TEXT", "INTEGER", "INTEGER NOT NULL DEFAULT 0", "TEXT NOT NULL DEFAULT ''", 4),
        ("TEXT", "INTEGER", "TEXT COLLATE NOCASE", "INTEGER DEFAULT 0", 2),
    ],
)
def test_columns_that_swap_their_names_and_change_are_read_by_what_they_share(
    schema, a, b, new_a, new_b, steps
):
    old = {"t": {"id": "INTEGER PRIMARY KEY", "a": a, "b": b}}
    new = {"t": {"id": "INTEGER PRIMARY KEY", "a": new_a, "b": new_b, "_renames": {"a": "b", "b": "a"}}}
    assert len(engine.compare(schema(old), schema(new)).steps) == steps


def test_a_swap_that_nothing_tells_from_one_that_was_made_is_refused(schema):
    old = {"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT NOT NULL", "b": "INTEGER"}}
    definitions = {"a": "INTEGER NOT NULL", "b": "TEXT", "_renames": {"a": "b", "b": "a"}}
    with pytest.raises(engine.SchemaError, match="a and b change as they swap their names") as refused:
        engine.compare(schema(old), schema({"t": {"id": "INTEGER PRIMARY KEY", **definitions}}))
    assert (refused.value.faults[0].table, refused.value.faults[0].column) == ("t", "a")
