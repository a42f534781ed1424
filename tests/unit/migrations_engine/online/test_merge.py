"""The way back: rows written under a new schema, merged into a copy of the old file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine import introspect, loads, sqlite
from migrations_engine.online import capture, copy, mapping, verify
from migrations_engine.online.shape import shapes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import apsw
    from conftest import Source

OLD = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE, phone TEXT, note DEFAULT 'none');
INSERT INTO people VALUES (1, 'ann', '1', 'a'), (2, 'bob', '2', 'b'), (3, 'cyd', '3', 'c');
"""

NEW = """{"people": {"id": "INTEGER PRIMARY KEY", "full_name": "TEXT UNIQUE", "note": "", "age": "INT",
    "_renames": {"full_name": "name"}}}"""


class WayBack:
    """The old file's copy, and the new file with what is written to it."""

    def __init__(self, source: Source) -> None:
        old = source.schema
        path = source.path.with_name("new.db")
        path.touch()
        copy.pages(source.conn, path)
        self.new: apsw.Connection = source.open(path)
        self.new.execute(
            "ALTER TABLE people RENAME COLUMN name TO full_name; ALTER TABLE people DROP COLUMN phone;"
            "ALTER TABLE people ADD COLUMN age INT"
        )
        capture.install(self.new, shapes(introspect(self.new)))
        self.old = source.conn
        self.mappings = mapping.reverse(old, loads(NEW))

    def merge(self) -> list[tuple[object, ...]]:
        verify.keys(self.new, self.old, self.mappings, after=0, admit=sqlite.immediate)
        return sqlite.rows(self.old, "SELECT * FROM people ORDER BY id")


@pytest.fixture
def way_back(make_source: Callable[[str], Source], tmp_path: Path) -> WayBack:
    return WayBack(make_source(OLD))


def test_a_changed_row_keeps_what_only_the_old_schema_knows(way_back: WayBack) -> None:
    way_back.new.execute("UPDATE people SET full_name = 'bobby', age = 7 WHERE id = 2")
    assert way_back.merge() == [(1, "ann", "1", "a"), (2, "bobby", "2", "b"), (3, "cyd", "3", "c")]


def test_a_new_row_takes_the_old_defaults_and_a_deleted_one_goes(way_back: WayBack) -> None:
    way_back.new.execute("INSERT INTO people (full_name, note) VALUES ('dan', NULL)")
    way_back.new.execute("DELETE FROM people WHERE id = 1")
    assert way_back.merge() == [(2, "bob", "2", "b"), (3, "cyd", "3", "c"), (4, "dan", None, None)]


def test_rows_that_swapped_their_names_keep_their_own_phones(way_back: WayBack) -> None:
    way_back.new.execute("UPDATE people SET full_name = 'x' WHERE id = 1")
    way_back.new.execute("UPDATE people SET full_name = 'ann' WHERE id = 2")
    way_back.new.execute("UPDATE people SET full_name = 'bob' WHERE id = 1")
    assert way_back.merge() == [(1, "bob", "1", "a"), (2, "ann", "2", "b"), (3, "cyd", "3", "c")]


def test_what_a_fill_had_changed_on_the_way_there_stays_old_where_nobody_wrote_since() -> None:
    old = loads('{"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}')
    new = loads(
        '{"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT NOT NULL", "_fill": {"a": "coalesce(a, \'\')"}}}'
    )
    (back,) = mapping.reverse(old, new)
    assert dict(back.values)["a"] == '"a"'
    assert back.kept == ()
