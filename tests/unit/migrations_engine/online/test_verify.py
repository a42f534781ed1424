from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import loads, sqlite
from migrations_engine.errors import DataDoesNotFit, VerificationFailed
from migrations_engine.online import mapping, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Copy, Source

    from migrations_engine.online.verify import VerifyReport

    Captured = Callable[[str], Source]

T = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b);"
SERIES = "WITH s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s LIMIT 20)"
ROWS = f"INSERT INTO t {SERIES} SELECT n, 'row ' || n, n FROM s;"


def full(copy: Copy, *, chunk: int = 7, discard: bool = False) -> VerifyReport:
    return verify.full(
        copy.source.conn,
        copy.conn,
        copy.mappings,
        after=copy.watermark,
        admit=sqlite.immediate,
        chunk=chunk,
        discard=discard,
    )


@pytest.mark.parametrize("chunk", [1, 7, 20, 21])
def test_a_true_copy_is_proved_whatever_the_ranges(captured: Captured, chunk: int) -> None:
    source = captured(T + ROWS)
    assert full(source.copy(), chunk=chunk).rows == 20


def test_the_digest_depends_on_the_contents_alone(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    first = full(copy, chunk=3)
    source.conn.execute("DELETE FROM t WHERE id = 5")
    second = full(copy)
    source.conn.execute("INSERT INTO t VALUES (5, 'row 5', 5)")
    third = full(copy, chunk=20)
    assert first.digest == third.digest != second.digest


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ("UPDATE t SET a = 'other' WHERE id = 9", 9),
        ("UPDATE t SET b = '9' WHERE id = 9", 9),
        ("UPDATE t SET b = 9.0 WHERE id = 9", 9),
        ("UPDATE t SET a = CAST(a AS BLOB) WHERE id = 9", 9),
        ("UPDATE t SET a = a || char(0) WHERE id = 9", 9),
        ("DELETE FROM t WHERE id = 20", 20),
        ("INSERT INTO t VALUES (21, NULL, NULL)", 21),
    ],
)
def test_any_difference_is_found_and_its_key_named(captured: Captured, fault: str, key: int) -> None:
    copy = captured(T + ROWS).copy()
    copy.conn.execute(fault)
    with pytest.raises(VerificationFailed) as raised:
        full(copy)
    assert (raised.value.table, raised.value.count, raised.value.sample) == ("t", 1, (key,))


