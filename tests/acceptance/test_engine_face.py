"""The engine as an outsider meets it: documents, hashes, apply and rollback, through public names alone."""

from __future__ import annotations

import contextlib
import json

import apsw
import pytest

import migrations_engine as engine

USERS = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "email": "TEXT NOT NULL", "zip": "TEXT"}


def loads(document):
    return engine.loads(document if isinstance(document, str) else json.dumps(document))


def table(**parts):
    return loads({"t": parts}).hash


class File:
    """A database beside the tests, looked at by a connection of its own each time."""

    def __init__(self, path):
        self.path = path

    def run(self, sql):
        with contextlib.closing(apsw.Connection(str(self.path))) as conn:
            return conn.execute(sql).fetchall()

    def apply(self, document, **options):
        return engine.apply(loads(document), self.path, **options)

    def rollback(self, **options):
        return engine.rollback(self.path, **options)

    @property
    def hash(self):
        return engine.introspect(self.path).hash


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "file.db")


@pytest.fixture
def users(file):
    file.apply({"Users": USERS})
    file.run("INSERT INTO Users VALUES (1, 'a@x', '007'), (2, 'b@x', NULL), (9, 'c@x', '9')")
    file.run("DELETE FROM Users WHERE id = 9")
    return file


# What is no part of the hash

P = {"a": "INTEGER", "b": "TEXT"}
NO_PART = {
    "order of tables": ({"p": P, "q": P}, {"q": P, "p": P}),
    "order of columns": ({"p": P}, {"p": {"b": "TEXT", "a": "INTEGER"}}),
    "white space in a definition": ({"p": {"a": "INTEGER  NOT   NULL"}}, {"p": {"a": " INTEGER NOT NULL "}}),
    "white space in a type": ({"p": {"a": "DECIMAL(10,2)"}}, {"p": {"a": "decimal ( 10 , 2 )"}}),
    "keyword case": ({"p": {"a": "INTEGER not null"}}, {"p": {"a": "INTEGER NOT NULL"}}),
    "case of a type": ({"p": {"a": "varchar(5)"}}, {"p": {"a": "VARCHAR(5)"}}),
    "comments as keys": ({"p": {**P, "_comment": "why"}}, {"p": P}),
    "comments in SQL": ({"p": {"a": "INTEGER /* why */ NOT NULL"}}, {"p": {"a": "INTEGER NOT NULL"}}),
    "_fill": ({"p": {**P, "_fill": {"a": "1"}}}, {"p": P}),
    "_renames": ({"p": {**P, "_renames": {"a": "x"}}}, {"p": P}),
    "_renamed_from": ({"p": {**P, "_renamed_from": "x"}}, {"p": P}),
    "inline UNIQUE": ({"p": {"a": "INT UNIQUE"}}, {"p": {"a": "INT", "_unique_constraints": [["a"]]}}),
    "inline CHECK": ({"p": {"a": "INT CHECK (a > 0)"}}, {"p": {"a": "INT", "_checks": ["a > 0"]}}),
    "inline PRIMARY KEY": (
        {"p": {"a": "TEXT PRIMARY KEY"}},
        {"p": {"a": "TEXT", "_primary_key": ["a"]}},
    ),
    "inline REFERENCES": (
        {"p": {"a": "INT REFERENCES q(x)"}},
        {"p": {"a": "INT", "_foreign_keys": [{"columns": ["a"], "references": "q(x)"}]}},
    ),
    "ASC": ({"p": {**P, "_indexes": ["a"]}}, {"p": {**P, "_indexes": ["a ASC"]}}),
    "BINARY": ({"p": {"a": "TEXT"}}, {"p": {"a": "TEXT COLLATE BINARY"}}),
    "NO ACTION": (
        {"p": {"a": "REFERENCES q"}},
        {"p": {"a": "REFERENCES q ON DELETE NO ACTION ON UPDATE NO ACTION"}},
    ),
    "VIRTUAL": (
        {"p": {"a": "INT", "b": "AS (a)"}},
        {"p": {"a": "INT", "b": "GENERATED ALWAYS AS (a) VIRTUAL"}},
    ),
    "ON CONFLICT ABORT": ({"p": {"a": "INT UNIQUE"}}, {"p": {"a": "INT UNIQUE ON CONFLICT ABORT"}}),
    "NOT DEFERRABLE": ({"p": {"a": "REFERENCES q"}}, {"p": {"a": "REFERENCES q NOT DEFERRABLE"}}),
    "INITIALLY IMMEDIATE": (
        {"p": {"a": "REFERENCES q"}},
        {"p": {"a": "REFERENCES q DEFERRABLE INITIALLY IMMEDIATE"}},
    ),
    "parentheses around a whole default": ({"p": {"a": "DEFAULT (1)"}}, {"p": {"a": "DEFAULT ((1))"}}),
    "parentheses around a whole check": (
        {"p": {"a": "INT", "_checks": ["(a > 0)"]}},
        {"p": {"a": "INT", "_checks": ["((a > 0))"]}},
    ),
    "quotes around a name": (
        {"p": {"a": "INT", "_checks": ['"a" > 0']}},
        {"p": {"a": "INT", "_checks": ["[a] > 0"]}},
    ),
    "case of a reference to a column": (
        {"p": {"a": "INT", "_indexes": ["a"], "_checks": ["a > 0"]}},
        {"p": {"a": "INT", "_indexes": ["A"], "_checks": ["A > 0"]}},
    ),
    "case of a reference to a table": (
        {"p": P, "q": {"a": "REFERENCES p(a)"}},
        {"p": P, "q": {"a": "REFERENCES P(A)"}},
    ),
    "case of a reference in a view": (
        {"p": P, "_views": {"v": "CREATE VIEW v AS SELECT a AS x FROM p"}},
        {"p": P, "_views": {"v": "create  view v as select A as x from P"}},
    ),
    "case of a reference in a trigger": (
        {
            "p": P,
            "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON p BEGIN DELETE FROM p WHERE a = NEW.a; END"},
        },
        {
            "p": P,
            "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON P BEGIN DELETE FROM P WHERE A = new.A; END"},
        },
    ),
    "the name that an index gets": (
        {"p": {**P, "_indexes": [["a", "b"]]}},
        {"p": {**P, "_indexes": [{"columns": ["a", "b"], "name": "idx_p_a_b"}]}},
    ),
}


