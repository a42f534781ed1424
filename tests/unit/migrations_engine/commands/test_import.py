import json
from pathlib import Path

import apsw
import pytest

import migrations_engine as engine

COMMENTED = """CREATE TABLE t ( -- who they are
  -- above a
  a INTEGER PRIMARY KEY, -- the key
  /* block before b */ b TEXT NOT NULL, /* block
     * behind b */
  c TEXT DEFAULT '-- no', -- it's c
  /* above d,
     two lines */
  d TEXT CHECK (d <> '/*') /* in d */ DEFAULT 'x',
  e TEXT -- last, without a comma
  , f TEXT
  -- before the constraint
  , UNIQUE (a, b) -- behind it
)"""


def make(path, *statements):
    conn = apsw.Connection(str(path))
    for statement in statements:
        conn.execute(statement)
    conn.close()


def test_sql_comments_become_comments_of_the_document(shell):
    make("f.db", COMMENTED)
    found = json.loads(shell("import", "f.db"))["t"]
    assert found["_comment"] == "who they are\nbefore the constraint\nbehind it"
    assert found["_comments"] == {
        "a": "above a\nthe key",
        "b": "block before b\nblock\nbehind b",
        "c": "it's c",
        "d": "above d,\ntwo lines\nin d",
        "e": "last, without a comma",
    }


def test_comments_survive_the_way_through_document_and_file(shell):
    make("f.db", COMMENTED)
    schema = engine.introspect("f.db")
    again = engine.loads(schema.to_json())
    assert again == schema
    engine.apply(again, "g.db")
    assert engine.introspect("g.db") == schema
    shell("import", "f.db", "-o", "s.json")
    shell("format", "s.json", "--check")
    assert shell.code == 0


@pytest.mark.parametrize(
    ("table", "tool"),
    [
        ("alembic_version", "Alembic"),
        ("django_migrations", "Django"),
        ("__EFMigrationsHistory", "Entity Framework"),
        ("schema_migrations", "Rails, dbmate or golang-migrate"),
        ("_prisma_migrations", "Prisma"),
    ],
)
def test_version_tables_of_other_tools_are_carried_and_mentioned(shell, table, tool):
    make("f.db", "CREATE TABLE notes(id INTEGER PRIMARY KEY)", f"CREATE TABLE {table}(version TEXT NOT NULL)")
    shell("import", "f.db", "-o", "s.json")
    assert f"the table {table} is where {tool} notes its migrations" in shell.err
    assert f"--allow drop-table:{table}" in shell.err
    assert engine.load(Path("s.json")).table(table) is not None
    found = shell.json("import", "f.db")["version_tables"]
    assert [(each["table"], each["tool"]) for each in found] == [(table, tool)]


def test_the_advice_about_a_version_table_can_be_followed(shell):
    make("f.db", "CREATE TABLE notes(id INTEGER PRIMARY KEY)", "CREATE TABLE alembic_version(v TEXT)")
    shell("import", "f.db", "-o", "s.json")
    document = json.loads(Path("s.json").read_text())
    del document["alembic_version"]
    Path("s.json").write_text(json.dumps(document))
    shell("apply", "s.json", "f.db")
    assert shell.code == 3
    shell("apply", "s.json", "f.db", "--allow", "drop-table:alembic_version")
    assert shell.code == 0
    assert engine.introspect("f.db").table("alembic_version") is None
