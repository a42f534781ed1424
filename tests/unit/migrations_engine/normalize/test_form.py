"""Golden vectors: a hash that stands in files may not change by accident.

Where one of these fails, the canonical form has changed: then its version must change too.
"""

import json

import pytest

from migrations_engine import loads
from migrations_engine.normalize import VERSION, canonical, canonical_text

SHOP = {
    "Customers": {
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "email": "TEXT COLLATE NOCASE NOT NULL UNIQUE",
        "tier": "TEXT NOT NULL DEFAULT 'basic' CHECK (tier IN ('basic', 'gold'))",
        "since": "DATETIME DEFAULT CURRENT_TIMESTAMP",
    },
    "Orders": {
        "number": "INTEGER",
        "line": "INTEGER",
        "customer": "INTEGER NOT NULL REFERENCES Customers(id) ON DELETE CASCADE "
        "DEFERRABLE INITIALLY DEFERRED",
        "price": "DECIMAL(10, 2) NOT NULL DEFAULT 0.00",
        "total": "AS (price * 2) STORED",
        "_primary_key": ["number", "line DESC"],
        "_checks": [{"check": "price >= 0", "name": "solvent"}],
        "_unique_constraints": [{"columns": ["customer", "line"], "on_conflict": "IGNORE"}],
        "_indexes": ["customer", {"columns": ["lower(price)"], "unique": True, "where": "price > 0"}],
        "_options": {"without_rowid": True},
    },
    "_views": {"gold": "CREATE VIEW gold AS SELECT id, email AS Mail FROM Customers WHERE tier = 'gold'"},
    "_triggers": {
        "touch": "CREATE TRIGGER touch AFTER UPDATE ON Customers BEGIN "
        "UPDATE Customers SET since = 1 WHERE id = NEW.id; END"
    },
}

ODD = {
    "Odd Names": {
        "order": "[double precision] NOT NULL ON CONFLICT IGNORE",
        "key": 'TEXT DEFAULT "a\'b" COLLATE RTRIM CHECK ("key" != "no such name")',
        "é": "NUMERIC ( 10 , 2 ) DEFAULT (+1.50) /* in euro */ NULL",
        "made": "TEXT GENERATED ALWAYS AS (\"KEY\" || Replace([order], 'x', x'00')) VIRTUAL",
        "parent": 'INT CONSTRAINT up REFERENCES "odd names"("order") MATCH FULL ON UPDATE SET NULL',
        "_unique_constraints": [["order", "key COLLATE NOCASE"]],
        "_checks": ["(CASE key WHEN 1 THEN 2 ELSE 3 END == 2)", 'length("key") <> 1e3'],
        "_indexes": [
            ["lower(key) DESC", "order"],
            {"columns": ["key COLLATE BINARY"], "where": "é is not null"},
        ],
        "_comment": "no part of it",
    },
    "_virtual_tables": {"docs": "CREATE VIRTUAL TABLE docs USING FTS5(body, tokenize = 'porter')"},
}

GOLDEN = [
    ({}, "ee914de10e0b300a0e47aea54dedc7bdedacd0d4eb2ad002f0e027670033c4fd"),
    ({"t": {"a": ""}}, "3cca8c6a6f9f1760a798d9e346508455b4d40aa907a99c5aec2aba9853a0d834"),
    (
        {"Users": {"id": "INTEGER PRIMARY KEY DESC", "é": "INT", "_options": {"strict": True}}},
        "49e70d1f9014fa93c0beccaaa40e77adf8304842c21cf94b65976109d67f0ae4",
    ),
    (SHOP, "b4655f49cd0fe616abbf3f888c48640b7b47ea27ce73756fc58d3bf6a836113e"),
    (ODD, "7decc45cf4332a49e65268ee088ff2839fa1296e9293adc0844ba6271f1a548a"),
]


@pytest.mark.parametrize(("document", "expected"), GOLDEN)
def test_the_hash_of_a_document_never_changes(document, expected):
    assert loads(json.dumps(document)).hash == expected


def test_the_hashed_text_begins_with_the_version_of_the_form():
    text = canonical_text(loads('{"t": {"a": "INT NOT NULL"}}'))
    assert text == (
        f'{VERSION}\n{{"tables":[{{"columns":[{{"name":"a","not_null":{{}},"type":"int"}}],"name":"t"}}]}}'
    )


