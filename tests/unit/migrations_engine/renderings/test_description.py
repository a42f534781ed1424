import json
from pathlib import Path

import apsw
import pytest

import migrations_engine as engine

ROOT = Path(__file__).parents[4]

DOCUMENT = r"""{
  "Staff": {
    "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "Name": "VARCHAR( 20 ) COLLATE NOCASE NOT NULL DEFAULT 'new'",
    "due": "TEXT DEFAULT (datetime('now'))",
    "boss": "INT CONSTRAINT chief REFERENCES Staff(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
    "key": "TEXT UNIQUE",
    "_checks": ["length(Name) > 1 AND Name <> 'it''s'"],
    "_indexes": ["Name", {"columns": ["lower(Name)", "due DESC"], "unique": true, "where": "due IS NOT NULL",
                          "name": "by name"}],
    "_comment": "who works here",
    "_comments": {"due": "UTC"}
  },
  "Visits": {
    "staff": "INTEGER",
    "day": "TEXT",
    "length": "REAL GENERATED ALWAYS AS (1.0 * staff) STORED",
    "_primary_key": {"columns": ["staff", "day"], "on_conflict": "REPLACE"},
    "_foreign_keys": [{"columns": ["staff", "day"], "references": "Days(a, b)", "on_update": "CASCADE"}],
    "_options": {"without_rowid": true}
  },
  "_virtual_tables": {"notes": "CREATE VIRTUAL TABLE notes USING fts5(body, content='')"},
  "_views": {"late": "CREATE VIEW late AS\n  SELECT Name AS Who -- their name\n  FROM Staff"},
  "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON Staff BEGIN DELETE FROM Visits; END"}
}"""

DESCRIBED = """\
Staff(id integer* auto, Name varchar(20)! ='new' collate nocase, due text =(datetime('now')), \
boss int chief:>Staff(id) del set null deferred, "key" text unique, \
check(length(Name)>1 and Name<>'it''s'), unique index "by name"(lower(Name),due desc) where due is not null, \
index(Name))
Visits(staff integer, day text, length real as(1.0*staff) stored, *(staff,day) on conflict replace, \
(staff,day)>days(a,b) upd cascade) without rowid
virtual notes using fts5(body,content='')
view late as select name as Who from staff
trigger t after insert on staff begin delete from visits;end
"""


def test_every_object_has_its_line():
    legend, described = engine.describe(engine.loads(DOCUMENT)).split("\n", 1)
    assert legend.startswith("-- * primary key")
    assert described == DESCRIBED


def test_comments_are_added_on_wish():
    described = engine.describe(engine.loads(DOCUMENT), comments=True)
    assert "-- who works here\nStaff(" in described
    assert "due text =(datetime('now')) /* UTC */, boss" in described


SIBLINGS = [
    [
        "INTEGER PRIMARY KEY",
        "INTEGER PRIMARY KEY DESC",
        "INT PRIMARY KEY",
        "INTEGER PRIMARY KEY ON CONFLICT IGNORE",
        "INTEGER CONSTRAINT k PRIMARY KEY",
        "INTEGER PRIMARY KEY AUTOINCREMENT",
        "INTEGER PRIMARY KEY NOT NULL",
        '"integer primary" UNIQUE',
        "INTEGER UNIQUE",
        '"integer unique"',
        '"integer*"',
        '"integer! =1"',
    ],
    [
        "INT DEFAULT 1",
        "INT DEFAULT 1.0",
        "INT DEFAULT '1'",
        "INT DEFAULT -1",
        "INT DEFAULT (1 + 1)",
        "INT",
        "INT CONSTRAINT n NULL",
        "INT CONSTRAINT d DEFAULT NULL",
        "INT CONSTRAINT d DEFAULT 1",
        "INT CONSTRAINT c COLLATE BINARY",
        "INT COLLATE NOCASE",
    ],
    [
        "TEXT NOT NULL",
        "TEXT NOT NULL ON CONFLICT FAIL",
        "TEXT CONSTRAINT n NOT NULL",
        "TEXT CHECK (a IS NOT NULL)",
        "TEXT CONSTRAINT n CHECK (a IS NOT NULL)",
        "TEXT CHECK (a <> 'a  b')",
        "TEXT CHECK (a <> 'a b')",
        "TEXT CHECK (a <> x'00')",
        "TEXT CHECK (a - - 1)",
        "TEXT CHECK (a -> '-1')",
    ],
    [
        "INT REFERENCES p",
        "INT REFERENCES p(id)",
        "INT REFERENCES p ON DELETE CASCADE",
        "INT REFERENCES p ON UPDATE CASCADE",
        "INT REFERENCES p MATCH FULL",
        "INT REFERENCES p DEFERRABLE INITIALLY DEFERRED",
        "INT CONSTRAINT n REFERENCES p",
        "INT REFERENCES p REFERENCES p(id)",
    ],
]


@pytest.mark.parametrize("definitions", SIBLINGS, ids=["key", "value", "rule", "reference"])
def test_what_differs_is_described_differently(definitions):
    schemas = [engine.loads(json.dumps({"t": {"b": "INT", "a": text}})) for text in definitions]
    assert len({schema.hash for schema in schemas}) == len(definitions)
    assert len({engine.describe(schema) for schema in schemas}) == len(definitions)


def test_a_description_is_shorter_than_what_it_describes():
    schema = engine.loads(DOCUMENT)
    described = len(engine.describe(schema)) - len(engine.describe(engine.loads("{}")))
    assert described * 1.3 < len("\n".join(engine.ddl(schema, "sqlite")))
    assert described * 1.6 < len(schema.to_json())


@pytest.mark.parametrize("name", ["clinic", "legacy"])
def test_the_page_says_how_much_shorter_it_is(name):
    conn = apsw.Connection(":memory:")
    conn.execute((ROOT / f"tests/data/schemas/{name}.sql").read_text(encoding="utf-8"))
    schema = engine.introspect(conn)
    statements = "".join(f"{statement};\n" for statement in engine.ddl(schema, "sqlite"))
    counts = [len(text) for text in (engine.describe(schema), statements, schema.to_json())]
    page = (ROOT / "docs/how-to/show-a-schema.md").read_text(encoding="utf-8")
    assert f"| {name} | {counts[0]} | {counts[1]} | {counts[2]} |" in page
