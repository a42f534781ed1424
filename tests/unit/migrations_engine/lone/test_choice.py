"""Which way a lone file is changed, by what it would keep writers waiting for, and by the room there is."""

from __future__ import annotations

import apsw
import pytest

import migrations_engine as engine
from migrations_engine import errors
from migrations_engine.planning import space

PLAIN = {"T": {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "n": "INTEGER"}}
INDEXED = {"T": {**PLAIN["T"], "_indexes": ["name"]}}
STRICTER = {"T": {**PLAIN["T"], "_unique_constraints": [["name"]]}}
LONGER = {"T": {**PLAIN["T"], "extra": "TEXT"}}


@pytest.fixture
def big(db):
    """A file in which copying and indexing take longer than the budget; 50,000 rows."""
    db.apply(PLAIN)
    db.run(
        "WITH RECURSIVE c(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM c LIMIT 50000) "
        "INSERT INTO T(name, n) SELECT printf('name %060d', v), v FROM c"
    )
    return db


@pytest.mark.parametrize(
    ("document", "wish", "way"),
    [
        (INDEXED, "auto", ("rebuild", True)),
        (INDEXED, "in-place", ("in-place", False)),
        (STRICTER, "auto", ("rebuild", True)),
        (LONGER, "auto", ("in-place", False)),
        (LONGER, "rebuild", ("rebuild", True)),
    ],
)
def test_what_would_take_long_goes_online(big, schema, document, wish, way):
    plan = engine.plan(schema(document), big.path, strategy=wish)
    assert (plan.strategy, plan.online) == way
    assert (plan.pause < 0.05) == (document is not INDEXED or wish == "auto")


def test_an_index_is_made_on_a_table_that_is_rebuilt_for_it(big):
    result = big.apply(INDEXED, max_pause=10.0)
    assert result.changed
    big.apply(PLAIN, max_pause=10.0)
    result = big.apply(INDEXED)
    assert (result.strategy, result.rows) == ("rebuild", 50_000)
    assert result.verified == 50_000
    assert result.verify_seconds > 0
    assert big.run("PRAGMA integrity_check") == [("ok",)]


def test_a_pause_that_no_strategy_keeps_is_refused_before_anything_changes(big):
    before = big.picture()
    with pytest.raises(errors.PauseTooLong):
        big.apply(STRICTER, max_pause=0.001)
    assert big.picture() == before
    assert big.run("SELECT name FROM sqlite_schema WHERE name LIKE '%tenantdb%'") == []


def test_too_little_room_is_found_before_anything_is_touched(big, monkeypatch):
    before = big.picture()
    monkeypatch.setattr(space, "SPARE_BYTES", 10**15)
    with pytest.raises(errors.NoSpace, match="MB on its disk") as caught:
        big.apply(STRICTER)
    assert caught.value.needed > caught.value.available > 0
    assert big.picture() == before


def test_a_file_that_may_not_grow_is_refused(big, schema, monkeypatch):
    opened = apsw.Connection

    def limited(*args, **options):
        conn = opened(*args, **options)
        pages = conn.execute("PRAGMA page_count").fetchone()[0]
        conn.execute(f"PRAGMA max_page_count = {max(pages, 100)}").fetchall()
        return conn

    monkeypatch.setattr("migrations_engine.sqlite.apsw.Connection", limited)
    with pytest.raises(errors.NoSpace, match="in the file itself"):
        engine.apply(schema(STRICTER), big.path)
