"""How a virtual table is filled that takes the place of another one, and what of that one is lost."""

from __future__ import annotations

import pytest

from migrations_engine.changes.virtual import filling
from migrations_engine.sql.heads import parse_virtual_table


def between(before, after):
    return filling(
        *(parse_virtual_table(f"CREATE VIRTUAL TABLE t USING {using}") for using in (before, after))
    )


OWN, LESS, OUTSIDE = "fts5(a, b)", "fts5(a, b, content='')", "fts5(a, b, content='docs')"


@pytest.mark.parametrize(
    ("before", "after", "source", "lost"),
    [
        (OWN, "fts5(b, c)", "rows", ["column t.a"]),
        (OWN, "fts4(A, b)", "rows", []),
        (OWN, LESS, "rows", ["values of virtual table t"]),
        (OWN, OUTSIDE, "index", ["virtual table t"]),
        (OWN, "rtree(id, a, b)", "nothing", ["virtual table t"]),
        (OWN, "fts5vocab(f, row)", "nothing", ["virtual table t"]),
        (OUTSIDE, "fts5(a, content='docs')", "index", []),
        (OUTSIDE, OWN, "content", []),
        (OUTSIDE, LESS, "content", []),
        (LESS, OUTSIDE, "index", ["virtual table t"]),
        ("fts5vocab(f, row)", "fts5vocab(f, col)", "nothing", []),
        ("fts5vocab(f, row)", OWN, "nothing", []),
        ("rtree(id, a, b)", "rtree_i32(id, a, b)", "nothing", ["virtual table t"]),
        ("fts4(a, languageid=l)", "fts4(a)", "rows", ["column t.l"]),
    ],
)
def test_each_kind_is_filled_from_where_its_values_are(before, after, source, lost):
    found = between(before, after)
    assert (found.source, list(found.lost), found.only_empty) == (source, lost, "")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (LESS, "fts5(a, b, c, content='')", "only their index is kept"),
        (LESS, OWN, "only their index is kept"),
        ("rtree(id, a, b)", "rtree(id, a, b, c, d)", "c, d"),
        ("mine(a)", "mine(b)", "module mine"),
        (OWN, "mine(b)", "module mine"),
    ],
)
def test_what_nothing_can_fill_takes_an_empty_table(before, after, reason):
    assert reason in between(before, after).only_empty


@pytest.mark.parametrize(
    ("before", "after", "columns"),
    [
        ("rtree(i, a, b, c, d)", "rtree(i, w, x, y, z)", [("w", "a"), ("x", "b"), ("y", "c"), ("z", "d")]),
        ("rtree(i, a, b, c, d)", "rtree(i, c, d, a, b)", [("c", "c"), ("d", "d"), ("a", "a"), ("b", "b")]),
        ("rtree(i, a, b, c, d)", "rtree(i, a, x, c, d)", [("a", "a"), ("x", "b"), ("c", "c"), ("d", "d")]),
        ("rtree(i, a, b, c, d, +n)", "rtree(i, c, d, +n, +m)", [("c", "c"), ("d", "d"), ("n", "n")]),
        ("fts5(a, b)", "fts5(x, b)", [("b", "b")]),
    ],
)
def test_columns_go_by_name_and_coordinates_that_are_called_otherwise_by_place(before, after, columns):
    assert list(between(before, after).columns) == columns
