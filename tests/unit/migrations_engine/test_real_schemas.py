from pathlib import Path

import apsw
import pytest

import migrations_engine as engine

SCHEMAS = sorted((Path(__file__).parents[2] / "data" / "schemas").glob("*.sql"))


@pytest.fixture(params=SCHEMAS, ids=lambda path: path.stem)
def conn(request):
    found = apsw.Connection(":memory:")
    found.execute(request.param.read_text(encoding="utf-8"))
    yield found
    found.close()


def test_a_built_copy_has_the_hash_of_the_original(conn):
    schema = engine.introspect(conn)
    copy = apsw.Connection(":memory:")
    for statement in engine.ddl(schema, "sqlite"):
        copy.execute(statement)
    assert engine.introspect(copy).hash == schema.hash


def test_the_document_says_all(conn):
    schema = engine.introspect(conn)
    assert engine.loads(schema.to_json()) == schema


def test_every_object_is_carried(conn):
    schema = engine.introspect(conn)
    indexes = [index.name for table in schema.tables for index in table.indexes]
    carried = [found.name for found in (*schema.tables, *schema.views, *schema.triggers)] + indexes
    there = conn.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall()
    assert sorted(carried) == sorted(name for (name,) in there)


def test_comments_reach_the_document():
    conn = apsw.Connection(":memory:")
    conn.execute(SCHEMAS[0].read_text(encoding="utf-8"))
    column = engine.introspect(conn).table("practitioners").column("licence")
    assert column.comment == "as printed on the certificate"
