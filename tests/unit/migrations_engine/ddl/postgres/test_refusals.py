"""Everything that has no equal is named at once, each with its object, its column and the reason."""

import pytest

import migrations_engine as engine
from migrations_engine.ddl.postgres.names import Namespace, shortened


def refused(tables):
    """The refusals of a schema, as (object, column, reason)."""
    with pytest.raises(engine.NotTranslatable) as caught:
        engine.ddl(engine.loads(tables), "postgresql")
    return [(refusal.object_name, refusal.column, refusal.reason) for refusal in caught.value.refusals]


def test_all_refusals_of_a_document_come_at_once():
    found = refused("""{
      "t": {
        "id": "INTEGER PRIMARY KEY ON CONFLICT REPLACE",
        "any": "",
        "n": "INT NOT NULL ON CONFLICT IGNORE DEFAULT 'x'",
        "u": "TEXT UNIQUE ON CONFLICT FAIL CHECK (typeof(u) = 'text')",
        "p": "INT REFERENCES nowhere",
        "xmin": "INT",
        "_indexes": [
          {"columns": "any", "name": "of_any"},
          {"columns": "json_extract(u, '$.a')", "name": "of_json"}
        ]
      },
      "_views": {"v": "CREATE VIEW v AS SELECT n FROM t", "w": "CREATE VIEW w AS SELECT typeof(1) AS a"},
      "_triggers": {"g": "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END"},
      "_virtual_tables": {"f": "CREATE VIRTUAL TABLE f USING fts5(a)"}
    }""")
    assert found == [
        ("table t", "id", "PRIMARY KEY ON CONFLICT REPLACE has no equal"),
        ("table t", "any", "has no declared type, so that it may hold anything; declare one"),
        ("table t", "n", "NOT NULL ON CONFLICT IGNORE has no equal"),
        ("table t", "xmin", "every table of PostgreSQL has a column xmin of its own"),
        ("table t", "u", "UNIQUE ON CONFLICT FAIL has no equal"),
        ("table t", "u", "the function typeof has no equal"),
        (
            "index of_json",
            None,
            "json_extract, which writes numbers, truths and objects otherwise, has no equal",
        ),
        ("table t", "p", "its parent nowhere is no table of the schema"),
        ("view v", None, "reads t, a column of which has no equal"),
        ("view w", None, "the function typeof has no equal"),
        ("virtual table f", None, "the module fts5 is SQLite's own"),
        ("trigger g", None, "triggers are programs in SQLite's own language"),
    ]


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ("INT DEFAULT 'x'", "'x' is no bigint"),
        ("INT DEFAULT 1.5", "1.5 has a fraction, which SQLite keeps in an INTEGER column"),
        ("INT DEFAULT CURRENT_TIMESTAMP", "is timestamp, the column is bigint"),
        ("BOOLEAN DEFAULT 2", "2 is no boolean"),
        ("DATE DEFAULT CURRENT_TIMESTAMP", "is timestamp, the column is date"),
        ("DATETIME DEFAULT 'soon'", "'soon' is no timestamp"),
        ("DATE DEFAULT '2023-02-29'", "'2023-02-29' is no date"),
        ("BLOB DEFAULT 'text'", "'text' is no bytea"),
        ("JSON DEFAULT '{'", "is no jsonb"),
        ("DATETIME DEFAULT (datetime('now', 'localtime'))", "the modifier 'localtime' of a date function"),
        ("TEXT DEFAULT (strftime('%W', 'now'))", "the format %W of strftime"),
        ("INT AS (b + 0.5)", "may have a fraction"),
        ("BOOLEAN AS (c > date('now'))", "the time of day in what must stay the same for a row"),
        ("TEXT AS (b / 2.0)", "is double precision, which SQLite writes otherwise"),
        ("INT CHECK (a < b LIKE 'x')", "needs parentheses to be read alike everywhere"),
        ("INT CHECK (c + 1 > 1)", "is text and no number"),
        ("INT CHECK (length(c) = '1')", "of another storage class"),
        ("INT CHECK (+a = '1')", "a plus sign before a value"),
        ("TEXT CHECK (quote(a) = 'x')", "the function quote has no equal"),
        ("TEXT CHECK (date(a) > '2000-01-01')", "only of date and timestamp columns is the moment certain"),
    ],
)
def test_an_expression_is_refused_with_its_column(definition, reason):
    ((name, column, said),) = refused(f'{{"t": {{"a": "{definition}", "b": "INT", "c": "TEXT"}}}}')
    assert (name, column) == ("table t", "a")
    assert reason in said


def test_a_key_must_refer_to_a_key():
    found = refused('{"p": {"a": "INT"}, "c": {"b": "INT REFERENCES p(a)", "d": "INT REFERENCES p"}}')
    assert found == [
        ("table c", "b", "what it refers to, a of p, is no key there"),
        ("table c", "d", "what it refers to, nothing of p, is no key there"),
    ]


def test_names_that_postgresql_would_cut_are_refused_or_shortened_alike_everywhere():
    long = "n" * 64
    assert refused(f'{{"{long}": {{"a": "INT"}}}}')[0][2].endswith("has more than 63 bytes and would be cut")
    assert refused(f'{{"t": {{"{long}": "INT"}}}}')[0][1] == long
    statements = engine.ddl(
        engine.loads(f'{{"t": {{"a": "INT", "_indexes": [{{"columns": "a", "name": "{long}"}}]}}}}'),
        "postgresql",
    )
    assert f'"{shortened(long)}"' in statements[1]
    assert len(shortened("é" * 40).encode()) <= 63


def test_a_taken_name_is_numbered():
    names, constraints = Namespace(), Namespace()
    assert [names.claim("a"), names.claim("a"), names.claim("a", beside=constraints)] == ["a", "a_2", "a_3"]
    assert constraints.claim("a_3") == "a_3_2"


def test_the_error_says_what_and_why_and_the_way_out():
    message = str(engine.NotTranslatable([engine.Untranslated("table t", "why", "c")], dialect="postgresql"))
    assert message.splitlines() == [
        "1 thing has no equal in postgresql:",
        "  table t, column c: why",
        "Change the document, or leave objects out with --omit KIND:NAME (omit=[...])",
    ]
