"""A rehearsal says of every row what the change itself says: parents, fills and expressions that fail."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import closing
from pathlib import Path

import apsw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import migrations_engine as engine

MANY = settings(
    max_examples=400 if os.environ.get("TENANTDB_CAMPAIGN") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

KEYS = ("INTEGER", "TEXT", "TEXT COLLATE NOCASE", "REAL", "")
VALUES = st.sampled_from([None, 1, 2, 1.0, "1", "01", "x", "X", b"x", "{", '{"a": 1}', '{"a": "x"}'])
FILLS = ("json_extract(v, '$.a')", "coalesce(v, 'x')", "NULL", "upper(v)", "abs(v)")
CHECKS = ("json_valid(v)", "json_extract(v, '$.a') > 0", "C.v <> 'x'", "v IN ('x', 1, p)", "computed > ''")
INDEXES = (
    {"columns": ["json_extract(v, '$.a')"], "name": "i"},
    {"columns": ["json_extract(v, '$.a')"], "name": "i", "unique": True},
    {"columns": ["v"], "where": "json_extract(v, '$.a') = 1", "name": "i", "unique": True},
    {"columns": ["v"], "name": "i", "unique": True},
)
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=5)


@st.composite
def changes(draw):
    """A table of parents and one of children, with whatever rules, as they are and as they are to be."""
    old = {
        "P": {"k": draw(st.sampled_from(KEYS)), "v": ""},
        "C": {"p": draw(st.sampled_from(KEYS)), "v": "", "w": ""},
    }
    new = {name: dict(table) for name, table in old.items()}
    if draw(st.booleans()):
        old["C"]["p"] += " REFERENCES P(k)"
        old["P"]["_indexes"] = [{"columns": ["k"], "unique": True, "name": "k"}]
    if draw(st.integers(0, 3)):
        new["C"]["p"] = f"{draw(st.sampled_from(KEYS))} REFERENCES P(k)"
        new["P"]["k"] = f"{draw(st.sampled_from(KEYS))} UNIQUE"
    if draw(st.integers(0, 3)) == 0:
        del new["P"]
    if draw(st.booleans()):
        new["C"]["n"] = draw(
            st.sampled_from(["TEXT NOT NULL", "INT", "INT CHECK (n <> 1)", "INTEGER PRIMARY KEY"])
        )
        if draw(st.booleans()):
            new["C"]["_fill"] = {"n": draw(st.sampled_from(FILLS))}
    if draw(st.booleans()):
        new["C"]["computed"] = "TEXT AS (json_extract(v, '$.a')) " + draw(
            st.sampled_from(["STORED", "VIRTUAL"])
        )
    checks = [check for check in CHECKS if "computed" not in check or "computed" in new["C"]]
    if draw(st.booleans()):
        new["C"]["_checks"] = draw(st.lists(st.sampled_from(checks), min_size=1, max_size=2, unique=True))
    if draw(st.integers(0, 2)) == 0:
        new["C"]["_indexes"] = [draw(st.sampled_from(INDEXES))]
    if draw(st.integers(0, 2)) == 0:
        new["C"]["w"] = "TEXT NOT NULL"
    return old, new


def loaded(document):
    return engine.loads(json.dumps(document))


@given(change=changes(), parents=ROWS, children=ROWS, strategy=st.sampled_from(["auto", "rebuild"]))
@MANY
def test_a_rehearsal_and_the_change_name_the_same_rows(change, parents, children, strategy):
    old, new = (loaded(document) for document in change)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.db"
        engine.apply(old, path)
        with closing(apsw.Connection(str(path))) as conn:
            for k, v, _ in parents:
                conn.execute("INSERT OR IGNORE INTO P(k, v) VALUES (?, ?)", (k, v))
            for row in children:
                conn.execute("INSERT INTO C(p, v, w) VALUES (?, ?, ?)", row)
        before = path.read_bytes()
        found, refused = outcome(lambda: engine.rehearse(new, path, strategy=strategy, limit=5))
        assert path.read_bytes() == before
        _, said = outcome(lambda: engine.apply(new, path, strategy=strategy, allow_destructive=True))
        if not isinstance(said, engine.DataDoesNotFit):
            assert type(refused) is type(said)
            assert said is not None or found.fits
            return
        assert found is not None, refused
        assert [(m.table, m.rule, m.count, m.sample) for m in said.misfits] == [
            (m.table, m.rule, m.count, tuple(row.key for row in m.rows)) for m in found.misfits
        ]


def outcome(call):
    """What a call gives, or the error of the engine that it ends in."""
    try:
        return call(), None
    except engine.MigrationError as error:
        return None, error
