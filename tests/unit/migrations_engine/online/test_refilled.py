"""An index that is made again follows the rows of the copy, whenever these come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine import sqlite
from migrations_engine.errors import VerificationFailed
from migrations_engine.online.refilled import Refilled
from migrations_engine.online.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.migrations_engine.online.conftest import Copy, Source

POSTS = "CREATE TABLE posts (id INTEGER PRIMARY KEY, title); CREATE TABLE other (x);"


class Indexed:
    """A source with posts, and a copy with an index of them."""

    def __init__(self, source: Source, module: str) -> None:
        self.source: Source = source
        self.copy: Copy = source.copy()
        self.copy.conn.execute(f"CREATE VIRTUAL TABLE found USING {module}(title, content='posts')")
        self.reader = source.open(source.path)
        self.upkeep = Upkeep([Refilled(name="found", module=module, feeds=("posts",))])

    def catch_up(self) -> None:
        self.upkeep.catch_up(self.reader, self.copy.conn, after=self.copy.watermark, admit=sqlite.immediate)

    @property
    def is_stale(self) -> bool:
        return bool(self.upkeep.stale(self.reader, self.copy.conn))

    def found(self, word: str) -> list[tuple[object, ...]]:
        return self.copy.rows(f"SELECT rowid FROM found WHERE found MATCH '{word}'")


@pytest.fixture(params=["fts5", "fts4"])
def indexed(captured: Callable[[str], Source], request: pytest.FixtureRequest) -> Indexed:
    return Indexed(captured(POSTS), request.param)


def test_rows_that_were_committed_before_it_was_made_and_came_after_make_it_stale(indexed: Indexed) -> None:
    indexed.source.conn.execute("INSERT INTO posts VALUES (1, 'late')")
    indexed.catch_up()
    assert indexed.found("late") == []
    assert indexed.is_stale
    indexed.copy.drain()
    indexed.catch_up()
    assert indexed.found("late") == [(1,)]
    assert not indexed.is_stale


def test_rows_of_another_table_do_not(indexed: Indexed) -> None:
    indexed.catch_up()
    indexed.source.conn.execute("INSERT INTO other VALUES (1)")
    assert not indexed.is_stale


def test_verification_makes_it_and_lets_the_module_check_it(indexed: Indexed) -> None:
    indexed.source.conn.execute("INSERT INTO posts VALUES (1, 'late')")
    indexed.copy.drain()
    reader, target, after = indexed.reader, indexed.copy.conn, indexed.copy.watermark
    assert indexed.upkeep.verify(reader, target, after=after, admit=sqlite.immediate) == 0
    assert indexed.found("late") == [(1,)]


def test_an_index_that_the_module_finds_wrong_is_refused(
    indexed: Indexed, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.copy.conn.execute("INSERT INTO posts VALUES (1, 'never indexed')")
    monkeypatch.setattr(Refilled, "bring_over", lambda *_: 0)
    reader, target, after = indexed.reader, indexed.copy.conn, indexed.copy.watermark
    with pytest.raises(VerificationFailed, match="found"):
        indexed.upkeep.verify(reader, target, after=after, admit=sqlite.immediate)
