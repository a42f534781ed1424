import json

import apsw
import pytest

import migrations_engine as engine


@pytest.fixture
def conn():
    found = apsw.Connection(":memory:")
    yield found
    found.close()


def test_a_file_and_a_connection_say_the_same(tmp_path):
    path = tmp_path / "a.db"
    conn = apsw.Connection(str(path))
    conn.execute("CREATE TABLE t(a INT); CREATE INDEX i ON t(a)")
    assert engine.introspect(path) == engine.introspect(conn)
    with conn:
        assert engine.introspect(conn).tables[0].indexes[0].name == "i"


def test_what_is_not_the_users_is_left_out(conn):
    conn.execute(
        """CREATE TABLE mine(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE);
           CREATE TABLE _schema_versions(a); CREATE TABLE _tenantdb_control(a); CREATE TABLE _TenantDB_Log(a);
           CREATE INDEX _tenantdb_index ON mine(a); CREATE INDEX other ON _tenantdb_control(a);
           CREATE TRIGGER _tenantdb_guard_i_mine BEFORE INSERT ON mine BEGIN SELECT 1; END;
           CREATE VIRTUAL TABLE docs USING fts5(text); INSERT INTO docs VALUES ('x'); ANALYZE;"""
    )
    schema = engine.introspect(conn)
    assert [table.name for table in schema.tables] == ["mine"]
    assert (schema.tables[0].indexes, schema.triggers) == ((), ())
    assert [(table.name, table.module) for table in schema.virtual_tables] == [("docs", "fts5")]


@pytest.mark.parametrize(
    "alteration",
    [
        "ADD COLUMN c TEXT DEFAULT 'x' REFERENCES p(id)",
        "ADD COLUMN c AS (a + 1)",
        "RENAME COLUMN b TO c",
        "DROP COLUMN b",
        "RENAME TO t2",
        "ADD CONSTRAINT fresh CHECK (a > 1)",
        "DROP CONSTRAINT old",
        "ALTER COLUMN b SET NOT NULL",
    ],
)
def test_altered_tables_are_read_as_what_they_became(conn, alteration):
    conn.execute(
        """CREATE TABLE t(a INT, -- the a
           b TEXT DEFAULT ')' -- the b
           , CONSTRAINT old CHECK (a < 5), UNIQUE (a))"""
    )
    conn.execute(f"ALTER TABLE t {alteration}")
    schema = engine.introspect(conn)
    rebuilt = apsw.Connection(":memory:")
    for statement in engine.ddl(schema):
        rebuilt.execute(statement)
    assert engine.introspect(rebuilt) == schema


def test_temporary_objects_hide_nothing(conn):
    conn.execute("CREATE TABLE t(a INT UNIQUE); CREATE TEMP TABLE t(b); CREATE TEMP VIEW v AS SELECT 1")
    schema = engine.introspect(conn)
    assert [column.name for column in schema.tables[0].columns] == ["a"]
    assert schema.views == ()


def test_a_schema_that_is_no_text_is_damage(conn):
    conn.execute("CREATE TABLE t(a)")
    conn.execute("PRAGMA writable_schema = ON")
    conn.execute("UPDATE sqlite_schema SET sql = CAST(x'435245415445205441424c452074286120ff29' AS TEXT)")
    with pytest.raises(engine.DatabaseDamaged, match="not UTF-8"):
        engine.introspect(conn)


def test_a_table_made_from_a_query_is_read(conn):
    conn.execute("CREATE TABLE t AS SELECT 1 AS \"a b\", 'x' AS c, 1.5 AS d")
    assert [column.name for column in engine.introspect(conn).tables[0].columns] == ["a b", "c", "d"]


def test_a_column_of_an_index_in_single_quotes_stays_written_so(conn):
    conn.execute("CREATE TABLE t(a, b, UNIQUE ('b', 'a')); CREATE INDEX i ON 't' ('a' DESC, 'b', lower(b))")
    schema = engine.introspect(conn)
    document = json.loads(schema.to_json())
    assert document["t"]["_indexes"] == [{"columns": ["'a' DESC", "'b'", "lower(b)"], "name": "i"}]
    assert document["t"]["_unique_constraints"] == [["b", "a"]]
    assert engine.ddl(schema)[-1] == """CREATE INDEX "i" ON "t" ('a' DESC, 'b', lower(b))"""
    bare = schema.to_json().replace("'", "")
    assert engine.loads(bare).hash == engine.loads(schema.to_json()).hash == schema.hash


def test_nothing_of_the_file_is_run(conn):
    ran = []
    conn.create_scalar_function("noted", lambda *_: ran.append(1), deterministic=True)
    conn.execute(
        """CREATE TABLE t(a CHECK (noted(a) IS NULL), b AS (noted(a)));
           CREATE VIEW v AS SELECT noted(a) FROM t;
           CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT noted(1); END;"""
    )
    ran.clear()
    assert len(engine.introspect(conn).views) == 1
    assert ran == []


def test_functions_collations_and_modules_of_the_application_may_be_missing(tmp_path):
    path = tmp_path / "a.db"
    theirs = apsw.Connection(str(path))
    theirs.create_scalar_function("theirs", lambda *_: 1, deterministic=True)
    theirs.create_collation("theirs", lambda a, b: (a > b) - (a < b))
    theirs.execute(
        """CREATE TABLE t(a TEXT COLLATE theirs UNIQUE CHECK (theirs(a)), b AS (theirs(a)));
           CREATE INDEX i ON t(theirs(a)) WHERE theirs(a) > 1; CREATE VIEW v AS SELECT theirs(1);
           PRAGMA writable_schema = ON;
           INSERT INTO sqlite_schema
             VALUES ('table', 'x', 'x', 0, 'CREATE VIRTUAL TABLE x USING theirs(1)')"""
    )
    theirs.close()
    schema = engine.introspect(path)
    assert [len(found) for found in (schema.tables, schema.views, schema.virtual_tables)] == [1, 1, 1]
    assert schema.tables[0].indexes[0].columns[0].expression == "theirs(a)"


def test_a_file_whose_text_and_structure_disagree_is_refused(tmp_path):
    path = tmp_path / "a.db"
    conn = apsw.Connection(str(path))
    conn.execute("CREATE TABLE t(a INT, b INT)")
    conn.execute("PRAGMA writable_schema = ON")
    conn.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE t(a INT, b INT NOT NULL)'")
    with pytest.raises(engine.Unsupported, match="its columns are") as refused:
        engine.introspect(conn)
    assert refused.value.object_name == "t"


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database at all, and long enough to be taken for one" * 20)
    with pytest.raises(engine.DatabaseDamaged, match=r"a\.db"):
        engine.introspect(path)


def test_a_missing_file_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        engine.introspect(tmp_path / "a.db")
    assert list(tmp_path.iterdir()) == []


def test_a_type_that_sqlite_itself_cuts_within_a_character_is_read_whole(conn):
    conn.execute("CREATE TABLE t (a [int] \N{LATIN SMALL LETTER E WITH ACUTE})")
    assert engine.introspect(conn).tables[0].columns[0].type == "[int] \N{LATIN SMALL LETTER E WITH ACUTE}"
