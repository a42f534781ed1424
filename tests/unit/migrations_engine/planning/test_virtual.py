"""Which virtual tables a plan touches, by their own definition or by what they read."""

from __future__ import annotations

import pytest

import migrations_engine as engine
from migrations_engine.execution.compiling import compiled

DOCS = {"id": "INTEGER PRIMARY KEY", "title": "TEXT", "body": "TEXT"}
INDEX = "fts5(title, content='docs', content_rowid='id')"


def document(docs=DOCS, index=INDEX, **more):
    return {"docs": docs, "_virtual_tables": {"f": f"CREATE VIRTUAL TABLE f USING {index}"}, **more}


def ways(schema, old, new, **options):
    return [(a.way, a.name) for a in compiled(schema(old), schema(new), **options).virtual]


@pytest.mark.parametrize(
    ("docs", "expected"),
    [
        ({**DOCS, "body": "INTEGER"}, []),
        ({**DOCS, "note": "TEXT"}, []),
        ({**DOCS, "title": "BLOB"}, []),
        ({**DOCS, "title": "TEXT NOT NULL"}, []),
        ({**DOCS, "title": "INTEGER"}, [("reindex", "f")]),
        ({**DOCS, "title": "TEXT NOT NULL", "_fill": {"title": "'x'"}}, [("reindex", "f")]),
        (
            {"id": "INTEGER PRIMARY KEY", "title": "TEXT", "x": "TEXT", "_renames": {"title": "body"}},
            [("reindex", "f")],
        ),
        ({**DOCS, "id": "TEXT PRIMARY KEY"}, [("reindex", "f")]),
    ],
)
@pytest.mark.parametrize("key", ["id", "rowid"])
def test_an_index_is_made_again_where_its_table_gets_other_values_or_rowids(schema, docs, expected, key):
    index = INDEX.replace("'id'", f"'{key}'")
    if docs["id"] == "TEXT PRIMARY KEY" and key == "rowid":
        expected = []  # the column's values were the rowids, and these are carried
    assert ways(schema, document(index=index), document(docs, index)) == expected


def test_an_index_of_a_table_that_takes_another_ones_name_is_made_again(schema):
    old = document(other={**DOCS, "extra": "TEXT"})
    assert ways(schema, old, document({**DOCS, "extra": "TEXT", "_renamed_from": "other"})) == [
        ("reindex", "f")
    ]


def test_new_indexes_are_filled_where_there_may_be_rows(schema):
    made = compiled(schema({"docs": DOCS}), schema(document())).virtual[0]
    assert (made.way, made.filling.source) == ("create", "index")
    empty = compiled(engine.Schema(), schema(document())).virtual[0]
    assert (empty.way, empty.filling.source) == ("create", "nothing")


def test_what_takes_over_the_content_of_a_view_is_refused_by_name(schema):
    view = {"_views": {"v": "CREATE VIEW v AS SELECT id, title FROM docs"}}
    with pytest.raises(engine.Unsupported, match="v is no table") as refusal:
        compiled(
            schema(document(index="fts5(title, content='v')", **view)),
            schema(document(index="fts5(title)", **view)),
        )
    assert refusal.value.object_name == "f"
