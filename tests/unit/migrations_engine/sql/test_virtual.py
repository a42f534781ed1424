"""What the arguments of a virtual table say, in the languages of the modules that come with SQLite."""

from __future__ import annotations

import pytest

from migrations_engine.sql.heads import parse_virtual_table
from migrations_engine.sql.virtual import definition, is_shadow


def read(using):
    return definition(parse_virtual_table(f"CREATE VIRTUAL TABLE t USING {using}"))


@pytest.mark.parametrize(
    ("using", "columns", "content"),
    [
        ("fts5(a, \"b c\" UNINDEXED, tokenize = 'porter ascii')", ("a", "b c"), "own"),
        ("fts5(a, content='')", ("a",), "contentless"),
        ("fts5(a, content = docs, content_rowid=id)", ("a",), "external"),
        ("FTS5(a, [content])", ("a", "content"), "own"),
        ('fts4(a TEXT NOT NULL, b, languageid="lang")', ("a", "b", "lang"), "own"),
        ('fts4(content="", a)', ("a",), "contentless"),
        ("fts4(content='docs')", (), "external"),
        ("fts4", ("content",), "own"),
        ('fts4(tokenize=unicode61 "tokenchars=.,", a, prefix="2,3")', ("a",), "own"),
        ("fts3(a, tokenize porter)", ("a",), "own"),
        ("fts3(a, content='')", ("a", "content"), "own"),
        ("rtree(id, x0 REAL, x1, +name TEXT, +n)", ("x0", "x1", "name", "n"), "own"),
        ("rtree_i32(id, a, b)", ("a", "b"), "own"),
        ("geopoly(a, b TEXT)", ("_shape", "a", "b"), "own"),
        ("fts5vocab('f', 'row')", (), "none"),
        ("vec0(embedding float[3], +text)", (), "unknown"),
        ("csv(filename='a.csv', schema='CREATE TABLE x(a, b)')", (), "unknown"),
    ],
)
def test_columns_and_content_are_read(using, columns, content):
    found = read(using)
    assert (found.columns, found.content) == (columns, content)


def test_the_table_that_is_indexed_and_its_rowid_are_read():
    found = read("fts5(a, content='my docs', content_rowid=\"id\")")
    assert (found.source, found.source_key) == ("my docs", "id")
    assert read("fts4(a, content=docs)").source_key == "rowid"


def test_the_coordinates_of_an_r_tree_stand_between_its_key_and_what_goes_along():
    found = read("rtree(key, a, b, c, d, +note)")
    assert (found.key, found.coordinates) == ("key", 4)


@pytest.mark.parametrize(
    ("name", "owned"),
    [
        ("v_chunks", True),
        ("V_Vector_Chunks01", True),
        ("v_vector_chunks", False),
        ("v_notes", False),
        ("w_chunks", False),
    ],
)
def test_shadow_tables_of_a_widespread_module_are_known_where_it_is_not_loaded(name, owned):
    assert is_shadow(name, parse_virtual_table("CREATE VIRTUAL TABLE v USING vec0(a float[3])")) is owned


def test_tables_beside_those_of_a_module_that_nobody_knows_are_tables():
    assert not is_shadow("v_chunks", parse_virtual_table("CREATE VIRTUAL TABLE v USING mine(a)"))
