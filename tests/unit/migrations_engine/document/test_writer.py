import json

import pytest

from migrations_engine import loads


def written(table):
    return json.loads(loads(json.dumps({"t": table})).to_json())["t"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"a": "int", "_primary_key": "a", "_checks": ["a > 1"], "_indexes": [{"columns": ["a"]}]},
            {"a": "int PRIMARY KEY", "_checks": ["a > 1"], "_indexes": ["a"]},
        ),
        (
            {"a": "TEXT CHECK(a>'')not null", "_unique_constraints": [["a"]]},
            {"a": "TEXT NOT NULL UNIQUE CHECK (a>'')"},
        ),
        (
            {
                "a": "INT",
                "_foreign_keys": [{"columns": ["a"], "references": "p(x)", "on_delete": "set null"}],
            },
            {"a": "INT REFERENCES p(x) ON DELETE SET NULL"},
        ),
        (
            {"a": "INT", "b": "INT", "_unique_constraints": [{"columns": ["b", "a"], "on_conflict": "fail"}]},
            {"a": "INT", "b": "INT", "_unique_constraints": [{"columns": ["b", "a"], "on_conflict": "FAIL"}]},
        ),
        (
            {"a": "INT", "_indexes": [{"columns": "a", "unique": True, "where": "a > 1", "name": "x"}]},
            {"a": "INT", "_indexes": [{"columns": "a", "unique": True, "where": "a > 1", "name": "x"}]},
        ),
        (
            {"id": "INTEGER PRIMARY KEY DESC", "b": "AS (id) STORED"},
            {"id": "INTEGER PRIMARY KEY DESC", "b": "GENERATED ALWAYS AS (id) STORED"},
        ),
    ],
)
def test_short_forms_are_used_where_they_suffice(table, expected):
    assert written(table) == expected


def test_order_is_kept_also_around_names_with_underscores():
    columns = {"b": "INT", "_columns": {"_z": "INT", "c": "INT", "_a": "INT"}, "a": "INT"}
    document = {"two": columns, "_tables": {"_one": {"a": "INT"}}, "three": {"a": "INT"}}
    schema = loads(json.dumps(document))
    assert [column.name for column in schema.tables[0].columns] == ["b", "_z", "c", "_a", "a"]
    assert json.loads(schema.to_json()) == document


def test_comments_and_hints_are_kept():
    table = {
        "a": "INT",
        "_comment": "all about t",
        "_comments": {"a": "all about a"},
        "_renames": {"a": "b"},
        "_fill": {"a": "b"},
    }
    assert written(table) == table


def test_the_document_is_readable():
    text = loads('{"t": {"id": "INTEGER PRIMARY KEY", "é": "TEXT", "_indexes": [["é", "id"]]}}').to_json()
    assert text == (
        '{\n  "t": {\n    "id": "INTEGER PRIMARY KEY",\n    "é": "TEXT",\n'
        '    "_indexes": [["é", "id"]]\n  }\n}\n'
    )


def test_long_lists_are_broken_into_lines():
    columns = {f"a_rather_long_name_{n}": "INT" for n in range(8)}
    text = loads(json.dumps({"t": {**columns, "_indexes": [list(columns)]}})).to_json()
    assert max(len(line) for line in text.splitlines()) < 120
