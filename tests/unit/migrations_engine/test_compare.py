"""Two schemas compared: which steps there are, and which of them destroy data."""

from __future__ import annotations

import json

import pytest

import migrations_engine as engine
from migrations_engine.errors import SchemaError


def kinds(old, new):
    return [step.kind for step in engine.compare(schema(old), schema(new)).steps]


def schema(document):
    return engine.loads(json.dumps(document))


USERS = {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "age": "INTEGER"}}


def users(**columns):
    return {"Users": {"id": "INTEGER PRIMARY KEY", **columns}}


def test_equal_schemas_have_no_steps():
    assert engine.compare(schema(USERS), schema(USERS)).steps == ()


def test_order_of_columns_is_no_difference():
    assert kinds(USERS, users(age="INTEGER", name="TEXT")) == []


def test_spelling_of_an_expression_is_no_difference():
    old = {**USERS, "N": {"a": "INT CHECK (a > 0)"}}
    new = {**USERS, "N": {"a": "INT", "_checks": ["( a>0 )"]}}
    assert kinds(old, new) == []


def test_each_column_step_has_its_kind():
    assert kinds(USERS, users(name="TEXT NOT NULL", born="DATE")) == [
        "drop-column",
        "change-column",
        "add-column",
    ]


def test_a_changed_column_says_what_becomes_what():
    (step,) = engine.compare(schema(USERS), schema(users(name="VARCHAR(9) NOT NULL", age="INTEGER"))).steps
    assert step.text == "change column Users.name: type TEXT becomes VARCHAR(9), becomes NOT NULL"


def test_a_column_that_loses_its_not_null_may_be_null_again():
    (step,) = engine.compare(schema(users(name="TEXT NOT NULL")), schema(users(name="TEXT"))).steps
    assert step.text == "change column Users.name: may be NULL again"


def test_a_constraint_is_shown_as_it_is_written():
    new = {"Users": {**USERS["Users"], "_checks": ["age   >=0"]}}
    (step,) = engine.compare(schema(USERS), schema(new)).steps
    assert step.text == "add CHECK (age   >=0) to Users"


def test_the_same_constraint_twice_counts_twice():
    once = {"Users": {**USERS["Users"], "_checks": ["age > 0"]}}
    twice = {"Users": {**USERS["Users"], "_checks": ["age > 0", "age > 0"]}}
    assert kinds(once, twice) == ["add-constraint"]


def test_table_options_are_a_step():
    assert kinds(USERS, {"Users": {**USERS["Users"], "_options": {"strict": True}}}) == ["change-options"]


def test_tables_come_and_go():
    assert kinds(USERS, {"Notes": {"id": "INTEGER PRIMARY KEY"}}) == ["drop-table", "add-table"]


def test_objects_on_tables_come_and_go():
    def document(view, trigger, index):
        return {
            "Users": {**USERS["Users"], "_indexes": [index]},
            "_views": {"v": f"CREATE VIEW v AS SELECT {view} FROM Users"},
            "_triggers": {"t": f"CREATE TRIGGER t AFTER {trigger} ON Users BEGIN SELECT 1; END"},
        }

    assert kinds(document("id", "INSERT", "name"), document("name", "DELETE", "age")) == [
        "drop-trigger",
        "drop-view",
        "drop-index",
        "add-index",
        "add-view",
        "add-trigger",
    ]


def test_the_index_of_a_dropped_table_is_no_step_of_its_own():
    old = {"Users": {**USERS["Users"], "_indexes": ["name"]}, "T": {"a": "INT"}}
    assert kinds(old, {"T": {"a": "INT"}}) == ["drop-table"]


@pytest.mark.parametrize(
    ("before", "after", "destructive"),
    [
        ("TEXT", "INTEGER", True),
        ("TEXT", "VARCHAR(10)", False),
        ("INTEGER", "BIGINT", False),
        ("INTEGER", "NUMERIC", False),
        ("DECIMAL(9,2)", "INTEGER", False),
        ("INTEGER", "TEXT", True),
        ("TEXT", "BLOB", False),
        ("BLOB", "TEXT", True),
        ("", "REAL", True),
        ("TEXT", "STRING", True),
        ("TEXT", "TEXT GENERATED ALWAYS AS (name) VIRTUAL", True),
        ("TEXT GENERATED ALWAYS AS (name) VIRTUAL", "INTEGER", False),
    ],
)
def test_a_type_is_destructive_where_its_affinity_rewrites_values(before, after, destructive):
    old, new = users(name="TEXT", x=before), users(name="TEXT", x=after)
    assert engine.compare(schema(old), schema(new)).destructive is destructive


def test_any_keeps_values_only_in_a_strict_table():
    strict = {"T": {"a": "ANY", "_options": {"strict": True}}}
    loose = {"T": {"a": "ANY"}}
    assert engine.compare(schema(strict), schema(loose)).destructive
    assert not engine.compare(schema(loose), schema(strict)).destructive


def test_dropped_tables_and_columns_are_destructive():
    assert engine.compare(schema(USERS), schema({"T": {"a": "INT"}})).losses == ("table Users",)
    assert engine.compare(schema(USERS), schema(users(name="TEXT"))).losses == ("column Users.age",)


def test_views_triggers_and_indexes_are_not_destructive():
    old = {
        "Users": {**USERS["Users"], "_indexes": ["name"]},
        "_views": {"v": "CREATE VIEW v AS SELECT 1"},
        "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON Users BEGIN SELECT 1; END"},
    }
    change = engine.compare(schema(old), schema(USERS))
    assert len(change.steps) == 3
    assert not change.destructive


