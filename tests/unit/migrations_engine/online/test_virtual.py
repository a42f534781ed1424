"""Which virtual tables are followed through a change, which made again, which have no way but in place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migrations_engine import loads
from migrations_engine.errors import Unsupported
from migrations_engine.online.mapping import between
from migrations_engine.online.virtual import fates, feeds

POSTS = {"id": "INTEGER PRIMARY KEY", "title": "TEXT", "body": "TEXT"}
INDEX = "CREATE VIRTUAL TABLE v USING fts5(title, content='posts', content_rowid='id')"
WHOLE = "CREATE VIRTUAL TABLE v USING fts4(content='posts')"
OF_VIEW = "CREATE VIRTUAL TABLE v USING fts5(title, content='shown', content_rowid='id')"
OWN = "CREATE VIRTUAL TABLE v USING fts5(title)"
SHOWN = "CREATE VIEW shown AS SELECT id, title FROM posts"


def fate(
    old: dict[str, Any], new: dict[str, Any], *, was: str | None, now: str | None, view: str = SHOWN
) -> str:
    """What becomes of v where posts change: followed, refilled, or neither."""
    before, after = (
        loads(
            json.dumps(
                {
                    "posts": {**table, "_options": {"strict": False}},
                    "_views": {"shown": shown},
                    "_virtual_tables": {"v": sql} if sql else {},
                }
            )
        )
        for table, sql, shown in ((old, was, SHOWN), (new, now, view))
    )
    found = fates(before, after, between(before, after))
    return "followed" if found.followed else "refilled" if found.refilled else "neither"


WIDER = POSTS | {"stars": "INTEGER NOT NULL DEFAULT 1"}
FILLED = POSTS | {"title": "TEXT NOT NULL", "_fill": {"title": "upper(title)"}}
RETYPED = POSTS | {"body": "INTEGER"}
RENAMED = {"id": "INTEGER PRIMARY KEY", "heading": "TEXT", "title": "TEXT", "_renames": {"title": "body"}}
ANOTHER_KEY = POSTS | {"id": "INT PRIMARY KEY"}


@pytest.mark.parametrize(
    ("index", "new", "expected"),
    [
        (INDEX, POSTS, "followed"),
        (INDEX, WIDER, "followed"),
        (INDEX, FILLED, "refilled"),
        (INDEX, RETYPED, "followed"),
        (INDEX, RENAMED, "refilled"),
        (INDEX, ANOTHER_KEY, "refilled"),
        (WHOLE, RETYPED, "refilled"),
        (OF_VIEW, WIDER, "refilled"),
        (OF_VIEW, POSTS, "followed"),
        (OWN, FILLED, "followed"),
    ],
)
def test_an_index_stays_where_the_values_that_it_reads_stay(
    index: str, new: dict[str, Any], expected: str
) -> None:
    assert fate(POSTS, new, was=index, now=index) == expected


def test_an_index_of_a_view_that_changes_is_made_again() -> None:
    other = "CREATE VIEW shown AS SELECT id, body AS title FROM posts"
    assert fate(POSTS, POSTS, was=OF_VIEW, now=OF_VIEW, view=other) == "refilled"


def test_one_that_comes_or_goes_needs_nothing_but_an_index_its_rows() -> None:
    assert fate(POSTS, POSTS, was=None, now=OWN) == "neither"
    assert fate(POSTS, POSTS, was=OWN, now=None) == "neither"
    assert fate(POSTS, POSTS, was=None, now=INDEX) == "refilled"
    assert fate(POSTS, POSTS, was=INDEX, now=INDEX.replace("title", "title, body")) == "refilled"


def test_rows_of_its_own_have_no_way_into_another_form() -> None:
    with pytest.raises(Unsupported, match="virtual table v changes its form"):
        fate(POSTS, POSTS, was=OWN, now="CREATE VIRTUAL TABLE v USING fts5(title, tokenize='porter')")


def test_an_index_is_fed_by_its_table_or_by_any_where_it_is_of_a_view() -> None:
    document = {"posts": POSTS, "notes": {"a": "TEXT"}, "_virtual_tables": {"v": INDEX, "w": OF_VIEW}}
    document["_virtual_tables"]["w"] = OF_VIEW.replace("v USING", "w USING")
    schema = loads(json.dumps(document | {"_views": {"shown": SHOWN}}))
    mappings = between(schema, schema)
    assert [feeds(table, mappings) for table in schema.virtual_tables] == [("posts",), ()]