@pytest.mark.parametrize("pair", NO_PART.values(), ids=NO_PART)
def test_it_is_no_part_of_the_hash(pair, tmp_path):
    one, other = map(loads, pair)
    assert one.hash == other.hash
    assert engine.compare(one, other).steps == ()


def test_comments_of_a_document_are_no_part_of_the_hash():
    assert loads('{"p": {"a": "INT" /* a */} // end\n}').hash == loads('{"p": {"a": "INT"}}').hash


# What is part of it

PART = {
    "spelling of a column": (table(a="INT"), table(A="INT")),
    "spelling of a table": (loads({"p": P}).hash, loads({"P": P}).hash),
    "Unicode forms of a name": (loads({"t": {"\u00e9": ""}}).hash, loads({"t": {"e\u0301": ""}}).hash),
    "a synonym of a type": (table(a="INT"), table(a="INTEGER")),
    "a literal": (table(a="DEFAULT 1"), table(a="DEFAULT 1.0")),
    "a literal in a check": (table(a="CHECK (a > 1)"), table(a="CHECK (a > 1.0)")),
    "letters of a text": (table(a="DEFAULT 'x'"), table(a="DEFAULT 'X'")),
    "the name of an index": (
        table(a="INT", _indexes=[{"columns": ["a"], "name": "i"}]),
        table(a="INT", _indexes=[{"columns": ["a"], "name": "j"}]),
    ),
    "the name of a check": (
        table(a="INT", _checks=[{"check": "a > 0", "name": "x"}]),
        table(a="INT", _checks=["a > 0"]),
    ),
    "order inside a key": (
        table(a="INT", b="INT", _primary_key=["a", "b"]),
        table(a="INT", b="INT", _primary_key=["b", "a"]),
    ),
    "order inside an index": (
        table(a="", b="", _indexes=[["a", "b"]]),
        table(a="", b="", _indexes=[["b", "a"]]),
    ),
    "DESC": (table(a="INT", _indexes=["a"]), table(a="INT", _indexes=["a DESC"])),
    "WHERE of an index": (
        table(a="INT", _indexes=[{"columns": ["a"], "name": "i"}]),
        table(a="INT", _indexes=[{"columns": ["a"], "name": "i", "where": "a > 0"}]),
    ),
    "INTEGER PRIMARY KEY DESC is no rowid": (
        table(id="INTEGER PRIMARY KEY DESC"),
        table(id="INTEGER", _primary_key=["id DESC"]),
    ),
    "ON DELETE": (table(a="REFERENCES q"), table(a="REFERENCES q ON DELETE SET NULL")),
    "INITIALLY DEFERRED": (table(a="REFERENCES q"), table(a="REFERENCES q DEFERRABLE INITIALLY DEFERRED")),
    "ON CONFLICT": (table(a="UNIQUE"), table(a="UNIQUE ON CONFLICT REPLACE")),
    "AUTOINCREMENT": (table(id="INTEGER PRIMARY KEY"), table(id="INTEGER PRIMARY KEY AUTOINCREMENT")),
    "STRICT": (table(a="INT"), table(a="INT", _options={"strict": True})),
    "WITHOUT ROWID": (
        table(a="INT PRIMARY KEY"),
        table(a="INT PRIMARY KEY", _options={"without_rowid": True}),
    ),
    "COLLATE": (table(a="TEXT"), table(a="TEXT COLLATE NOCASE")),
    "STORED": (table(a="INT", b="AS (a)"), table(a="INT", b="AS (a) STORED")),
}


