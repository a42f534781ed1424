import json

import pytest

from migrations_engine import Fault, SchemaError, loads

ARTICLE_V1 = """{
  "Users": {
    "user_id": "INTEGER PRIMARY KEY",
    "email": "TEXT UNIQUE NOT NULL",
    "role": "TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('admin','user'))",
    "is_active": "BOOLEAN NOT NULL DEFAULT 1",
    "created_at": "DATETIME DEFAULT CURRENT_TIMESTAMP"
  },
  "Contacts": {
    "contact_id": "INTEGER PRIMARY KEY",
    "company_name": "TEXT"
  }
  // … more tables …
}"""

WRONG = """{
  "Users": {
    "id": "INTEGER PRIMARY KEY",
    "name": "TEXT NOT NUL",
    "NAME": "TEXT",
    "mail": "TEXT, injected INT",
    "late": "TEXT CHECK (nothing > 1)",
    "when": "INT DEFAULT (id)",
    "born": 1970,
    "_indexes": ["mial", {"colums": ["mail"]}, ["lower(nothing)"]],
    "_checks": ["name > (", "nowhere IS NULL"],
    "_primary_key": ["mail"],
    "_foreign_keys": [{"columns": ["id"], "references": "Other(a, b)", "on_delete": "EXPLODE"}],
    "_option": {}
  },
  "users": {"a": "INT"},
  "_tables": {"_tenantdb_x": {"a": "INT"}, "sqlite_x": {"a": "INT"}},
  "Empty": {},
  "Strict": {"a": "STRING", "_options": {"strict": true}},
  "_views": {
    "v": "CREATE VIEW w AS SELECT 1",
    "x": "CREATE VIEW x AS SELECT 1; DROP TABLE Users",
    "y": "CREATE VIEW y AS SELECT FROM"
  },
  "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON nowhere BEGIN SELECT 1; END"},
  "_viewz": {}
}"""


def faults(text):
    with pytest.raises(SchemaError) as refused:
        loads(text)
    return refused.value.faults


def test_a_fill_that_reads_other_rows_is_a_fault_with_its_place():
    text = """{"t": {
      "rank": "INT",
      "_fill": {"rank": "(SELECT count(*) FROM t)"}
    }}"""
    (fault,) = faults(text)
    assert (fault.line, fault.table, fault.column) == (3, "t", "rank")


def test_the_form_of_the_article_works_as_it_stands():
    schema = loads(ARTICLE_V1)
    assert [table.name for table in schema.tables] == ["Users", "Contacts"]
    assert schema.tables[0].primary_key.is_rowid


def test_every_fault_is_reported_at_once_with_its_place():
    found = {(fault.line, fault.table, fault.column) for fault in faults(WRONG)}
    assert found == {
        (3, "Users", "id"),
        (2, "Users", None),
        (4, "Users", "name"),
        (5, "Users", "NAME"),
        (6, "Users", "mail"),
        (7, "Users", "late"),
        (8, "Users", "when"),
        (9, "Users", "born"),
        (10, "Users", None),
        (11, "Users", None),
        (13, "Users", None),
        (14, "Users", None),
        (16, "users", None),
        (17, "_tenantdb_x", None),
        (17, "sqlite_x", None),
        (18, "Empty", None),
        (19, "Strict", "a"),
        (21, "v", None),
        (22, "x", None),
        (23, "y", None),
        (25, "t", None),
        (26, None, None),
    }


def test_faults_come_in_the_order_of_the_document():
    lines = [fault.line for fault in faults(WRONG)]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"t": {"a": "INT", "_indexs": []}}', "unknown key '_indexs'; did you mean '_indexes'?"),
        ('{"t": {"a": "INT", "_id": "INT"}}', "belongs into _columns"),
        ('{"_t": {"a": "INT"}}', "belongs into _tables"),
        ('{"t": {"name": "INT", "_indexes": ["nmae"]}}', "unknown column 'nmae'; did you mean 'name'?"),
        ('{"t": {"a": "INT", "_indexes": [{"columns": "a", "uniqe": true}]}}', "mean 'unique'?"),
        ('{"t": {"a": "INT", "_indexes": "a"}}', "_indexes is a list"),
        ('{"t": {"a": "INT", "_indexes": [5]}}', "columns is a column's name or a list of them"),
        ('{"t": {"a": "INT", "_indexes": [[]]}}', "columns names no column"),
        ('{"t": {"a": "INT", "_options": {"strict": 1}}}', "strict is true or false"),
        ('{"t": {"a": "INT", "_checks": [{"name": "x"}]}}', "check is missing"),
        ('{"t": {"a": "INT", "_unique_constraints": ["lower(a)"]}}', "only an index takes one"),
        ('{"t": {"a": "INT", "_foreign_keys": [{"columns": "a", "references": "p(x, y)"}]}}', "different"),
        ('{"t": {"a": "INT", "_foreign_keys": [{"columns": "a", "references": "p x"}]}}', "more follows"),
        ('{"t": {"a": "INT", "_fill": {"b": "1"}}}', "unknown column 'b'"),
        ('{"t": {"a": "INT", "_fill": {"a": "1, 2"}}}', "expected one expression"),
        ('{"t": {"a": "INT", "_fill": {"a": "(SELECT 1 FROM t)"}}}', "over the old row"),
        ('{"t": {"a": "INT", "_renames": {"b": "a"}}}', "unknown column 'b'"),
        ('{"t": {"a": "INT", "_renamed_from": 1}}', "_renamed_from is a string"),
        ('{"t": {"a": "INT", "_columns": []}}', "_columns is an object"),
        ('{"t": "INT"}', "a table is an object"),
        ('{"_views": []}', "_views is an object"),
        ('{"_views": {"v": 1}}', "CREATE statement"),
        ('{"t": {"a": "INT"}, "_tables": {"t": {"a": "INT"}}}', "is taken by the table 't'"),
        ('{"t": {"a": "INT"}, "_views": {"T": "CREATE VIEW T AS SELECT 1"}}', "is taken by the table 't'"),
        ('{"t": {"a": "INT", "_indexes": ["a", ["a"]]}}', "is taken by the index"),
        ('{"t": {"a": "INT", "_indexes": [{"columns": "a", "name": "T"}]}}', "is taken by the table 't'"),
        ('{"t": {"a": "INT\\u0000"}}', "NUL"),
        ('{"\\ud800": {"a": "INT"}}', "half of a pair"),
        ('{"t": {"a": "TEXT CHECK (nofunction(a))"}}', "no such function"),
        ('{"t": {"a": "INT", "_options": {"without_rowid": true}}}', "PRIMARY KEY missing"),
        ("[]", "an object of tables"),
    ],
)
def test_a_fault_says_what_is_wrong(text, message):
    (fault,) = faults(text)
    assert message in fault.message