def test_the_canonical_form_is_canonical_already():
    once = canonical(loads(json.dumps(SHOP)))
    tables_only = type(once)(tables=once.tables)
    assert canonical(tables_only) == tables_only


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "INT", "b": "INT"}, {"b": "INT", "a": "INT"}),
        ({"a": "INT PRIMARY KEY"}, {"a": "INT", "_primary_key": ["A"]}),
        ({"a": "INT UNIQUE"}, {"a": "INT", "_unique_constraints": ["a"]}),
        ({"a": "INT CHECK (a > 1)"}, {"a": "INT", "_checks": ["(a>1)"]}),
        (
            {"a": "INT REFERENCES p(x)"},
            {"a": "INT", "_foreign_keys": [{"columns": "a", "references": "P(X)"}]},
        ),
        (
            {"a": "INT", "_indexes": ["a"]},
            {"a": "INT", "_indexes": [{"columns": ["A ASC"], "name": "idx_t_a"}]},
        ),
        ({"a": "INT", "_comment": "x", "_comments": {"a": "y"}}, {"a": "INT"}),
        ({"a": "INT", "_renamed_from": "u", "_renames": {"a": "b"}, "_fill": {"a": "1"}}, {"a": "INT"}),
        ({"a": "TEXT COLLATE BINARY DEFAULT NULL NULL"}, {"a": "text"}),
        ({"id": "INTEGER PRIMARY KEY ASC"}, {"id": "integer", "_primary_key": ["id DESC"]}),
        ({"_columns": {"_id": "INT"}}, {"_columns": {"_id": "int"}}),
        ({"a": "INT", "_options": {"strict": False}}, {"a": "INT", "_options": {}}),
        ({"a": "INT", "_unique_constraints": ["a COLLATE BINARY"]}, {"a": "INT UNIQUE"}),
    ],
)
def test_what_is_no_part_of_the_hash(one, other):
    assert loads(json.dumps({"t": one})).hash == loads(json.dumps({"t": other})).hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "INT"}, {"A": "INT"}),
        ({"a": "INT"}, {"a": "INTEGER"}),
        ({"id": "INTEGER PRIMARY KEY DESC"}, {"id": "INTEGER", "_primary_key": ["id DESC"]}),
        ({"a": "INT DEFAULT 1"}, {"a": "INT DEFAULT 1.0"}),
        ({"a": "INT UNIQUE"}, {"a": "INT CONSTRAINT u UNIQUE"}),
        ({"a": "INT UNIQUE"}, {"a": "INT", "_indexes": [{"columns": "a", "unique": True}]}),
        ({"a": "INT", "_indexes": ["a"]}, {"a": "INT", "_indexes": ["a DESC"]}),
        (
            {"a": "INT", "b": "INT", "_indexes": [["a", "b"]]},
            {"a": "INT", "b": "INT", "_indexes": [["b", "a"]]},
        ),
        ({"a": "INT REFERENCES p"}, {"a": "INT REFERENCES p(id)"}),
        ({"a": "INT REFERENCES p"}, {"a": "INT REFERENCES p ON DELETE CASCADE"}),
        ({"a": "INT UNIQUE"}, {"a": "INT UNIQUE ON CONFLICT REPLACE"}),
        ({"a": "INT"}, {"a": "INT", "_options": {"strict": True}}),
        ({"id": "INTEGER PRIMARY KEY"}, {"id": "INTEGER PRIMARY KEY AUTOINCREMENT"}),
        ({"a": "AS (1)", "b": "INT"}, {"a": "AS (1) STORED", "b": "INT"}),
        (
            {"a": "TEXT COLLATE NOCASE UNIQUE"},
            {"a": "TEXT COLLATE NOCASE", "_unique_constraints": ["a COLLATE BINARY"]},
        ),
        ({"é": "INT"}, {"É": "INT"}),
        ({"é": "INT"}, {"e\u0301": "INT"}),
    ],
)
def test_what_is_part_of_the_hash(one, other):
    assert loads(json.dumps({"t": one})).hash != loads(json.dumps({"t": other})).hash