@pytest.mark.parametrize("pair", PART.values(), ids=PART)
def test_it_is_part_of_the_hash(pair):
    assert pair[0] != pair[1]


def test_an_unnamed_index_on_an_expression_has_a_name_made_of_its_definition():
    (statement,) = (
        s
        for s in engine.ddl(loads({"t": {"a": "", "_indexes": [["lower(a)", "a"]]}}), "sqlite")
        if "INDEX" in s
    )
    name = statement.split()[2].strip('"')
    assert name.startswith("idx_t_")
    assert len(name.rpartition("_")[2]) == 8
    int(name.rpartition("_")[2], 16)


# Documents that are refused, each fault with its place

FAULTS = {
    "names equal but for case": '{"t": {"a": "INT",\n "A": "INT"}}',
    "tables equal but for case": '{"t": {"a": ""},\n "T": {"a": ""}}',
    "a key twice": '{"t": {"a": "INT",\n "a": "INT"}}',
    "a trailing comma": '{"t": {"a":\n "INT",}}',
    "a second statement": '{"t": {\n"a": "INT); DROP TABLE x; --"}}',
    "a second statement in a view": '{\n"_views": {"v": "CREATE VIEW v AS SELECT 1; SELECT 2"}}',
    "an unknown key": '{"t": {"a": "INT",\n "_index": ["a"]}}',
    "a view under another name": '{\n"_views": {"v": "CREATE VIEW w AS SELECT 1"}}',
}


@pytest.mark.parametrize("text", FAULTS.values(), ids=FAULTS)
def test_a_wrong_document_is_refused_with_the_line(text):
    with pytest.raises(engine.SchemaError) as refused:
        engine.loads(text)
    assert [fault.line for fault in refused.value.faults] == [text[: text.index("\n") + 1].count("\n") + 1]
    assert isinstance(refused.value, engine.MigrationError)


