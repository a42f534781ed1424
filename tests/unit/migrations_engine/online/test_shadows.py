"""Virtual tables are brought over through their shadow tables, and left alone where nothing has changed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from migrations_engine import introspect, sqlite
from migrations_engine.errors import VerificationFailed
from migrations_engine.online import capture, copy, replay, shadows
from migrations_engine.online.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY_KIND = """
    CREATE TABLE posts (id INTEGER PRIMARY KEY, title, body);
    CREATE VIRTUAL TABLE own USING fts5(title, body UNINDEXED);
    CREATE VIRTUAL TABLE ext USING fts5(title, body, content='posts', content_rowid='id');
    CREATE VIRTUAL TABLE bare USING fts5(title, content='', contentless_delete=1);
    CREATE VIRTUAL TABLE half
        USING fts5(title, note UNINDEXED, content='', contentless_delete=1, contentless_unindexed=1);
    CREATE VIRTUAL TABLE sizeless USING fts5(title, content='', columnsize=0);
    CREATE VIRTUAL TABLE "Four 4" USING fts4(title, body);
    CREATE VIRTUAL TABLE spots USING rtree(id, x0, x1, +label);
    CREATE VIRTUAL TABLE words USING fts5vocab('own', 'row');
    CREATE TRIGGER post_i AFTER INSERT ON posts BEGIN
        INSERT INTO ext (rowid, title, body) VALUES (NEW.id, NEW.title, NEW.body); END;
    CREATE TRIGGER post_d AFTER DELETE ON posts BEGIN
        INSERT INTO ext (ext, rowid, title, body) VALUES ('delete', OLD.id, OLD.title, OLD.body); END;
    CREATE TRIGGER post_u AFTER UPDATE ON posts BEGIN
        INSERT INTO ext (ext, rowid, title, body) VALUES ('delete', OLD.id, OLD.title, OLD.body);
        INSERT INTO ext (rowid, title, body) VALUES (NEW.id, NEW.title, NEW.body); END;
"""

COMMANDS = (
    "INSERT INTO own (own) VALUES ('optimize')",
    "INSERT INTO own (own) VALUES ('rebuild')",
    "INSERT INTO own (own, rank) VALUES ('automerge', 2)",
    "INSERT INTO own (own, rank) VALUES ('secure-delete', 1)",
    "INSERT INTO own (own, rank) VALUES ('merge', -2)",
    "INSERT INTO ext (ext) VALUES ('rebuild')",
    "INSERT INTO ext (ext) VALUES ('optimize')",
    "INSERT INTO bare (bare) VALUES ('delete-all')",
    "INSERT INTO sizeless (sizeless) VALUES ('delete-all')",
    "INSERT INTO [Four 4] ([Four 4]) VALUES ('optimize')",
)


def a_write(choose: random.Random) -> str:
    """One statement of an application."""
    row, text = choose.randrange(30), " ".join(choose.choices("abcdefgh", k=choose.randrange(1, 40)))
    return choose.choice(
        [
            f"INSERT OR REPLACE INTO own (rowid, title, body) VALUES ({row}, '{text}', {row}.0)",
            f"UPDATE own SET body = {row} WHERE rowid = {row}",
            f"UPDATE own SET rowid = {row + 100}, title = '{text}' WHERE rowid = {row}",
            f"DELETE FROM own WHERE rowid > {row + 60}",
            f"REPLACE INTO posts VALUES ({row}, '{text}', '{row}')",
            f"UPDATE posts SET title = '{text}' WHERE id = {row}",
            f"DELETE FROM posts WHERE id = {row}",
            f"REPLACE INTO bare (rowid, title) VALUES ({row}, '{text}')",
            f"DELETE FROM bare WHERE rowid = {row}",
            f"REPLACE INTO half (rowid, title, note) VALUES ({row}, '{text}', {row})",
            f"UPDATE half SET note = '{text}' WHERE rowid = {row}",
            f"INSERT INTO sizeless (rowid, title) VALUES ({row}, '{text}')",
            f"INSERT INTO [Four 4] (title, body) VALUES ('{text}', '{text}')",
            f"DELETE FROM [Four 4] WHERE docid = {row}",
            f"INSERT OR REPLACE INTO spots VALUES ({row}, {row}, {row + choose.randrange(9)}, '{text}')",
            f"DELETE FROM spots WHERE id = {row}",
            f"SELECT count(*) FROM own WHERE own MATCH '{text[0]}'",
            choose.choice(COMMANDS),
        ]
    )


class Pair:
    """A source that is written, and its copy."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "source.db"
        writer = sqlite.connect(self.path, mode="rwc")
        writer.execute("PRAGMA journal_mode = WAL").fetchall()
        writer.execute("PRAGMA synchronous = OFF")
        writer.execute(EVERY_KIND)
        self.writer = writer
        self.upkeep = Upkeep(shadows.followed(writer, introspect(writer).virtual_tables))
        with sqlite.immediate(writer):
            capture.install(writer, [mapping.source for mapping in self.upkeep.noted])
        target = folder / "target.db"
        target.touch()
        self.source = sqlite.connect(self.path)
        self.watermark = copy.pages(self.source, target).watermark
        self.target = sqlite.connect(target)
        self.target.execute("PRAGMA synchronous = OFF")

    def write(self, *statements: str) -> None:
        for sql in statements:
            self.writer.execute(sql).fetchall()

    def catch_up(self) -> int:
        report = replay.drain(
            self.source, self.target, self.upkeep.noted, after=self.watermark, admit=sqlite.immediate
        )
        self.watermark = report.watermark
        return self.upkeep.catch_up(self.source, self.target, after=self.watermark, admit=sqlite.immediate)

    def verify(self) -> int:
        return self.upkeep.verify(self.source, self.target, after=self.watermark, admit=sqlite.immediate)

    def stale(self) -> set[str]:
        return {table.name for table in self.upkeep.stale(self.source, self.target)}

    def different(self) -> set[str]:
        """The virtual tables with a shadow table that is not the same on both sides."""
        found = set()
        for table in self.upkeep.tables:
            for mapping in (*table.noted, *table.compared):
                sql = f"SELECT * FROM [{mapping.source.name}]"
                if sorted(map(repr, self.writer.execute(sql))) != sorted(map(repr, self.target.execute(sql))):
                    found.add(table.name)
        return found

    def close(self) -> None:
        for conn in (self.writer, self.source, self.target):
            conn.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_each_kind_has_its_shadow_tables(pair: Pair) -> None:
    found = {
        table.name: ([m.source.name for m in table.noted], [m.source.name for m in table.compared])
        for table in pair.upkeep.tables
    }
    assert found == {
        "own": (["own_content", "own_docsize"], ["own_data", "own_idx", "own_config"]),
        "ext": (["ext_docsize"], ["ext_data", "ext_idx", "ext_config"]),
        "bare": (["bare_docsize"], ["bare_data", "bare_idx", "bare_config"]),
        "half": (["half_content", "half_docsize"], ["half_data", "half_idx", "half_config"]),
        "sizeless": ([], ["sizeless_data", "sizeless_idx", "sizeless_config"]),
        "Four 4": (
            [],
            [f"Four 4_{each}" for each in ("content", "segments", "segdir", "docsize", "stat")],
        ),
        "spots": ([], ["spots_rowid", "spots_node", "spots_parent"]),
    }


