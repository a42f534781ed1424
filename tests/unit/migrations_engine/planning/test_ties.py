"""Which tables' rows a change can part from their parents."""

import json

import pytest

from migrations_engine import loads
from migrations_engine.execution.compiling import compiled
from migrations_engine.planning.ties import at_risk

OLD = {
    "p": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"},
    "c": {"id": "INTEGER PRIMARY KEY", "p": "INT REFERENCES p(id)"},
    "other": {"a": "INT"},
}


@pytest.mark.parametrize(
    ("changes", "tables"),
    [
        ({"p": {**OLD["p"], "b": "INT"}}, []),
        ({"p": {**OLD["p"], "a": "TEXT NOT NULL DEFAULT ''"}}, ["p", "c"]),
        ({"c": {**OLD["c"], "other": "INT REFERENCES p(id) DEFAULT 1"}}, ["c"]),
        ({"p": {"id": "INTEGER PRIMARY KEY", "b": "TEXT", "_renames": {"b": "a"}}}, ["p", "c"]),
    ],
)
def test_rows_that_stay_with_their_keys_and_references_are_not_at_risk(changes, tables):
    old, new = loads(json.dumps(OLD)), loads(json.dumps({**OLD, **changes}))
    plan = compiled(old, new, strategy="rebuild" if "NOT NULL" in str(changes) else "auto")
    assert list(at_risk(plan).after) == tables