def test_writes_that_come_meanwhile_are_no_difference(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy, writer = source.copy(), source.open(source.path)

    def write(rows: int) -> None:
        writer.execute("DELETE FROM t WHERE id % 5 = ?", (rows % 5,))
        writer.execute(f"REPLACE INTO t {SERIES} SELECT n * 2, 'new', ? FROM s", (rows,))

    report = verify.full(
        source.conn,
        copy.conn,
        copy.mappings,
        after=copy.watermark,
        admit=sqlite.immediate,
        chunk=4,
        progress=write,
    )
    assert report.keys > 0
    assert copy.watermark < report.watermark


def test_the_last_drain_proves_the_rows_behind_dirty_keys(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    source.conn.execute("UPDATE t SET b = 0 WHERE id IN (3, 4)")
    source.conn.execute("DELETE FROM t WHERE id = 5")
    report = verify.keys(source.conn, copy.conn, copy.mappings, after=copy.watermark, admit=sqlite.immediate)
    assert (report.rows, report.keys) == (2, 3)
    assert copy.rows("SELECT count(*), sum(b) FROM t") == [(19, 198)]


def test_a_target_that_changes_what_is_replayed_is_found_by_the_last_drain(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()
    copy.conn.execute(
        "CREATE TRIGGER u AFTER INSERT ON t BEGIN UPDATE t SET b = b + 1 WHERE id = NEW.id; END"
    )
    source.conn.execute("UPDATE t SET b = 0 WHERE id = 3")
    with pytest.raises(VerificationFailed):
        verify.keys(source.conn, copy.conn, copy.mappings, after=copy.watermark, admit=sqlite.immediate)
    assert copy.rows("SELECT b FROM t WHERE id = 3") == [(3,)]


def test_text_that_is_no_unicode_is_compared_by_its_bytes(captured: Captured) -> None:
    source = captured("CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID")
    source.conn.execute(f"INSERT INTO t {SERIES} SELECT CAST(x'ff' || n AS TEXT), 'v' FROM s")
    copy = source.copy()
    assert full(copy, chunk=2).rows == 20
    copy.conn.execute("UPDATE t SET v = CAST(x'fe' AS TEXT) WHERE k = CAST(x'ff' || 4 AS TEXT)")
    with pytest.raises(VerificationFailed) as raised:
        full(copy, chunk=2)
    assert raised.value.sample == ("\udcff4",)


@pytest.mark.parametrize(
    "table",
    [
        "t (a COLLATE NOCASE, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "t (a, b, PRIMARY KEY (b DESC, a COLLATE NOCASE)) WITHOUT ROWID",
        "t (a, b)",
        "t (a PRIMARY KEY, b)",
    ],
)
def test_ranges_follow_any_kind_of_key(captured: Captured, table: str) -> None:
    source = captured(f"CREATE TABLE {table}")
    for value in ("1", "'1'", "1.5", "'b'", "'A'", "x'41'", "'é'"):
        for other in ("1", "'b'", "'C'"):
            source.conn.execute(f"INSERT OR IGNORE INTO t VALUES ({value}, {other})")
    rows = sqlite.value(source.conn, "SELECT count(*) FROM t")
    assert full(source.copy(), chunk=2).rows == rows


def test_a_change_of_types_is_proved_as_the_target_stores_it(captured: Captured) -> None:
    source = captured(T + "INSERT INTO t VALUES (1, '007', 1), (2, 'x', '1e3'), (3, x'37', 2.5)")
    new = loads('{"t": {"id": "INTEGER PRIMARY KEY", "a": "INT", "b": "TEXT"}}')
    copy = source.copy(mapping.between(source.schema, new))
    copy.conn.execute(
        "CREATE TABLE u (id INTEGER PRIMARY KEY, a INT, b TEXT); INSERT INTO u SELECT * FROM t;"
    )
    copy.conn.execute("DROP TABLE t; ALTER TABLE u RENAME TO t")
    assert copy.rows("SELECT a, b FROM t") == [(7, "1"), ("x", "1e3"), (b"7", "2.5")]
    assert full(copy).rows == 3
    copy.conn.execute("UPDATE t SET b = 'two' WHERE id = 3")
    with pytest.raises(VerificationFailed) as raised:
        full(copy)
    assert raised.value.sample == (3,)


def test_a_file_in_utf16_is_followed_and_proved(captured: Captured) -> None:
    source = captured("PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID")
    copy = source.copy()
    source.conn.execute("INSERT INTO t VALUES ('é😀', 'ü'), ('b', CAST(x'd800' AS TEXT))")
    assert full(copy).rows == 2
    assert copy.rows("SELECT hex(k), hex(v) FROM t") == sqlite.rows(
        source.conn, "SELECT hex(k), hex(v) FROM t"
    )


def test_values_that_are_new_each_time_are_left_out(captured: Captured) -> None:
    source = captured(T + ROWS)
    new = '{"t": {"id": "INTEGER PRIMARY KEY", "a": "", "b": "", "u": "", "_fill": {"u": "random()"}}}'
    copy = source.copy(mapping.between(source.schema, loads(new)))
    copy.conn.execute("ALTER TABLE t ADD COLUMN u; UPDATE t SET u = random()")
    source.conn.execute("UPDATE t SET b = 7")
    assert full(copy).rows == 20


def narrowed(source: Source) -> Copy:
    new = loads('{"t": {"id": "INTEGER PRIMARY KEY", "a": "", "b": "CHECK (b < 100)"}}')
    copy = source.copy(mapping.between(source.schema, new))
    copy.conn.execute("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b CHECK (b < 100));" + ROWS)
    return copy


def test_rows_that_were_left_out_with_leave_are_no_difference(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = narrowed(source)
    source.conn.execute("UPDATE t SET b = 500 WHERE id = 5")
    source.conn.execute("INSERT INTO t VALUES (50, 'x', 500), (51, 'y', 51)")
    assert full(copy, discard=True).rows == 21
    with pytest.raises(DataDoesNotFit):
        full(copy)


def test_leave_covers_no_row_that_the_target_would_take(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = narrowed(source)
    source.conn.execute("UPDATE t SET b = 500 WHERE id = 5")
    copy.drain(discard=True)
    copy.conn.execute("DELETE FROM t WHERE id = 6")
    with pytest.raises(VerificationFailed):
        full(copy, discard=True)


def test_what_progress_raises_ends_it_and_leaves_the_target_as_it_was(captured: Captured) -> None:
    source = captured(T + ROWS)
    copy = source.copy()

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify.full(
            source.conn, copy.conn, copy.mappings, after=copy.watermark, admit=sqlite.immediate, progress=stop
        )
    assert not copy.conn.in_transaction
    with pytest.raises(apsw.SQLError, match="no such table"):
        copy.conn.execute("SELECT * FROM _tenantdb_source.t")
