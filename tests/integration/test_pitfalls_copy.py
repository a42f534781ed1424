"""What is known to go wrong in copying and replaying a file that is written meanwhile."""

from __future__ import annotations

import json

import apsw
import pytest

import migrations_engine as engine
from migrations_engine import sqlite
from migrations_engine.online import capture, copy, mapping, replay, verify
from migrations_engine.online.shape import shapes


class Pair:
    """A captured file, its copy, and a writer that knows nothing of either."""

    def __init__(self, folder, statements):
        self.opened = []
        self.path = folder / "source.db"
        self.source = self.open(self.path, mode="rwc")
        self.source.execute("PRAGMA journal_mode = WAL").fetchall()
        self.source.execute(statements)
        self.schema = engine.introspect(self.source)
        self.mappings = mapping.identities(self.schema)
        with sqlite.immediate(self.source):
            capture.install(self.source, shapes(self.schema))
        target = folder / "target.db"
        target.touch()
        self.watermark = copy.pages(self.source, target).watermark
        self.target = self.open(target)
        with sqlite.immediate(self.target):
            capture.remove(self.target)
        self.writer = self.open(self.path)

    def open(self, path, *, mode="rw"):
        self.opened.append(sqlite.connect(path, mode=mode))
        return self.opened[-1]

    def drain(self, **options):
        report = replay.drain(
            self.source, self.target, self.mappings, after=self.watermark, admit=sqlite.immediate, **options
        )
        self.watermark = report.watermark

    def both(self, sql):
        """What a query gives on both sides."""
        return sqlite.rows(self.source, sql), sqlite.rows(self.target, sql)

    def close(self):
        for conn in self.opened:
            conn.close()


@pytest.fixture
def pair(tmp_path):
    made = []

    def make(statements):
        made.append(Pair(tmp_path, statements))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_keys_that_differ_in_type_alone_are_told_apart(pair):
    both = pair(
        "CREATE TABLE t (k PRIMARY KEY, v) WITHOUT ROWID;"
        "INSERT INTO t VALUES (1, 'int'), ('1', 'text'), (x'31', 'blob'), (1.5, 'real'), ('1.5', 'its text')"
    )
    both.writer.execute("DELETE FROM t WHERE k = '1'; UPDATE t SET v = 'new' WHERE k = x'31'")
    both.writer.execute("UPDATE t SET k = '1.6' WHERE k = '1.5'")
    both.drain()
    source, target = both.both("SELECT typeof(k), hex(k), v FROM t ORDER BY k")
    assert target == source
    assert len(source) == 4


def test_rows_whose_declared_key_is_null_are_followed(pair):
    both = pair("CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('k', 3)")
    both.writer.execute(
        "DELETE FROM t WHERE v = 1; UPDATE t SET v = 20 WHERE v = 2; INSERT INTO t VALUES (NULL, 4)"
    )
    both.drain()
    source, target = both.both("SELECT rowid, k, v FROM t ORDER BY rowid")
    assert target == source
    assert [row[2] for row in source] == [20, 3, 4]


def test_rows_that_refer_to_each_other_arrive_in_any_order(pair):
    both = pair(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER NOT NULL REFERENCES t ON DELETE CASCADE);"
        "INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)"
    )
    both.writer.execute(
        "PRAGMA foreign_keys = ON; BEGIN; PRAGMA defer_foreign_keys = ON;"
        "INSERT INTO t VALUES (10, 11), (11, 10); UPDATE t SET up = 11 WHERE id = 2; COMMIT"
    )
    both.drain(batch=1)
    source, target = both.both("SELECT * FROM t ORDER BY id")
    assert target == source
    assert len(source) == 5
    assert sqlite.rows(both.target, "PRAGMA foreign_key_check") == []


def test_generated_columns_and_columns_in_another_order_are_carried_by_name(pair):
    both = pair("CREATE TABLE t (a TEXT, g AS (upper(a)), id INTEGER PRIMARY KEY, s AS (id * 2) STORED, b);")
    both.writer.execute("INSERT INTO t (a, b) VALUES ('x', 1), ('y', 2)")
    both.drain()
    source, target = both.both("SELECT a, g, id, s, b FROM t ORDER BY id")
    assert target == source == [("x", "X", 1, 2, 1), ("y", "Y", 2, 4, 2)]


def test_no_snapshot_is_held_between_two_ranges_so_the_log_can_be_emptied(pair):
    series = "WITH s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s LIMIT 40)"
    both = pair(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v); {series} INSERT INTO t SELECT n, n FROM s")
    emptied = []

    def between(rows):
        both.writer.execute("UPDATE t SET v = v + 1 WHERE id = 1")
        both.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        emptied.append(both.path.with_name("source.db-wal").stat().st_size)

    verify.full(
        both.source,
        both.target,
        both.mappings,
        after=both.watermark,
        admit=sqlite.immediate,
        chunk=5,
        progress=between,
    )
    assert len(emptied) >= 8
    assert set(emptied) == {0}


def test_equal_counts_do_not_hide_a_replaced_row(pair):
    both = pair("CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    both.target.execute("REPLACE INTO t VALUES (3, 'a')")
    with pytest.raises(engine.MigrationError, match="differs"):
        verify.full(both.source, both.target, both.mappings, after=both.watermark, admit=sqlite.immediate)


def test_a_replay_into_a_stricter_table_drops_no_row_in_silence(pair):
    both = pair("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    new = engine.loads(json.dumps({"t": {"id": "INTEGER PRIMARY KEY", "a": "UNIQUE ON CONFLICT REPLACE"}}))
    both.mappings = mapping.between(both.schema, new)
    both.target.execute("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE ON CONFLICT REPLACE)")
    both.writer.execute("INSERT INTO t VALUES (1, 'twin'), (2, 'twin')")
    with pytest.raises(engine.DataDoesNotFit):
        both.drain()
