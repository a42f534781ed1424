"""Every statement is tried on a real connection, with all that ``connections`` sets besides."""

from __future__ import annotations

import apsw
import pytest

from tenantdb.errors import Forbidden
from tenantdb.handles import connections
from tenantdb.model import Durability, Route

SCHEMA = (
    "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
    "CREATE TABLE _schema_versions(x)",
    "CREATE TABLE _tenantdb_log(n INTEGER PRIMARY KEY, tbl TEXT)",
    "CREATE TRIGGER _tenantdb_log_t AFTER INSERT ON t BEGIN INSERT INTO _tenantdb_log(tbl) VALUES ('t'); END",
    "CREATE VIRTUAL TABLE docs USING fts5(body)",
    "CREATE VIRTUAL TABLE places USING rtree(id, x0, x1)",
    "CREATE VIEW w AS SELECT * FROM t",
    "INSERT INTO t(v) VALUES ('a')",
)

READS = (
    "SELECT * FROM t",
    "SELECT * FROM w",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
    "SELECT * FROM docs WHERE docs MATCH 'x'",
    "SELECT highlight(docs, 0, '<', '>') FROM docs",
    "SELECT * FROM places WHERE x0 > 1",
    "SELECT json_extract('{\"a\": 1}', '$.a'), date('now'), lower('A')",
    "SELECT * FROM sqlite_schema",
    "SELECT * FROM _tenantdb_control",
    "EXPLAIN QUERY PLAN SELECT * FROM t",
    "PRAGMA user_version",
    "PRAGMA table_info(t)",
    "PRAGMA foreign_key_check",
    "SELECT * FROM pragma_table_xinfo('t')",
    "SELECT * FROM pragma_database_list",
)

WRITES = (
    "INSERT INTO t(v) VALUES ('b')",
    "UPDATE t SET v = 'b'",
    "DELETE FROM t",
    "REPLACE INTO t VALUES (1, 'b')",
    "INSERT INTO t(id, v) VALUES (1, 'b') ON CONFLICT DO UPDATE SET v = excluded.v RETURNING id",
    "INSERT INTO docs VALUES ('hello')",
    "INSERT INTO docs(docs) VALUES ('optimize')",
    "INSERT INTO places VALUES (1, 0, 1)",
    "UPDATE sqlite_sequence SET seq = 10",
    "WITH n(i) AS (SELECT 5) INSERT INTO t(v) SELECT i FROM n",
)

FORBIDDEN = (
    "ATTACH '/tmp/other.db' AS other",
    "ATTACH ':memory:' AS other",
    "ATTACH '' AS other",
    "DETACH main",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "END",
    "ROLLBACK",
    "CREATE TABLE n(x)",
    "CREATE TABLE n AS SELECT 1",
    "CREATE INDEX n ON t(v)",
    "CREATE VIEW n AS SELECT 1",
    "CREATE TRIGGER n AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE n USING fts5(x)",
    "DROP TABLE t",
    "DROP TABLE docs",
    "DROP VIEW w",
    "DROP TRIGGER _tenantdb_guard_i_t",
    "DROP TRIGGER _tenantdb_log_t",
    "ALTER TABLE t ADD COLUMN n",
    "ALTER TABLE t RENAME TO n",
    "ANALYZE",
    "REINDEX",
    "UPDATE _tenantdb_control SET state = 'retired'",
    "DELETE FROM _tenantdb_control",
    "INSERT INTO _tenantdb_log(tbl) VALUES ('t')",
    "update main._TENANTDB_CONTROL set state = 'retired'",
    "INSERT INTO _schema_versions VALUES (1)",
    "SELECT load_extension('x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT * FROM dbstat",
    "SELECT * FROM DBSTAT('main')",
    "PRAGMA journal_mode = delete",
    "PRAGMA main.journal_mode = off",
    "PRAGMA synchronous = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA user_version = 3",
    "PRAGMA application_id = 3",
    "PRAGMA schema_version = 3",
    "PRAGMA trusted_schema = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA mmap_size = 0",
    "PRAGMA optimize",
    "PRAGMA incremental_vacuum",
    "PRAGMA no_such_pragma",
    "SELECT * FROM pragma_cache_size",
)

TEMPORARY = (
    "CREATE TEMP TABLE n(x)",
    "CREATE TEMP TABLE n AS SELECT * FROM t",
    "CREATE TEMP VIEW n AS SELECT * FROM t",
    "CREATE TEMP TRIGGER n AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE temp.n USING fts5(x)",
)

SEQUENCES_OF_TEMP = (
    ("CREATE TEMP TABLE n(x)", "INSERT INTO n VALUES (1)", "UPDATE n SET x = 2", "DELETE FROM n"),
    ("CREATE TEMP TABLE n(x)", "CREATE INDEX temp.i ON n(x)", "DROP INDEX temp.i", "DROP TABLE n"),
    ("CREATE TEMP TABLE n(x)", "ALTER TABLE n RENAME TO m", "ALTER TABLE m ADD COLUMN y"),
    ("CREATE TEMP VIEW n AS SELECT 1", "DROP VIEW n"),
    ("CREATE TEMP TRIGGER n AFTER INSERT ON t BEGIN SELECT 1; END", "DROP TRIGGER n"),
)


