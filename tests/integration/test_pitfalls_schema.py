"""The traps of changing a schema in SQLite, each with what the engine does about it."""

from __future__ import annotations

import json

import apsw
import pytest

import migrations_engine as engine

P = {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}


class File:
    """A lone file, with one connection that stays open all the while."""

    def __init__(self, path):
        self.path = path
        self.conn = apsw.Connection(str(path))

    def run(self, sql):
        return self.conn.execute(sql).fetchall()

    def apply(self, document, **options):
        return engine.apply(engine.loads(json.dumps(document)), self.path, **options)

    def sql(self, name):
        return self.run(f"SELECT sql FROM sqlite_schema WHERE name = '{name}'")[0][0]


@pytest.fixture
def file(tmp_path):
    made = File(tmp_path / "file.db")
    yield made
    made.conn.close()


def test_children_of_a_rebuilt_table_refer_to_it_and_not_to_the_old_one(file):
    child = {"id": "INTEGER PRIMARY KEY", "p": "INTEGER REFERENCES p(id) ON DELETE CASCADE"}
    file.apply({"p": P, "c": child})
    file.run("INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES (1, 1)")
    file.apply({"p": {**P, "a": "TEXT COLLATE NOCASE"}, "c": child})
    assert "_tenantdb" not in file.sql("c")
    file.run("PRAGMA foreign_keys = ON; DELETE FROM p")
    assert file.run("SELECT * FROM c") == []


def test_tables_that_refer_to_each_other_are_made_filled_and_rebuilt(file):
    def cycle(a):
        return {
            "p": {"id": "INTEGER PRIMARY KEY", "head": "INTEGER NOT NULL REFERENCES c(id)", "a": a},
            "c": {
                "id": "INTEGER PRIMARY KEY",
                "p": "INTEGER REFERENCES p(id)",
                "up": "INTEGER REFERENCES c(id)",
            },
        }

    file.apply(cycle("TEXT"))
    file.run("PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1, 5, 'x'); INSERT INTO c VALUES (5, 1, 5)")
    assert file.apply(cycle("TEXT COLLATE NOCASE")).strategy == "rebuild"
    assert file.run("PRAGMA foreign_key_check") == []
    assert (file.run("SELECT * FROM p"), file.run("SELECT * FROM c")) == ([(1, 5, "x")], [(5, 1, 5)])


# ADD COLUMN


@pytest.mark.parametrize("definition", ["TEXT DEFAULT 'no' CHECK (n <> 'no')", "INT CHECK (n IS NOT NULL)"])
def test_a_new_column_whose_check_the_rows_violate_is_refused(file, definition):
    file.apply({"p": P})
    file.run("INSERT INTO p VALUES (1, 'x')")
    with pytest.raises(engine.DataDoesNotFit, match="CHECK"):
        file.apply({"p": {**P, "n": definition}})
    assert engine.introspect(file.path).hash == engine.loads(json.dumps({"p": P})).hash


def test_a_new_reference_with_a_default_is_checked_against_the_parents(file):
    file.apply({"p": P})
    file.run("INSERT INTO p VALUES (1, 'x'), (2, 'y')")
    file.apply({"p": {**P, "boss": "INTEGER DEFAULT 1 REFERENCES p(id)"}})
    assert file.run("SELECT boss FROM p") == [(1,), (1,)]
    with pytest.raises(engine.DataDoesNotFit, match="FOREIGN KEY"):
        file.apply(
            {
                "p": {
                    **P,
                    "boss": "INTEGER DEFAULT 1 REFERENCES p(id)",
                    "x": "INTEGER DEFAULT 9 REFERENCES p(id)",
                }
            }
        )


def test_a_column_that_was_appended_is_copied_by_its_name(file):
    file.apply({"t": {"a": "TEXT", "z": "TEXT"}})
    file.run("INSERT INTO t VALUES ('a', 'z')")
    file.apply({"t": {"a": "TEXT", "m": "TEXT DEFAULT 'm'", "z": "TEXT"}})
    assert [name for (name,) in file.run("SELECT name FROM pragma_table_info('t')")] == ["a", "z", "m"]
    file.apply({"t": {"a": "TEXT", "m": "TEXT DEFAULT 'm'", "z": "TEXT COLLATE NOCASE"}})
    assert [name for (name,) in file.run("SELECT name FROM pragma_table_info('t')")] == ["a", "m", "z"]
    assert file.run("SELECT a, m, z FROM t") == [("a", "m", "z")]


