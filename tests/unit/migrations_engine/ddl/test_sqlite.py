import apsw
import pytest

import migrations_engine as engine
from migrations_engine.ddl import sqlite
from migrations_engine.sql.tables import parse_table


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t(a)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, b INT DEFAULT -1)",
        "CREATE TABLE t(a, b, PRIMARY KEY (a, b COLLATE x DESC) ON CONFLICT FAIL) WITHOUT ROWID, STRICT",
        'CREATE TABLE t([a b] \'odd type\' (1, 2) CONSTRAINT "my n" NOT NULL COLLATE "order")',
        "CREATE TABLE t(a, b AS (a + 1) STORED, c GENERATED ALWAYS AS (a || ')') VIRTUAL)",
        'CREATE TABLE t(a CHECK (a -- so\n > 1), b REFERENCES [p q]("x y") DEFERRABLE INITIALLY DEFERRED)',
        "CREATE TABLE t(a, b, FOREIGN KEY (a, b) REFERENCES p(x, y) MATCH FULL, UNIQUE (b, a))",
        "CREATE TABLE t -- about t\n(a, -- about a\n-- above b\n-- and more\nb)",
        "CREATE TABLE t(a CONSTRAINT d DEFAULT bare CONSTRAINT n NULL)",
    ],
)
def test_a_table_is_written_as_it_was_read(sql):
    table = parse_table(sql)
    assert parse_table(sqlite.create_table(table)) == table


def test_a_rebuild_makes_a_table_and_its_indexes_under_other_names():
    schema = engine.loads(
        '{"t": {"a": "INT", "_indexes": [{"columns": "a", "where": "a > 1", "unique": true}]}}'
    )
    (table,) = schema.tables
    assert sqlite.create_table(table, name="new t").startswith('CREATE TABLE "new t" (')
    assert sqlite.create_index(table.indexes[0], name="new i", table="new t") == (
        'CREATE UNIQUE INDEX "new i" ON "new t" (a) WHERE a > 1'
    )


def test_a_column_is_written_as_alter_table_takes_it():
    conn = apsw.Connection(":memory:")
    (table,) = engine.loads(
        '{"t": {"a": "INT", "b c": "TEXT NOT NULL DEFAULT \'x\' CHECK (\\"b c\\" > 1)"}}'
    ).tables
    conn.execute("CREATE TABLE t(a INT)")
    conn.execute(f"ALTER TABLE t ADD COLUMN {sqlite.column_definition(table, table.columns[1])}")
    assert engine.introspect(conn).tables == (table,)


def test_statements_come_in_an_order_that_works_with_triggers_by_name():
    schema = engine.loads(
        """{"_triggers": {
              "z": "CREATE TRIGGER z AFTER INSERT ON t BEGIN SELECT 1; END",
              "A": "CREATE TRIGGER A INSTEAD OF INSERT ON v BEGIN SELECT 1; END"},
            "_views": {"v": "CREATE VIEW v AS SELECT * FROM t"},
            "_virtual_tables": {"f": "CREATE VIRTUAL TABLE f USING fts5(x)"},
            "t": {"a": "INT", "_indexes": ["a"]}}"""
    )
    conn = apsw.Connection(":memory:")
    for statement in engine.ddl(schema, "sqlite"):
        conn.execute(statement)
    assert [statement.split('"')[0].split("(")[0][:14].strip() for statement in engine.ddl(schema)] == [
        "CREATE TABLE",
        "CREATE INDEX",
        "CREATE VIRTUAL",
        "CREATE VIEW v",
        "CREATE TRIGGER",
        "CREATE TRIGGER",
    ]
    assert engine.ddl(schema)[-1].startswith("CREATE TRIGGER z")


def test_a_dialect_without_ddl_is_refused_with_those_that_have_it():
    with pytest.raises(engine.UnknownDialect, match=r"'oracle'; available: .*sqlite"):
        engine.ddl(engine.loads("{}"), "oracle")