@pytest.fixture
def route(make_file):
    path = make_file(*SCHEMA)
    return Route(tenant="acme", server="local", path=path, generation=1, epoch=1, schema_hash=None)


@pytest.fixture
def writer(route):
    writer = connections.open_writer(route, durability=Durability.FULL)
    yield writer
    writer.raw.close()


@pytest.fixture
def reader(route):
    reader = connections.open_reader(route)
    yield reader
    reader.raw.close()


def run(connection, sql):
    return connection.raw.execute(sql).fetchall()


@pytest.mark.parametrize("sql", READS)
def test_what_reads_is_allowed_everywhere(reader, writer, sql):
    assert run(reader, sql) == run(writer, sql)


@pytest.mark.parametrize("sql", WRITES)
def test_what_writes_is_allowed_to_writers_only(reader, writer, sql):
    run(writer, sql)
    with pytest.raises(apsw.ReadOnlyError):
        run(reader, sql)


@pytest.mark.parametrize("sql", FORBIDDEN)
@pytest.mark.parametrize("block", [False, True])
def test_what_is_forbidden_is_forbidden_everywhere(reader, writer, sql, block):
    before = run(writer, "SELECT name, sql FROM sqlite_schema ORDER BY name")
    for connection in (reader, writer):
        connection.authorizer.block = block
        with pytest.raises(Forbidden) as caught:
            run(connection, sql)
        assert caught.value.tenant == "acme"
    assert run(writer, "SELECT name, sql FROM sqlite_schema ORDER BY name") == before


@pytest.mark.parametrize("sql", ["VACUUM", "VACUUM INTO '/tmp/never.db'"])
def test_vacuum_is_impossible(writer, sql):
    with pytest.raises((Forbidden, apsw.SQLError)):
        run(writer, sql)


@pytest.mark.parametrize("sql", TEMPORARY)
def test_temp_objects_are_for_blocks(reader, writer, sql):
    for connection in (reader, writer):
        with pytest.raises(Forbidden):
            run(connection, sql)
        assert not connection.authorizer.tainted
        connection.authorizer.block = True
        run(connection, sql)
        assert connection.authorizer.tainted


@pytest.mark.parametrize("statements", SEQUENCES_OF_TEMP)
def test_temp_objects_can_be_used_changed_and_dropped(reader, writer, statements):
    for connection in (reader, writer):
        connection.authorizer.block = True
        for sql in statements:
            run(connection, sql)


def test_ddl_points_to_rollout(writer):
    with pytest.raises(Forbidden, match="tenantdb rollout start"):
        run(writer, "CREATE TABLE n(x)")


def test_capture_may_write_its_log_within_a_statement(writer):
    run(writer, "INSERT INTO t(v) VALUES ('b')")
    assert run(writer, "SELECT tbl FROM _tenantdb_log") == [("t",), ("t",)]


@pytest.mark.parametrize("name", ["sneaky", "_tenantdb_sneaky", "_TENANTDB_sneaky"])
def test_a_temp_trigger_cannot_write_our_tables(writer, name):
    writer.authorizer.block = True
    body = "UPDATE _tenantdb_control SET state = 'retired'"
    trigger = f"CREATE TEMP TRIGGER {name} AFTER INSERT ON t BEGIN {body}; END"
    with pytest.raises((Forbidden, apsw.SQLError)):
        writer.raw.execute(f"{trigger}; INSERT INTO t(v) VALUES ('b')")
    assert run(writer, "SELECT state FROM _tenantdb_control") == [("open",)]


def test_a_savepoint_in_a_reader_is_for_blocks_and_spoils_it(reader, writer):
    run(writer, "SAVEPOINT a")
    run(writer, "RELEASE a")
    with pytest.raises(Forbidden):
        run(reader, "SAVEPOINT a")
    reader.authorizer.block = True
    run(reader, "SAVEPOINT a")
    assert reader.authorizer.tainted


def test_deferring_foreign_keys_is_allowed_because_it_ends_with_the_transaction(writer):
    run(writer, "PRAGMA defer_foreign_keys = ON")


def test_what_is_trusted_cannot_be_run_from_the_statement_cache(writer):
    writer.authorizer.trusted(writer.raw, "BEGIN")
    writer.authorizer.trusted(writer.raw, "COMMIT")
    for sql in ("BEGIN", "COMMIT"):
        with pytest.raises(Forbidden):
            run(writer, sql)


def test_the_schema_table_cannot_be_written_by_hand(writer):
    with pytest.raises(apsw.SQLError):
        run(writer, "UPDATE sqlite_schema SET sql = ''")


def test_foreign_keys_are_enforced(make_file):
    path = make_file("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(p REFERENCES p)", name="fk.db")
    route = Route(tenant="acme", server="local", path=path, generation=1, epoch=1, schema_hash=None)
    writer = connections.open_writer(route, durability=Durability.FULL)
    with pytest.raises(apsw.ConstraintError):
        run(writer, "INSERT INTO c VALUES (1)")
    writer.raw.close()