# Copying rows


def test_generated_columns_are_computed_anew_on_both_sides_of_a_rebuild(file):
    columns = {"a": "TEXT", "up": "TEXT AS (upper(a)) STORED", "low": "TEXT AS (lower(a))", "b": "INT"}
    file.apply({"t": columns})
    file.run("INSERT INTO t(a, b) VALUES ('Xy', 1)")
    file.apply({"t": {**columns, "b": "INT NOT NULL"}})
    assert file.run("SELECT a, up, low, b FROM t") == [("Xy", "XY", "xy", 1)]
    file.apply({"t": {**columns, "up": "TEXT", "b": "INT"}})
    assert file.run("SELECT a, up FROM t") == [("Xy", "XY")]


VALUES = (
    "9223372036854775807",
    "9007199254740993",
    "-0.0",
    "1.0",
    "9e999",
    "'007'",
    "'1e3'",
    "x'303037'",
    "NULL",
    "''",
    "x''",
    "'a' || char(0) || 'b'",
    "CAST(x'ff00fe' AS TEXT)",
    "'e' || char(769)",
)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_values_come_through_a_rebuild_bit_by_bit(file, encoding):
    file.run(f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    for number, value in enumerate(VALUES):
        file.run(f"INSERT INTO t VALUES ({number}, {value})")
    look = "SELECT id, typeof(v), hex(CAST(v AS BLOB)), hex(quote(v)) FROM t ORDER BY id"
    before = file.run(look)
    assert (
        file.apply({"t": {"id": "INTEGER PRIMARY KEY", "v": "COLLATE NOCASE CHECK (id >= 0)"}}).strategy
        == "rebuild"
    )
    assert file.run(look) == before


@pytest.mark.parametrize(
    ("definition", "stored"),
    [
        ("FLOATING POINT", 7),
        ("CHARINT", 7),
        ("STRING", 7),
        ("BOOLEAN", 7),
        ("DATETIME", 7),
        ("VARCHAR(9)", "007"),
        ("BLOB", "007"),
    ],
)
def test_a_type_rewrites_by_its_affinity_and_only_with_leave(file, definition, stored):
    file.apply({"t": {"v": "TEXT"}})
    file.run("INSERT INTO t VALUES ('007')")
    document = {"t": {"v": definition}}
    if stored == 7:
        with pytest.raises(engine.DestructiveChange):
            file.apply(document)
        assert file.run("SELECT v FROM t") == [("007",)]
    file.apply(document, allow_destructive=stored == 7)
    assert file.run("SELECT v FROM t") == [(stored,)]


@pytest.mark.parametrize("definition", ["INT PRIMARY KEY", "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY DESC"])
def test_a_key_that_is_no_rowid_any_more_keeps_values_and_rowids(file, definition):
    file.apply({"t": {"id": "INTEGER PRIMARY KEY", "v": ""}})
    file.run("INSERT INTO t VALUES (7, 'x'), (99, 'y')")
    assert file.apply({"t": {"id": definition, "v": ""}}).changed
    assert file.run("SELECT rowid, id, v FROM t") == [(7, 7, "x"), (99, 99, "y")]
    assert file.apply({"t": {"id": "INTEGER PRIMARY KEY", "v": ""}}).changed
    file.run("INSERT INTO t(v) VALUES ('z')")
    assert file.run("SELECT id FROM t") == [(7,), (99,), (100,)]


def test_null_keys_are_found_before_a_table_loses_its_rowid(file):
    file.apply({"t": {"k": "TEXT PRIMARY KEY", "v": ""}})
    file.run("INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('k', 3)")
    with pytest.raises(engine.DataDoesNotFit) as refused:
        file.apply({"t": {"k": "TEXT PRIMARY KEY", "v": "", "_options": {"without_rowid": True}}})
    assert [misfit.count for misfit in refused.value.misfits] == [2]
    assert file.run("SELECT count(*) FROM t") == [(3,)]


def test_a_value_larger_than_many_pages_is_carried(file):
    file.apply({"t": {"v": "BLOB"}})
    file.run("INSERT INTO t VALUES (randomblob(3000000))")
    before = file.run("SELECT v FROM t")
    file.apply({"t": {"v": "BLOB NOT NULL"}})
    assert file.run("SELECT v FROM t") == before


# Objects that are easy to lose


def test_every_kind_of_object_on_a_rebuilt_table_is_there_afterwards(file):
    document = {
        "p": {"x": "INT", "y": "INT", "_primary_key": ["x", "y"]},
        "t": {
            "a": "TEXT COLLATE NOCASE NOT NULL ON CONFLICT IGNORE",
            "b": "INT CONSTRAINT positive CHECK (b > 0) DEFAULT (1 + 1)",
            "c": "INT UNIQUE ON CONFLICT REPLACE",
            "_foreign_keys": [
                {
                    "columns": ["b", "c"],
                    "references": "p(x, y)",
                    "on_delete": "SET NULL",
                    "on_update": "CASCADE",
                    "deferrable": "INITIALLY DEFERRED",
                    "match": "FULL",
                    "name": "fk",
                }
            ],
            "_checks": ["length(a) > 0"],
            "_indexes": [
                {"columns": ["lower(a)", "b DESC"], "where": "b > 5", "name": "partial"},
                {"columns": ["a COLLATE RTRIM"], "unique": True, "name": "trimmed"},
            ],
        },
        "w": {"k": "TEXT PRIMARY KEY", "_options": {"strict": True, "without_rowid": True}},
        "_views": {"v": "CREATE VIEW v AS SELECT a FROM t"},
        "_triggers": {
            "onto": "CREATE TRIGGER onto INSTEAD OF INSERT ON v BEGIN INSERT INTO t(a) VALUES (NEW.a); END",
            "other": "CREATE TRIGGER other AFTER DELETE ON w BEGIN DELETE FROM t; END",
        },
    }
    file.apply(document)
    wider = {**document, "t": {**document["t"], "d": "TEXT DEFAULT CURRENT_TIMESTAMP"}}
    assert file.apply(wider).strategy == "rebuild"
    assert engine.introspect(file.path).hash == engine.loads(json.dumps(wider)).hash
    file.run("INSERT INTO v VALUES ('through the view')")
    assert file.run("SELECT a, b FROM t") == [("through the view", 2)]


def test_views_and_triggers_that_call_the_application_are_carried_and_not_run(file):
    file.run(
        "CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x');"
        "CREATE VIEW v AS SELECT mine(a) AS m FROM t ORDER BY a COLLATE ours;"
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT mine(NEW.a); END"
    )
    document = json.loads(engine.introspect(file.path).to_json())
    document["t"]["a"] = "TEXT NOT NULL DEFAULT 'a'"
    assert file.apply(document).strategy == "rebuild"
    file.conn.create_scalar_function("mine", lambda value: f"mine {value}")
    file.conn.create_collation("ours", lambda a, b: (a > b) - (a < b))
    file.run("INSERT INTO t VALUES ('y')")
    assert file.run("SELECT m FROM v") == [("mine x",), ("mine y",)]


def test_names_of_every_kind_come_through_a_rebuild(file):
    odd = ("order", "two words", 'quo"te', "[x]", "`tick`", "it's", "1st", "é", "É", "a.b", "--", "")
    columns = dict.fromkeys(odd, "TEXT")
    file.apply({"select": columns})
    listed = ", ".join(f"'{number}'" for number in range(len(odd)))
    file.run(f'INSERT INTO "select" VALUES ({listed})')
    changed = {**columns, "order": "TEXT COLLATE NOCASE"}
    assert file.apply({"select": changed}).strategy == "rebuild"
    assert file.run('SELECT * FROM "select"') == [tuple(str(number) for number in range(len(odd)))]


@pytest.mark.parametrize("name", ["_schema_versions", "_tenantdb_control", "sqlite_mine"])
def test_a_document_cannot_name_the_engines_tables(file, name):
    with pytest.raises(engine.SchemaError, match=name):
        engine.loads(json.dumps({"_tables": {name: {"a": "INT"}}}))


def test_a_default_in_double_quotes_stays_a_text_when_a_column_of_that_name_comes(file):
    file.conn.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
    file.run('CREATE TABLE t(a TEXT DEFAULT "hello", b INT)')
    document = json.loads(engine.introspect(file.path).to_json())
    document["t"] |= {"hello": "TEXT"}
    file.apply(document)
    file.run("INSERT INTO t(b) VALUES (5)")
    assert file.run("SELECT a, b FROM t") == [("hello", 5)]


def test_a_column_that_an_index_a_view_and_a_trigger_used_can_go_with_them(file):
    both = {"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "TEXT AS (upper(a))", "_indexes": ["a"]}
    file.apply(
        {
            "t": both,
            "_views": {"v": "CREATE VIEW v AS SELECT a FROM t"},
            "_triggers": {"g": "CREATE TRIGGER g AFTER UPDATE OF a ON t BEGIN SELECT NEW.a; END"},
        }
    )
    file.run("INSERT INTO t(id, a) VALUES (1, 'x')")
    file.apply({"t": {"id": "INTEGER PRIMARY KEY"}}, allow_destructive=True)
    assert file.run("SELECT * FROM t") == [(1,)]


# Names passed around


def test_a_name_that_goes_and_comes_back_as_another_column_is_one_transformation(file):
    file.apply({"t": {"a": "TEXT", "b": "INT"}})
    file.run("INSERT INTO t VALUES ('text', 5)")
    file.apply({"t": {"b": "TEXT", "c": "INT", "_renames": {"b": "a", "c": "b"}}})
    assert file.run("SELECT b, c FROM t") == [("text", 5)]


# Files


def test_an_apply_never_puts_another_file_in_the_place_of_the_one_that_is_open(file):
    file.apply({"t": {"a": "TEXT"}})
    file.run("INSERT INTO t VALUES ('x')")
    before = file.path.stat().st_ino
    file.apply({"t": {"a": "TEXT NOT NULL"}})
    file.run("INSERT INTO t VALUES ('through the handle of before')")
    assert file.path.stat().st_ino == before
    other = apsw.Connection(str(file.path))
    assert other.execute("SELECT count(*) FROM t").fetchall() == [(2,)]
    other.close()


class Full(apsw.VFS):
    """SQLite's own way to the disk, which is full after so many writes."""

    def __init__(self):
        self.base = apsw.vfs_names()[0]
        self.room = 10**9
        super().__init__("full", base=self.base, makedefault=True)

    def xOpen(self, name, flags):  # noqa: N802
        file = FullFile(self.base, name, flags)
        file.disk = self
        return file


class FullFile(apsw.VFSFile):
    def xWrite(self, data, offset):  # noqa: N802
        self.disk.room -= 1
        if self.disk.room < 0:
            raise apsw.FullError("no room")
        super().xWrite(data, offset)


@pytest.fixture
def disk():
    made = Full()
    yield made
    apsw.set_default_vfs(made.base)
    made.unregister()


@pytest.mark.parametrize("room", [0, 1, 3, 10, 30])
def test_a_full_disk_leaves_the_file_as_it_was(disk, file, room):
    file.apply({"t": {"a": "TEXT"}})
    file.run(
        "PRAGMA cache_size = 10; WITH s(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM s LIMIT 300)"
        "INSERT INTO t SELECT hex(randomblob(200)) FROM s"
    )
    before = engine.introspect(file.path).hash, file.run("SELECT rowid, a FROM t")
    disk.room = room
    with pytest.raises(OSError, match="full"):
        file.apply({"t": {"a": "TEXT COLLATE NOCASE"}})
    disk.room = 10**9
    assert (engine.introspect(file.path).hash, file.run("SELECT rowid, a FROM t")) == before
    assert file.apply({"t": {"a": "TEXT COLLATE NOCASE"}}).changed