# --- hints ------------------------------------------------------------------------------------------


def test_a_renamed_column_is_one_step_and_destroys_nothing():
    new = users(full_name="TEXT", age="INTEGER", _renames={"full_name": "name"})
    change = engine.compare(schema(USERS), schema(new))
    assert [step.text for step in change.steps] == ["rename column Users.name to full_name"]
    assert not change.destructive


def test_a_rename_goes_through_keys_checks_and_indexes():
    old = {
        "Users": {
            **USERS["Users"],
            "_checks": ["length(name) > 1"],
            "_unique_constraints": [["name"]],
            "_indexes": [{"columns": ["lower(name)"], "name": "i"}],
        }
    }
    new = {
        "Users": {
            "id": "INTEGER PRIMARY KEY",
            "n": "TEXT",
            "age": "INTEGER",
            "_checks": ["length(n) > 1"],
            "_unique_constraints": [["n"]],
            "_indexes": [{"columns": ["lower(n)"], "name": "i"}],
            "_renames": {"n": "name"},
        }
    }
    assert kinds(old, new) == ["rename-column"]


def test_children_follow_a_renamed_parent():
    old = {**USERS, "C": {"u": "INTEGER REFERENCES Users(id)"}}
    new = {
        "People": {**USERS["Users"], "_renamed_from": "Users"},
        "C": {"u": "INTEGER REFERENCES People(id)"},
    }
    assert kinds(old, new) == ["rename-table"]


def test_a_name_in_another_spelling_is_renamed():
    assert kinds(USERS, {"users": USERS["Users"]}) == ["rename-table"]
    assert kinds(USERS, users(Name="TEXT", age="INTEGER")) == ["rename-column"]


def test_a_spent_hint_does_nothing():
    new = {"People": {**USERS["Users"], "_renamed_from": "Users", "_renames": {"age": "years"}}}
    done = {"People": USERS["Users"]}
    assert kinds(done, new) == []


def test_a_hint_whose_old_name_is_in_the_target_does_nothing():
    new = {**USERS, "People": {**USERS["Users"], "_renamed_from": "Users"}}
    assert kinds(USERS, new) == ["add-table"]


def test_a_renamed_table_takes_the_name_of_a_dropped_one():
    old = {**USERS, "Old": {"a": "INT"}}
    new = {"Old": {**USERS["Users"], "_renamed_from": "Users"}}
    change = engine.compare(schema(old), schema(new))
    assert [step.kind for step in change.steps] == ["drop-table", "rename-table"]


def test_names_passed_on_in_a_chain_are_one_transformation():
    old = {"A": {"a": "INT"}, "B": {"b": "INT"}}
    new = {"B": {"a": "INT", "_renamed_from": "A"}, "C": {"b": "INT", "_renamed_from": "B"}}
    assert kinds(old, new) == ["rename-table", "rename-table"]


SWAPPED = {"A": {"b": "INT", "_renamed_from": "B"}, "B": {"a": "TEXT", "_renamed_from": "A"}}


def test_swapped_tables_of_different_definitions_swap_once():
    assert kinds({"A": {"a": "TEXT"}, "B": {"b": "INT"}}, SWAPPED) == ["rename-table", "rename-table"]
    assert kinds({"A": {"b": "INT"}, "B": {"a": "TEXT"}}, SWAPPED) == []


def test_swapped_columns_of_different_definitions_swap_once():
    new = {"T": {"a": "INT", "b": "TEXT", "_renames": {"a": "b", "b": "a"}}}
    assert kinds({"T": {"a": "TEXT", "b": "INT"}}, new) == ["rename-column", "rename-column"]
    assert kinds({"T": {"a": "INT", "b": "TEXT"}}, new) == []


def test_a_swap_of_equal_definitions_is_refused():
    old = {"T": {"a": "TEXT", "b": "TEXT"}}
    new = {"T": {"a": "TEXT", "b": "TEXT", "_renames": {"a": "b", "b": "a"}, "_checks": ["a > b"]}}
    with pytest.raises(SchemaError, match="third name"):
        engine.compare(schema(old), schema(new))


def test_two_tables_that_claim_one_old_name_are_refused():
    new = {"A": {**USERS["Users"], "_renamed_from": "Users"}, "B": {"x": "INT", "_renamed_from": "Users"}}
    with pytest.raises(SchemaError, match="both"):
        engine.compare(schema(USERS), schema(new))


def fills(old, new):
    return {
        s.subject: s.fill for s in engine.compare(schema(old), schema(new)).steps if getattr(s, "fill", None)
    }


def test_a_fill_acts_on_a_new_and_on_a_changed_column():
    new = users(
        name="TEXT NOT NULL", age="INTEGER", b="INT", _fill={"name": "coalesce(name, '')", "b": "age"}
    )
    assert fills(USERS, new) == {"Users.name": "coalesce(name, '')", "Users.b": "age"}


def test_a_fill_is_spent_where_the_column_does_not_change():
    new = users(name="TEXT", age="INTEGER", _fill={"name": "'lost'"})
    assert fills(USERS, new) == {}


def test_a_fill_acts_where_a_new_rule_is_about_its_column():
    new = users(
        name="TEXT", age="INTEGER", _checks=["age >= 0"], _fill={"age": "max(age, 0)", "name": "'lost'"}
    )
    assert fills(USERS, new) == {"Users.age": "max(age, 0)"}