def test_every_fault_is_listed_at_once():
    with pytest.raises(engine.SchemaError) as refused:
        engine.loads('{"t": {"a": "INT UNIQUE UNIQUE)",\n"_x": 1},\n "u": {"b": "INT CHECK"}}')
    assert [fault.line for fault in refused.value.faults] == [1, 2, 3]


def test_names_that_differ_in_more_than_ascii_case_are_two():
    assert loads({"t": {"é": "INT", "É": "INT"}}).hash


# Apply


def test_apply_makes_the_file_and_has_its_hash(file):
    document = {"t": {"b": "TEXT", "a": "INTEGER"}}
    result = file.apply(document)
    assert result.changed
    assert file.hash == loads(document).hash
    assert [name for (name,) in file.run("SELECT name FROM pragma_table_info('t')")] == ["b", "a"]


def test_what_the_engine_keeps_in_a_file_is_in_no_document(users):
    users.apply({"Users": {**USERS, "zip": "TEXT COLLATE NOCASE"}})
    assert users.run("SELECT 1 FROM sqlite_schema WHERE name LIKE '\\_%' ESCAPE '\\'") != []
    assert list(json.loads(engine.introspect(users.path).to_json())) == ["Users"]


def test_the_canonical_document_of_a_file_makes_an_equal_file(users, tmp_path):
    other = File(tmp_path / "other.db")
    other.apply(engine.introspect(users.path).to_json())
    assert other.hash == users.hash


def test_the_ddl_for_sqlite_makes_an_equal_file(users, tmp_path):
    other = File(tmp_path / "other.db")
    for statement in engine.ddl(engine.introspect(users.path), "sqlite"):
        other.run(statement)
    assert other.hash == users.hash


@pytest.mark.parametrize(
    "change",
    [
        {"zip": "TEXT NOT NULL"},
        {"more": "TEXT NOT NULL"},
        {"zip": "TEXT CHECK (zip <> '007')"},
        {"zip": "TEXT DEFAULT 1 UNIQUE"},
    ],
)
@pytest.mark.parametrize("sure", [True, False])
def test_data_that_does_not_fit_is_named_and_the_file_is_as_before(users, change, sure):
    users.run("UPDATE Users SET zip = '007' WHERE id = 1; INSERT INTO Users VALUES (3, 'd@x', '007')")
    before = users.run("SELECT * FROM Users"), users.hash
    with pytest.raises(engine.DataDoesNotFit) as refused:
        users.apply({"Users": {**USERS, **change}}, allow_destructive=sure)
    (misfit,) = refused.value.misfits
    assert misfit.table == "Users"
    assert misfit.count >= 1
    assert misfit.sample
    assert misfit.rule in str(refused.value)
    assert (users.run("SELECT * FROM Users"), users.hash) == before


