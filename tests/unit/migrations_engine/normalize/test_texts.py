"""Strings in double quotes, which SQLite takes where no column has that name."""

from __future__ import annotations

import json

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.normalize.texts import single_quoted

QUOTED = """
    CREATE TABLE t(
        a INT CHECK (a <> "w" AND "b" > 0), b INT, g TEXT AS ("w" || "a"), "w x" TEXT, CHECK ("rowid" > 0)
    );
    CREATE INDEX i ON t(a || "w") WHERE b <> "w";
    CREATE INDEX alone ON t("w");
"""


@pytest.fixture
def quoted(db):
    """A file whose definitions have strings in double quotes."""
    db.conn.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
    db.run(QUOTED)
    return db


@pytest.mark.parametrize(
    ("written", "settled"),
    [
        ('a <> "w"', "a <> 'w'"),
        ('"A" <> "it\'s" || "x"', "\"A\" <> 'it''s' || 'x'"),
        ('"t"."w" = "lower"(a)', '"t"."w" = "lower"(a)'),
        ('a = b COLLATE "nocase"', 'a = b COLLATE "nocase"'),
        ('a = [w] OR a = `w` /* "w" */', 'a = [w] OR a = `w` /* "w" */'),
        ("a = '\"w\"'", "a = '\"w\"'"),
    ],
)
def test_only_what_names_nothing_is_a_string(written, settled):
    assert single_quoted(written, frozenset({"a", "b"})) == settled


def test_a_file_is_read_with_its_strings_in_single_quotes(quoted):
    (table,) = engine.introspect(quoted.path).tables
    assert [check.expression for check in table.checks] == ["a <> 'w' AND \"b\" > 0", '"rowid" > 0']
    assert table.column("g").generated.expression == "'w' || \"a\""
    by_name = {index.name: index for index in table.indexes}
    assert (by_name["i"].columns[0].expression, by_name["i"].where) == ("a || 'w'", "b <> 'w'")
    assert by_name["alone"].columns[0].expression == '"w"'


def test_a_document_is_read_so_too(schema):
    (table,) = schema({"t": {"a": 'INT CHECK (a <> "w")', "b": "INT", "_checks": ['"b" <> "v"']}}).tables
    assert [check.expression for check in table.checks] == ["a <> 'w'", "\"b\" <> 'v'"]


def test_the_hash_is_the_same_in_either_spelling(quoted, schema):
    read = engine.introspect(quoted.path)
    assert engine.loads(read.to_json()).hash == read.hash
    one, other = ({"t": {"a": f"INT CHECK (a <> {text})"}} for text in ('"w"', "'w'"))
    assert schema(one).hash == schema(other).hash


def test_a_string_stays_one_when_a_column_of_that_name_comes(db):
    db.conn.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
    db.run('CREATE TABLE t(a TEXT DEFAULT "hello", b INT CHECK (b <> "world"))')
    document = json.loads(engine.introspect(db.path).to_json())
    document["t"] |= {"hello": "TEXT", "world": "INT"}
    db.apply(document)
    db.run("INSERT INTO t(b, world) VALUES (5, 5)")
    assert db.run("SELECT a, b FROM t") == [("hello", 5)]


def test_a_string_stays_one_when_a_column_takes_that_name(db):
    db.conn.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
    db.run('CREATE TABLE t(a INT, b INT CHECK (b <> "world"))')
    db.apply({"t": {"world": "INT", "b": "INT CHECK (b <> 'world')", "_renames": {"world": "a"}}})
    db.run("INSERT INTO t(b, world) VALUES (5, 5)")
    assert db.run("SELECT b FROM t") == [(5,)]