@pytest.mark.parametrize("seed", range(4))
def test_what_is_not_stale_is_equal_and_catching_up_makes_all_equal(pair: Pair, seed: int) -> None:
    choose = random.Random(seed)
    pair.catch_up()
    for _ in range(25):
        with pair.writer:
            pair.write(*(a_write(choose) for _ in range(choose.randrange(8))))
        assert pair.different() <= pair.stale()
        if choose.random() < 0.7:
            pair.catch_up()
            assert (pair.stale(), pair.different()) == (set(), set())
    pair.catch_up()
    assert pair.target.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_another_commit_makes_only_those_stale_that_nothing_tells_about(pair: Pair) -> None:
    pair.catch_up()
    assert pair.stale() == set()
    pair.write("CREATE TABLE other (x)", "INSERT INTO other VALUES (1)")
    assert pair.stale() == {"sizeless", "Four 4", "spots"}
    pair.write("INSERT INTO own (title) VALUES ('a')")
    assert pair.stale() == {"own", "sizeless", "Four 4", "spots"}


def test_only_rows_that_differ_are_brought_over(pair: Pair) -> None:
    pair.write(*(f"INSERT INTO spots VALUES ({n}, {n}, {n + 1}, 'x')" for n in range(500)))
    pair.catch_up()
    pair.write("UPDATE spots SET label = 'y' WHERE id = 7")
    assert 0 < pair.catch_up() < 100


def test_a_changed_type_is_a_change(pair: Pair) -> None:
    pair.write("INSERT INTO spots VALUES (1, 1, 2, 7)")
    pair.catch_up()
    pair.write("UPDATE spots SET label = 7.0 WHERE id = 1")
    pair.catch_up()
    assert pair.target.execute("SELECT typeof(a0) FROM spots_rowid").fetchall() == [("real",)]


def test_verification_counts_every_shadow_row_and_finds_one_that_nobody_noted(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.write("INSERT INTO spots VALUES (1, 1, 2, 'x')")
    pair.catch_up()
    rows = sum(
        sqlite.value(pair.target, f"SELECT count(*) FROM [{m.source.name}]")
        for table in pair.upkeep.tables
        for m in table.compared
    )
    assert pair.verify() == rows
    pair.target.execute("UPDATE spots_rowid SET a0 = 'spoiled'")
    monkeypatch.setattr(shadows, "_load_differing", lambda *_: 0)
    with pytest.raises(VerificationFailed, match="spots_rowid"):
        pair.verify()


@pytest.mark.parametrize(("module", "followed", "ordinary"), [("vec0", 1, 0), ("unheard_of", 0, 1)])
def test_what_a_module_keeps_is_followed_where_it_is_not_loaded(
    tmp_path: Path, module: str, followed: int, ordinary: int
) -> None:
    conn = sqlite.connect(tmp_path / "f.db", mode="rwc")
    conn.execute("CREATE TABLE odd_vector_chunks00 (rowid PRIMARY KEY, vectors BLOB)")
    conn.execute("PRAGMA writable_schema = ON")
    conn.execute(
        "INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, ?)",
        (f"CREATE VIRTUAL TABLE odd USING {module}(a)",),
    )
    conn.execute("PRAGMA writable_schema = RESET")
    schema = introspect(conn)
    found = shadows.followed(conn, schema.virtual_tables)
    assert [len(table.compared) for table in found] == [1] * followed
    assert len(schema.tables) == ordinary
    conn.close()
