"""What comparing rows cannot find: an index that does not lead to them, a rule that they break."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseDamaged
from migrations_engine.online import soundness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import apsw

MADE = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER CHECK (a > 0), b INTEGER);
    CREATE INDEX by_a ON t (a);
    INSERT INTO t VALUES (1, 2, 3), (2, 3, 4)
"""
MISLED = """
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE INDEX by_a ON t (b)' WHERE name = 'by_a';
    PRAGMA writable_schema = RESET
"""
UNRULED = """
    PRAGMA ignore_check_constraints = ON;
    UPDATE t SET a = -1 WHERE id = 2;
    PRAGMA ignore_check_constraints = OFF
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Callable[[str], tuple[apsw.Connection, apsw.Connection]]]:
    """Two equal files, which the given statements have been run on."""
    with contextlib.ExitStack() as opened:

        def make(more: str = "") -> tuple[apsw.Connection, apsw.Connection]:
            made = [sqlite.connect(tmp_path / name, mode="rwc") for name in ("made.db", "origin.db")]
            for conn in made:
                opened.callback(conn.close)
                conn.execute(MADE + ";" + more).fetchall()
            return made[0], made[1]

        yield make


def test_a_copy_of_a_sound_file_is_sound(pair):
    made, origin = pair()
    soundness.require(made, origin)
    assert soundness.faults(made) == frozenset()


def test_an_index_that_does_not_lead_to_its_rows_is_found(pair):
    made, origin = pair()
    made.execute(MISLED).fetchall()
    with pytest.raises(DatabaseDamaged, match=r"made\.db is not sound: row \d missing from index by_a \(and"):
        soundness.require(made, origin)


def test_a_fault_that_was_there_before_is_not_the_copys(pair):
    made, origin = pair(UNRULED)
    assert soundness.faults(made) == {"CHECK constraint failed in t"}
    soundness.require(made, origin)


def test_a_fault_that_came_with_the_copy_is(pair):
    made, origin = pair()
    made.execute(UNRULED).fetchall()
    with pytest.raises(DatabaseDamaged, match="CHECK constraint failed in t; the old one was not changed"):
        soundness.require(made, origin)


def test_a_function_that_nobody_knows_hides_no_other_table(pair):
    made, origin = pair()
    made.create_scalar_function("ours", lambda value: value, 1, deterministic=True)
    made.execute("CREATE TABLE u (a CHECK (ours(a) > 0)); INSERT INTO u VALUES (1)")
    made.execute(MISLED).fetchall()
    made.create_scalar_function("ours", None, 1)
    assert any("by_a" in fault for fault in soundness.faults(made))
    with pytest.raises(DatabaseDamaged):
        soundness.require(made, origin)


def test_an_index_that_is_behind_its_rows_for_now_is_no_fault(pair):
    made, origin = pair("CREATE VIRTUAL TABLE words USING fts5(a); INSERT INTO words VALUES ('one')")
    made.execute("DELETE FROM words_content")
    assert made.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
    soundness.require(made, origin)
