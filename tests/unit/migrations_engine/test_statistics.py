"""What ANALYZE found out, after a change: the rows of sqlite_stat1 and sqlite_stat4 of all that stays."""

from __future__ import annotations

import pytest

import migrations_engine as engine

TABLE = {
    "id": "INTEGER PRIMARY KEY",
    "a": "TEXT",
    "b": "INTEGER",
    "c": "TEXT UNIQUE",
    "_indexes": ["a", ["b", "a"]],
}
PAIRS = {
    "x": "TEXT",
    "y": "TEXT",
    "_primary_key": ["x", "y"],
    "_options": {"without_rowid": True},
    "v": "INTEGER",
}


@pytest.fixture
def analyzed(db):
    db.apply({"t": TABLE, "p": PAIRS})
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
    db.run(rows + "INSERT INTO t SELECT i, 'a' || i % 7, i % 30, 'c' || i FROM n")
    db.run(rows + "INSERT INTO p SELECT 'x' || i % 5, 'y' || i, i FROM n")
    db.run("ANALYZE")
    return db


def known(db):
    """By table and index: the figures, and how many samples there are."""
    figures = {(t, i): s for t, i, s in db.run("SELECT tbl, idx, stat FROM sqlite_stat1")}
    samples = {(t, i): n for t, i, n in db.run("SELECT tbl, idx, count(*) FROM sqlite_stat4 GROUP BY 1, 2")}
    return figures, samples


def renamed(figures, names):
    return {(names.get(t, t), names.get(i, i)): value for (t, i), value in figures.items()}


def test_a_rebuild_keeps_them_and_so_does_the_way_back(analyzed):
    before = known(analyzed)
    assert all(len(part) >= 4 for part in before)
    changed = {"t": {**TABLE, "b": "INTEGER DEFAULT 1"}, "p": {**PAIRS, "v": "INTEGER DEFAULT 1"}}
    assert analyzed.apply(changed).strategy == "rebuild"
    assert known(analyzed) == before
    engine.rollback(analyzed.path)
    assert known(analyzed) == before


@pytest.mark.parametrize("strategy", ["in-place", "rebuild"])
def test_a_renamed_table_and_a_renamed_column_keep_them_under_their_new_names(analyzed, strategy):
    before = known(analyzed)
    table = {key: text for key, text in TABLE.items() if key != "a"}
    table |= {
        "z": "TEXT",
        "_renames": {"z": "a"},
        "_indexes": [{"columns": ["z"], "name": "idx_t_a"}, ["b", "z"]],
    }
    changed = {"s": {**table, "_renamed_from": "t"}, "q": {**PAIRS, "_renamed_from": "p"}}
    analyzed.apply(changed, strategy=strategy)
    names = {"t": "s", "p": "q", "sqlite_autoindex_t_1": "sqlite_autoindex_s_1"}
    kept = [{key: value for key, value in part.items() if key[1] != "idx_t_b_a"} for part in before]
    after = known(analyzed)
    assert list(after) == [renamed(part, names) for part in kept]


def test_those_of_an_index_that_is_another_one_now_go(analyzed):
    before, _ = known(analyzed)
    indexes = [{"columns": ["a DESC"], "name": "idx_t_a"}, ["b", "a"]]
    analyzed.apply({"t": {**TABLE, "b": "INTEGER NOT NULL", "_indexes": indexes}, "p": PAIRS})
    after, _ = known(analyzed)
    assert after == {key: value for key, value in before.items() if key[1] != "idx_t_a"}


def test_another_connection_plans_with_them_at_once(analyzed):
    query = "EXPLAIN QUERY PLAN SELECT * FROM t WHERE a = 'a1' AND c > 'c'"
    before = analyzed.run(query)
    analyzed.apply({"t": {**TABLE, "b": "INTEGER NOT NULL"}, "p": PAIRS})
    assert analyzed.run(query)[0][3] == before[0][3]


def test_a_file_that_was_never_analyzed_has_none_afterwards(db):
    db.apply({"t": TABLE})
    db.apply({"t": {**TABLE, "b": "INTEGER NOT NULL"}})
    assert db.run("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'") == []