def test_rows_without_parents_under_a_new_foreign_key_do_not_fit(users):
    users.apply({"Users": USERS, "Notes": {"id": "INTEGER PRIMARY KEY", "user": "INTEGER"}})
    users.run("INSERT INTO Notes VALUES (5, 1), (6, 77)")
    with pytest.raises(engine.DataDoesNotFit) as refused:
        users.apply(
            {"Users": USERS, "Notes": {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users(id)"}}
        )
    (misfit,) = refused.value.misfits
    assert (misfit.count, misfit.sample) == (1, (6,))
    assert "FOREIGN KEY" in misfit.rule


def test_values_that_a_strict_table_rejects_do_not_fit(file):
    file.apply({"t": {"id": "INTEGER PRIMARY KEY", "n": "INT"}})
    file.run("INSERT INTO t VALUES (1, 5), (2, 'five')")
    with pytest.raises(engine.DataDoesNotFit) as refused:
        file.apply({"t": {"id": "INTEGER PRIMARY KEY", "n": "INT", "_options": {"strict": True}}})
    assert [misfit.sample for misfit in refused.value.misfits] == [(2,)]


def test_a_fill_gives_a_new_column_its_values(users):
    slug = {"slug": "TEXT NOT NULL", "_fill": {"slug": "upper(email)"}}
    users.apply({"Users": {**USERS, **slug}})
    assert users.run("SELECT slug FROM Users") == [("A@X",), ("B@X",)]


def test_a_cast_alone_always_fits(users):
    users.run("UPDATE Users SET zip = 'none' WHERE id = 2")
    users.apply({"Users": {**USERS, "zip": "INTEGER"}}, allow_destructive=True)
    assert users.run("SELECT zip FROM Users") == [(7,), ("none",)]


DESTRUCTIVE = {
    "a dropped table": {"Other": {"a": ""}},
    "a dropped column": {"Users": {"id": USERS["id"], "email": USERS["email"]}},
    "a rewriting type": {"Users": {**USERS, "zip": "INTEGER"}},
}


@pytest.mark.parametrize("document", DESTRUCTIVE.values(), ids=DESTRUCTIVE)
def test_destroying_data_takes_leave(users, document):
    before = users.run("SELECT * FROM Users"), users.hash
    assert engine.compare(engine.introspect(users.path), loads(document)).destructive
    with pytest.raises(engine.DestructiveChange) as refused:
        users.apply(document)
    assert refused.value.objects
    assert (users.run("SELECT * FROM Users"), users.hash) == before
    assert users.apply(document, allow_destructive=True).changed


def test_dropping_views_triggers_and_indexes_takes_none(users):
    more = {
        "Users": {**USERS, "_indexes": ["zip"]},
        "_views": {"v": "CREATE VIEW v AS SELECT id FROM Users"},
        "_triggers": {"t": "CREATE TRIGGER t AFTER DELETE ON Users BEGIN SELECT 1; END"},
    }
    users.apply(more)
    assert users.apply({"Users": USERS}).changed
    assert users.hash == loads({"Users": USERS}).hash


def test_a_comparison_never_depends_on_rows(users):
    stricter = loads({"Users": {**USERS, "zip": "TEXT NOT NULL"}})
    assert not engine.compare(engine.introspect(users.path), stricter).destructive


def test_a_pause_that_no_strategy_keeps_is_refused_first(users):
    before = users.hash
    with pytest.raises(engine.PauseTooLong):
        users.apply({"Users": {**USERS, "zip": "TEXT COLLATE NOCASE"}}, max_pause=0.0)
    assert users.hash == before


@pytest.mark.parametrize("strategy", ["in-place", "rebuild"])
def test_a_strategy_can_be_asked_for(users, strategy):
    result = users.apply({"Users": {**USERS, "more": "TEXT"}}, strategy=strategy)
    assert (result.changed, result.strategy) == (True, strategy)


def test_nothing_to_do_is_no_change(users):
    result = users.apply({"Users": USERS})
    assert (result.changed, result.strategy) == (False, "none")


def test_a_plan_changes_nothing_and_tells_strategy_and_pause(users):
    before = users.path.read_bytes()
    plan = engine.plan(loads({"Users": {**USERS, "zip": "TEXT COLLATE NOCASE"}}), users.path)
    assert plan.strategy == "rebuild"
    assert plan.pause > 0
    assert users.path.read_bytes() == before


# What apply keeps


def settings(file):
    names = ("user_version", "application_id", "page_size", "encoding", "auto_vacuum", "journal_mode")
    return {name: file.run(f"PRAGMA {name}")[0][0] for name in names}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_rebuild_keeps_the_header(file, encoding, journal):
    file.run(
        f"PRAGMA page_size = 8192; PRAGMA encoding = '{encoding}'; PRAGMA auto_vacuum = 1;"
        f"PRAGMA user_version = 42; PRAGMA application_id = 7; CREATE TABLE t(a TEXT);"
        f"INSERT INTO t VALUES ('é');"
    )
    file.run(f"PRAGMA journal_mode = {journal}")
    before = settings(file)
    assert (before["encoding"], before["page_size"], before["auto_vacuum"]) == (encoding, 8192, 1)
    assert file.apply({"t": {"a": "TEXT COLLATE NOCASE"}}).strategy == "rebuild"
    assert settings(file) == before
    assert file.run("SELECT a FROM t") == [("é",)]


def test_a_rebuild_keeps_rowids_that_no_column_shows(file):
    file.apply({"t": {"a": "TEXT", "rowid": "TEXT"}})
    file.run("INSERT INTO t(_rowid_, a, rowid) VALUES (7, 'x', 'mine'), (99, 'y', 'too')")
    file.apply({"t": {"a": "TEXT NOT NULL", "rowid": "TEXT"}})
    assert file.run("SELECT _rowid_, a, rowid FROM t") == [(7, "x", "mine"), (99, "y", "too")]


def test_an_id_that_was_given_out_never_comes_back(users):
    users.apply({"Users": {**USERS, "zip": "TEXT COLLATE NOCASE"}})
    assert users.run("INSERT INTO Users(email) VALUES ('d@x') RETURNING id") == [(10,)]


def test_a_counter_that_is_new_begins_behind_the_highest_id(file):
    file.apply({"t": {"id": "INTEGER PRIMARY KEY", "a": ""}})
    file.run("INSERT INTO t VALUES (5, 'x')")
    file.apply({"t": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "a": ""}})
    file.run("DELETE FROM t")
    assert file.run("INSERT INTO t(a) VALUES ('y') RETURNING id") == [(6,)]


# There, back and there again


def test_a_return_to_an_older_schema_is_carried_out(users):
    older, newer = {"Users": USERS}, {"Users": {**USERS, "zip": "TEXT COLLATE NOCASE"}}
    assert users.apply(newer).changed
    assert users.apply(older).changed
    assert users.hash == loads(older).hash
    assert users.apply(newer).changed
    assert [version.schema_hash for version in engine.history(users.path)] == [
        loads(document).hash for document in (older, newer, older, newer)
    ]


def test_a_structure_that_was_changed_by_hand_is_brought_back(users):
    users.run("ALTER TABLE Users ADD COLUMN stray")
    assert users.apply({"Users": USERS}, allow_destructive=True).changed
    assert users.hash == loads({"Users": USERS}).hash


def test_a_rollback_without_writes_since_brings_all_back(users):
    before = users.run("SELECT rowid, * FROM Users"), users.hash
    users.apply({"Users": {**USERS, "zip": "INTEGER"}}, allow_destructive=True)
    users.rollback()
    assert (users.run("SELECT rowid, * FROM Users"), users.hash) == before
    assert users.run("SELECT seq FROM sqlite_sequence WHERE name = 'Users'") == [(9,)]


def test_a_rollback_lists_what_it_would_lose_and_takes_leave(users):
    users.apply({"Users": {**USERS, "tag": "TEXT"}})
    users.run("UPDATE Users SET tag = 'vip', email = 'new@x' WHERE id = 1")
    with pytest.raises(engine.WayBackLossy) as refused:
        users.rollback()
    assert len(refused.value.losses) == 1
    assert "Users.tag" in refused.value.losses[0]
    assert users.run("SELECT tag FROM Users WHERE id = 1") == [("vip",)]
    users.rollback(discard_since=True)
    assert users.run("SELECT email FROM Users WHERE id = 1") == [("new@x",)]
    assert users.hash == loads({"Users": USERS}).hash


def test_forward_again_after_a_rollback(users):
    newer = {"Users": {**USERS, "zip": "TEXT COLLATE NOCASE"}}
    users.apply(newer)
    users.rollback()
    assert users.apply(newer).changed
    assert users.hash == loads(newer).hash


# Hints


def test_a_rename_keeps_the_rows_and_is_spent(users):
    renamed = {"People": {**USERS, "_renamed_from": "Users"}}
    users.apply(renamed)
    assert users.run("SELECT count(*) FROM People") == [(2,)]
    assert not users.apply(renamed).changed
    wider = {"People": {**USERS, "tag": "TEXT", "_renamed_from": "Users"}}
    assert users.apply(wider).changed
    assert users.run("SELECT count(*) FROM People") == [(2,)]


def test_a_spent_rename_of_a_column_takes_no_values_from_a_new_one_of_that_name(users):
    renamed = {"id": USERS["id"], "email": USERS["email"], "post": "TEXT", "_renames": {"post": "zip"}}
    users.apply({"Users": renamed})
    users.apply({"Users": {**renamed, "zip": "TEXT"}})
    assert users.run("SELECT post, zip FROM Users WHERE id = 1") == [("007", None)]


def test_a_spent_fill_changes_no_data_at_a_later_step(users):
    filled = {**USERS, "zip": "TEXT NOT NULL", "_fill": {"zip": "coalesce(zip, '-')"}}
    users.apply({"Users": filled})
    users.run("UPDATE Users SET zip = 'set' WHERE id = 2")
    users.apply({"Users": {**filled, "email": "TEXT NOT NULL COLLATE NOCASE", "_fill": {"zip": "'lost'"}}})
    assert users.run("SELECT zip FROM Users") == [("007",), ("set",)]


def test_a_hint_about_what_is_not_there_is_no_error(users):
    hints = {"_renamed_from": "Nobody", "_renames": {"zip": "nothing"}}
    assert not users.apply({"Users": {**USERS, **hints}}).changed


def test_columns_of_different_definitions_can_swap_their_names(file):
    file.apply({"t": {"a": "TEXT", "b": "INT"}})
    file.run("INSERT INTO t VALUES ('was a', 2)")
    swapped = {"t": {"a": "INT", "b": "TEXT", "_renames": {"a": "b", "b": "a"}}}
    file.apply(swapped)
    assert file.run("SELECT a, b FROM t") == [(2, "was a")]
    assert not file.apply(swapped).changed


@pytest.mark.parametrize("more", [{}, {"c": ""}])
def test_a_swap_of_equal_columns_is_refused(file, more):
    file.apply({"t": {"a": "TEXT", "b": "TEXT"}})
    with pytest.raises(engine.MigrationError, match="third name"):
        file.apply({"t": {"a": "TEXT", "b": "TEXT", **more, "_renames": {"a": "b", "b": "a"}}})


# References


def test_a_reference_to_a_table_that_is_not_there_is_carried(file):
    file.run("CREATE TABLE c(p REFERENCES Gone(id))")
    schema = engine.introspect(file.path)
    assert engine.loads(schema.to_json()).hash == schema.hash
    assert file.apply({"c": {"p": "REFERENCES Gone(id)", "more": "TEXT"}}).changed


def test_a_reference_that_becomes_dangling_is_refused(users):
    child = {"c": {"u": "INTEGER REFERENCES Users(id)"}}
    users.apply({"Users": USERS, **child})
    with pytest.raises(engine.MigrationError, match="Users"):
        users.apply(child, allow_destructive=True)
    assert users.run("SELECT count(*) FROM Users") == [(2,)]


def test_triggers_are_created_in_name_order(file):
    def trigger(name):
        return f"CREATE TRIGGER {name} AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('{name}'); END"

    file.apply({"t": {"a": ""}, "log": {"x": ""}, "_triggers": {name: trigger(name) for name in "cab"}})
    assert [name for (name,) in file.run("SELECT name FROM sqlite_schema WHERE type = 'trigger'")] == [
        "a",
        "b",
        "c",
    ]