def test_the_error_reads_like_a_compilers():
    error = SchemaError([Fault("no", line=3, table="t", column="c"), Fault("nor this")], source="schema.json")
    assert str(error) == "schema.json: 2 faults\n  line 3: t.c: no\n  nor this"


@pytest.mark.parametrize(
    "body",
    [
        {"a": "INT REFERENCES nowhere(x)"},
        {"a": "INT", "_indexes": [{"columns": "a", "where": "a > 1"}]},
        {"a": "INT", "_indexes": ['"a string"']},
        {"a": "INT", "_indexes": ["A COLLATE nocase DESC"]},
        {"a b": "INT", "_indexes": ["a b", ['"A B" DESC']], "_unique_constraints": ["a b"]},
        {"desc": "INT", "_indexes": ["desc", '"desc" DESC']},
        {"a DESC": "INT", "a": "INT", "_indexes": ["a DESC"]},
        {"": "INT"},
        {"_columns": {"_indexes": "INT"}, "_indexes": ["_indexes"]},
    ],
)
def test_real_and_odd_tables_are_carried(body):
    schema = loads(json.dumps({"t": body}))
    assert loads(schema.to_json()) == schema


def test_a_whole_column_name_wins_over_reading_it_as_sql():
    schema = loads('{"t": {"a DESC": "INT", "a": "INT", "_indexes": ["a DESC", "\\"a\\" DESC"]}}')
    first, second = (index.columns[0] for index in schema.tables[0].indexes)
    assert (first.expression, first.descending) == ("a DESC", False)
    assert (second.expression, second.descending) == ("a", True)


def test_functions_of_the_application_may_be_missing_in_views_and_triggers():
    schema = loads(
        json.dumps(
            {
                "t": {"a": "INT"},
                "_views": {"v": "CREATE VIEW v AS SELECT theirs(a) FROM t ORDER BY a COLLATE theirs"},
                "_triggers": {"g": "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT theirs(NEW.a); END"},
            }
        )
    )
    assert (len(schema.views), len(schema.triggers)) == (1, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'stolen.db' AS x",
        "CREATE VIEW v AS SELECT 1; ATTACH 'stolen.db' AS x",
        "PRAGMA writable_schema = 1",
        "CREATE TEMP VIEW v AS SELECT 1",
    ],
)
def test_no_other_statement_is_ever_run(sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert faults(json.dumps({"_views": {"v": sql}}))
    assert list(tmp_path.iterdir()) == []


def test_hints_are_kept_and_are_no_part_of_the_hash():
    table = {"a": "INT", "_renamed_from": "old", "_renames": {"A": "b"}, "_fill": {"a": " b + 1 "}}
    hinted, plain = loads(json.dumps({"t": table})), loads('{"t": {"a": "INT"}}')
    hints = hinted.tables[0].hints
    assert (hints.renamed_from, hints.renames, hints.fill) == ("old", {"a": "b"}, {"a": "b + 1"})
    assert hinted.hash == plain.hash


def test_a_table_that_was_read_before_has_its_faults_on_the_lines_where_it_stands_now():
    wrong = '{"t": {"a": "INT,"}}'
    assert [[fault.line for fault in faults(text)] for text in (wrong, f"\n\n{wrong}")] == [[1], [3]]


def test_a_table_that_was_read_before_has_the_names_of_indexes_that_its_document_gives_it():
    table = {"a": "INT", "_indexes": ["a"]}
    other = {"b": "INT", "_indexes": [{"columns": "b", "name": "idx_t_a"}]}
    alone, beside = loads(json.dumps({"t": table})), loads(json.dumps({"t": table, "u": other}))
    assert alone.tables[0].indexes[0].name == "idx_t_a"
    assert beside.tables[0].indexes[0].name.startswith("idx_t_a_")


@pytest.mark.parametrize("shape", ["[]", "{}"])
def test_a_document_of_any_depth_is_read_or_refused(shape):
    opens = {"[]": "[", "{}": '{"a":'}[shape]
    for depth in range(900, 1100):
        assert faults(f'{{"t": {{"a": {opens * depth}1{shape[1] * depth}}}}}')
