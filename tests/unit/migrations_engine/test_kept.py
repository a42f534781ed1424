"""Old tables out of the way: same rows on disk, no foreign keys, their own statement on the way back."""

from __future__ import annotations

import apsw
import pytest

from migrations_engine.execution import execute, kept
from migrations_engine.sql.foreign import without_foreign_keys


@pytest.mark.parametrize(
    ("sql", "without"),
    [
        ("CREATE TABLE t(a REFERENCES p)", "CREATE TABLE t(a )"),
        (
            "CREATE TABLE t(a INT CONSTRAINT f REFERENCES [p p](x) ON DELETE SET NULL NOT NULL, b)",
            "CREATE TABLE t(a INT  NOT NULL, b)",
        ),
        (
            "CREATE TABLE t(a REFERENCES p MATCH FULL ON UPDATE NO ACTION NOT DEFERRABLE UNIQUE)",
            "CREATE TABLE t(a  UNIQUE)",
        ),
        (
            "CREATE TABLE t(a, b, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES p(x, y) DEFERRABLE)",
            "CREATE TABLE t(a, b)",
        ),
        (
            "CREATE TABLE t(a, FOREIGN KEY(a) REFERENCES p FOREIGN KEY(a) REFERENCES q, CHECK (a > 0))",
            "CREATE TABLE t(a, CHECK (a > 0))",
        ),
        (
            "CREATE TABLE t(a, FOREIGN KEY(a) REFERENCES p CHECK (a > 0))",
            "CREATE TABLE t(a,  CHECK (a > 0))",
        ),
        (
            "CREATE TABLE t(a DEFAULT 'REFERENCES x', [references] INT, \"FOREIGN\" INT)",
            "CREATE TABLE t(a DEFAULT 'REFERENCES x', [references] INT, \"FOREIGN\" INT)",
        ),
        (
            "CREATE TABLE t(a REFERENCES p ON INSERT CASCADE ON DELETE SET NULL DEFERRABLE, b)",
            "CREATE TABLE t(a , b)",
        ),
    ],
)
def test_foreign_keys_are_taken_out_of_a_statement(sql, without):
    assert without_foreign_keys(sql) == without


@pytest.fixture
def conn():
    made = apsw.Connection(":memory:")
    with execute.prepared(made):
        yield made
    made.close()


TABLE = (
    "CREATE TABLE c(id INTEGER PRIMARY KEY AUTOINCREMENT, p INT UNIQUE REFERENCES p(id) ON DELETE CASCADE, "
    "n TEXT DEFAULT 'x', own INT REFERENCES c(id), UNIQUE (n, p), FOREIGN KEY (n) REFERENCES p(n))"
)


def test_a_table_comes_back_just_as_it_was(conn):
    conn.execute("CREATE TABLE p(id INTEGER PRIMARY KEY, n UNIQUE)")
    conn.execute(TABLE)
    conn.execute("CREATE TABLE other(c REFERENCES c(id))")
    conn.execute("INSERT INTO c(id, p) VALUES (3, 4), (9, 5); DELETE FROM c WHERE id = 9")
    before = conn.execute("SELECT * FROM sqlite_schema ORDER BY name").fetchall()
    with conn:
        away = kept.put_away(conn, "c", "_tenantdb_old_1_1")
        assert away == kept.Kept(name="c", kept_as="_tenantdb_old_1_1", sql=TABLE, sequence=9)
        assert conn.execute("PRAGMA foreign_key_list(_tenantdb_old_1_1)").fetchall() == []
        assert conn.execute("SELECT id, p FROM _tenantdb_old_1_1").fetchall() == [(3, 4)]
    kept.bring_back(conn, away)
    assert conn.execute("SELECT * FROM sqlite_schema ORDER BY name").fetchall() == before
    assert kept.counter(conn, "c") == 9
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_triggers_and_indexes_of_a_table_go_when_it_does(conn):
    conn.execute("CREATE TABLE t(a); CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT a FROM t")
    conn.execute("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END")
    kept.put_away(conn, "t", "_tenantdb_old_1_1")
    left = conn.execute("SELECT name FROM sqlite_schema").fetchall()
    assert sorted(left) == [("_tenantdb_old_1_1",), ("v",)]


def test_a_counter_is_raised_and_never_lowered(conn):
    conn.execute(TABLE)
    kept.raise_counter(conn, "c", 5)
    kept.raise_counter(conn, "c", 3)
    kept.raise_counter(conn, "c", None)
    assert kept.counter(conn, "c") == 5
