"""Posts that are indexed in every kind of virtual table: how they are written, and what is found in each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import apsw

import migrations_engine as engine
from tests import fleet

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Connection

_FED = "INSERT INTO ext (rowid, title) VALUES (NEW.id, NEW.title);"
_TAKEN = "INSERT INTO ext (ext, rowid, title) VALUES ('delete', OLD.id, OLD.title);"


def schema(**columns: object) -> engine.Schema:
    """The usual tables, posts with these columns (and hints) beside their key, and the virtual tables."""
    document = json.loads(fleet.OLD.to_json())
    document["posts"] = {"id": "INTEGER PRIMARY KEY", **columns}
    document["_virtual_tables"] = {
        "own": "CREATE VIRTUAL TABLE own USING fts5(title, note UNINDEXED)",
        "ext": "CREATE VIRTUAL TABLE ext USING fts5(title, content='posts', content_rowid='id')",
        "bare": "CREATE VIRTUAL TABLE bare USING fts5(title, content='', contentless_delete=1)",
        "four": "CREATE VIRTUAL TABLE four USING fts4(title)",
        "spots": "CREATE VIRTUAL TABLE spots USING rtree(id, x0, x1, +title)",
    }
    document["_triggers"] |= {
        "post_i": f"CREATE TRIGGER post_i AFTER INSERT ON posts BEGIN {_FED} END",
        "post_d": f"CREATE TRIGGER post_d AFTER DELETE ON posts BEGIN {_TAKEN} END",
        "post_u": f"CREATE TRIGGER post_u AFTER UPDATE ON posts BEGIN {_TAKEN} {_FED} END",
    }
    return engine.loads(json.dumps(document))


OLD = schema(title="TEXT")
NEW = schema(title="TEXT NOT NULL COLLATE NOCASE", stars="INTEGER NOT NULL DEFAULT 1")
"""Needs a rebuild of ``posts``, whose indexed column stays as it is."""

TRIMMED = schema(title="TEXT NOT NULL", _fill={"title": "trim(title)"})
"""Needs a rebuild of ``posts``, and its index anew."""

_DELETES = ("posts WHERE id", "own WHERE rowid", "bare WHERE rowid", "four WHERE docid", "spots WHERE id")


def change(conn: Connection, choose: random.Random, mine: list[int], key: int) -> tuple[int, str | None]:
    """Change one post in all of them, in the caller's transaction; gives it with its new title."""
    if mine and choose.random() < 0.4:
        key = choose.choice(mine)
        for table in _DELETES:
            conn.exec_driver_sql(f"DELETE FROM {table} = ?", (key,))
        if choose.random() < 0.5:
            mine.remove(key)
            return key, None
    else:
        mine.append(key)
    title = f"k{key} " + " ".join(choose.choices("abcdefgh", k=choose.randrange(1, 20)))
    conn.exec_driver_sql("INSERT INTO posts (id, title) VALUES (?, ?)", (key, title))
    conn.exec_driver_sql("INSERT INTO own (rowid, title, note) VALUES (?, ?, 'n')", (key, title))
    conn.exec_driver_sql("INSERT INTO bare (rowid, title) VALUES (?, ?)", (key, title))
    conn.exec_driver_sql("INSERT INTO four (docid, title) VALUES (?, ?)", (key, title))
    conn.exec_driver_sql("INSERT INTO spots VALUES (?, ?, ?, ?)", (key, key % 1000, key % 1000 + 1, title))
    return key, title


def assert_found(path: Path, expected: Mapping[int, str]) -> None:
    """Hold the file against the titles that it must have: contents, every search, and SQLite's own checks."""
    conn = apsw.Connection(str(path))
    try:
        for query in (
            "posts",
            "(SELECT rowid AS id, title FROM own)",
            "(SELECT docid AS id, title FROM four)",
            "spots",
        ):
            assert dict(conn.execute(f"SELECT id, title FROM {query}")) == expected
        for word in ("a", "h", *(f"k{key}" for key in list(expected)[:20])):
            wanted = sorted(key for key, title in expected.items() if word in title.split())
            for table in ("own", "ext", "bare", "four"):
                found = conn.execute(f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY 1", (word,))
                assert [row for (row,) in found] == wanted
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for table in ("own", "ext"):
            conn.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
    finally:
        conn.close()


def expected(entries: list[dict[str, Any]]) -> dict[int, str]:
    """The titles that the ledger says are there."""
    titles = {entry["post"]: entry["title"] for entry in entries if "post" in entry}
    return {key: title for key, title in titles.items() if title is not None}
