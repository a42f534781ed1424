from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine import loads, sqlite
from migrations_engine.errors import DataDoesNotFit
from migrations_engine.online import capture, mapping, replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Source

    Captured = Callable[[str], Source]

T = "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b);"
ROWS = "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);"
SWAP = """
UPDATE t SET a = 'x' WHERE id = 1; UPDATE t SET a = 'one' WHERE id = 2; UPDATE t SET a = 'two' WHERE id = 1;
"""


def test_a_drain_brings_inserts_updates_and_deletes(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    source.conn.execute("INSERT INTO t VALUES (4, 'four', 4)")
    source.conn.execute("UPDATE t SET b = 20, id = 22 WHERE id = 2")
    source.conn.execute("DELETE FROM t WHERE id = 1")
    report = copy.drain()
    assert copy.rows("SELECT * FROM t ORDER BY id") == [(3, "three", 3), (4, "four", 4), (22, "two", 20)]
    assert (report.keys, report.watermark) == (4, 4)


def test_what_the_copy_carries_already_is_not_replayed(captured: Captured) -> None:
    source = captured(T + ROWS)
    source.conn.execute("DELETE FROM t")
    assert source.copy().drain().keys == 0


def test_a_replay_may_run_twice(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    source.conn.execute(SWAP)
    copy.drain()
    copy.watermark = 0
    copy.drain()
    assert copy.rows("SELECT id, a FROM t ORDER BY id") == [(1, "two"), (2, "one"), (3, "three")]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_rows_that_swap_their_unique_values_arrive_whatever_the_batches(
    captured: Captured, batch: int
) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    source.conn.execute(SWAP)
    copy.drain(batch=batch)
    assert copy.rows("SELECT id, a FROM t ORDER BY id") == [(1, "two"), (2, "one"), (3, "three")]


def test_a_colliding_batch_takes_in_the_rest_of_the_log(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    source.conn.execute("UPDATE t SET b = 0 WHERE id = 3")
    source.conn.execute(SWAP)
    with replay.replaying(source.conn, copy.conn, copy.mappings) as replayer, sqlite.immediate(copy.conn):
        assert replayer.replay(after=0, upto=1).watermark == 1
        assert replayer.replay(after=1, upto=2).watermark == capture.watermark(source.conn)


def test_children_that_nobody_touched_survive_the_replay_of_their_parent(captured: Captured) -> None:
    source = captured(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a); CREATE TABLE c (p REFERENCES p ON DELETE CASCADE);"
        "INSERT INTO p VALUES (1, 1); INSERT INTO c VALUES (1)"
    )
    copy = source.copy()
    copy.conn.execute("PRAGMA foreign_keys = ON")
    source.conn.execute("UPDATE p SET a = 2")
    copy.drain()
    assert copy.rows("SELECT * FROM c") == [(1,)]


def test_a_replay_inside_a_transaction_is_refused_because_cascades_could_not_be_switched_off(
    captured: Captured,
) -> None:
    source = captured(T)
    copy = source.copy()
    copy.conn.execute("PRAGMA foreign_keys = ON")
    copy.conn.execute("BEGIN")
    with pytest.raises(RuntimeError, match="outside of any transaction"):
        copy.drain()


def test_users_triggers_act_once(captured: Captured) -> None:
    source = captured(
        T + "CREATE TABLE sums (n); INSERT INTO sums VALUES (0);"
        "CREATE TRIGGER s AFTER INSERT ON t BEGIN UPDATE sums SET n = n + 1; END"
    )
    copy = source.copy()
    source.conn.execute("INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)")
    copy.drain()
    assert copy.rows("SELECT n FROM sums") == [(2,)]


def test_values_arrive_as_they_are(captured: Captured) -> None:
    source = captured("CREATE TABLE t (a)")
    copy = source.copy()
    source.conn.execute(
        "INSERT INTO t VALUES (9223372036854775807), (9e999), (-0.0), (1.0), ('1'), (x'31'), (NULL), ('a' || "
        "char(0) || 'b'), (CAST(x'ff00fe' AS TEXT)), (''), (x''), (zeroblob(100000)), (0.1)"
    )
    copy.drain()
    terms = "SELECT rowid, typeof(a), hex(a), hex(quote(a)) FROM t"
    assert copy.rows(terms) == sqlite.rows(source.conn, terms)


def test_rowids_of_tables_without_a_key_are_carried(captured: Captured) -> None:
    source = captured("CREATE TABLE t (rowid, a)")
    copy = source.copy()
    source.conn.execute("INSERT INTO t (_rowid_, rowid, a) VALUES (77, 'mine', 1)")
    copy.drain()
    assert copy.rows("SELECT _rowid_, rowid FROM t") == [(77, "mine")]


def test_defaults_of_now_are_not_evaluated_again(captured: Captured) -> None:
    source = captured("CREATE TABLE t (id INTEGER PRIMARY KEY, a, at DEFAULT (random()))")
    copy = source.copy()
    source.conn.execute("INSERT INTO t (a) VALUES (1)")
    copy.drain()
    assert copy.rows("SELECT at FROM t") == sqlite.rows(source.conn, "SELECT at FROM t")


def test_the_source_is_read_while_it_is_locked_and_what_is_not_committed_is_not_seen(
    captured: Captured,
) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    source.conn.execute("DELETE FROM t WHERE id = 1")
    source.conn.execute("BEGIN IMMEDIATE")
    source.conn.execute("DELETE FROM t WHERE id = 2")
    copy.drain()
    source.conn.execute("ROLLBACK")
    assert copy.rows("SELECT id FROM t ORDER BY id") == [(2,), (3,)]


def test_writers_of_the_source_are_not_locked_out_by_a_replay(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    writer = source.open(source.path)
    with replay.replaying(source.conn, copy.conn, copy.mappings), sqlite.immediate(copy.conn):
        writer.execute("DELETE FROM t")
    assert copy.drain().keys == 3


def test_one_file_can_be_both_sides(captured: Captured) -> None:
    source = captured(T + ROWS)
    source.conn.execute("CREATE TABLE fresh (id INTEGER PRIMARY KEY, a UNIQUE, b)")
    fresh = loads('{"fresh": {"id": "INTEGER PRIMARY KEY", "a": "UNIQUE", "b": "", "_renamed_from": "t"}}')
    mappings = mapping.between(source.schema, fresh)
    source.conn.execute("UPDATE t SET b = b * 10 WHERE id < 3")
    report = replay.drain(source.conn, source.conn, mappings, after=0, admit=sqlite.immediate)
    assert sqlite.rows(source.conn, "SELECT id, b FROM fresh") == [(1, 10), (2, 20)]
    assert report.keys == 2


NARROW = """{"t": {"id": "INTEGER PRIMARY KEY", "a": "UNIQUE", "b": "CHECK (b < 100)"}}"""


def test_rows_that_the_target_refuses_are_named_and_the_target_stays_as_it_was(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy(mapping.between(source.schema, loads(NARROW)))
    copy.conn.execute("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b CHECK (b < 100))")
    source.conn.execute("INSERT INTO t VALUES (4, 4, 400), (5, 5, 5), (6, 6, 600)")
    with pytest.raises(DataDoesNotFit) as raised:
        copy.drain()
    (misfit,) = raised.value.misfits
    assert (misfit.table, misfit.count, misfit.sample) == ("t", 2, (4, 6))
    assert "b < 100" in misfit.rule
    assert copy.rows("SELECT * FROM t ORDER BY id") == []


def test_with_leave_they_are_left_out_and_what_was_there_stays(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy(mapping.between(source.schema, loads(NARROW)))
    copy.conn.execute(
        "DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b CHECK (b < 100));" + ROWS
    )
    source.conn.execute("UPDATE t SET b = 400 WHERE id = 1")
    source.conn.execute("INSERT INTO t VALUES (4, 4, 400), (5, 5, 5)")
    report = copy.drain(discard=True)
    assert copy.rows("SELECT id, b FROM t ORDER BY id") == [(1, 1), (2, 2), (3, 3), (5, 5)]
    assert [(misfit.count, misfit.sample) for misfit in report.misfits] == [(2, (1, 4))]


def test_a_value_that_no_expression_can_take_is_a_row_that_does_not_fit(captured: Captured) -> None:
    source = captured(T)
    document = (
        """{"t": {"id": "INTEGER PRIMARY KEY", "a": "UNIQUE", "b": "", "c": "", "_fill": {"c": "abs(b)"}}}"""
    )
    copy = source.copy(mapping.between(source.schema, loads(document)))
    copy.conn.execute("ALTER TABLE t ADD COLUMN c")
    source.conn.execute("INSERT INTO t VALUES (1, 1, -1), (2, 2, -9223372036854775808)")
    with pytest.raises(DataDoesNotFit) as raised:
        copy.drain()
    assert [misfit.sample for misfit in raised.value.misfits] == [(2,)]
