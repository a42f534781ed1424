from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine.online import digest, exact

if TYPE_CHECKING:
    from migrations_engine.online.digest import Digest


def of(rows: str) -> Digest:
    conn = apsw.Connection(":memory:")
    conn.execute(f"CREATE TABLE t AS SELECT * FROM (VALUES {rows})")
    names = [name for (name,) in conn.execute("SELECT name FROM pragma_table_info('t')")]
    return digest.of(conn, names, "FROM t")


def test_order_does_not_count_and_duplicates_do() -> None:
    assert of("(1, 'a'), (2, 'b')") == of("(2, 'b'), (1, 'a')")
    assert of("(1, 'a'), (1, 'a')") != of("(2, 'b'), (2, 'b')")
    assert of("(1, 'a'), (1, 'a')").total != 0


def test_types_and_the_borders_between_columns_count() -> None:
    rows = [
        "(1, '2')",
        "(1, 2)",
        "(1.0, 2)",
        "('1', 2)",
        "(x'31', 2)",
        "(NULL, 2)",
        "('12', '')",
        "('1', '2')",
    ]
    assert not [pair for pair in itertools.combinations(rows, 2) if of(pair[0]) == of(pair[1])]


def test_two_sets_add_up() -> None:
    assert of("(1, 'a'), (2, 'b')") == of("(1, 'a')") + of("(2, 'b')")


def test_the_same_text_hashes_alike_however_python_holds_it() -> None:
    shared = "column"
    fresh = "".join(["col", "umn"])
    assert digest.row_hash((shared, shared)) == digest.row_hash((fresh, "".join(["colu", "mn"])))


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_reading_by_bytes_gives_what_reading_gives(encoding: str) -> None:
    conn = apsw.Connection(":memory:")
    conn.execute(f"PRAGMA encoding = '{encoding}'")
    conn.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1, 'aé😀' || char(0) || 'b', x'ff', 2.5, NULL))")
    terms = [f"column{i}" for i in range(1, 6)]
    assert list(exact.byte_rows(conn, terms, "FROM t")) == exact.rows(conn, terms, "FROM t")


def test_texts_that_are_no_unicode_stay_apart() -> None:
    assert of("(CAST(x'ff' AS TEXT))") != of("(CAST(x'fe' AS TEXT))")
    assert of("(CAST(x'ff' AS TEXT))") != of("(x'ff')")
