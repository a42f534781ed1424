import json
from pathlib import Path

import apsw
import jsonschema
import pytest

import migrations_engine as engine
from migrations_engine.document import json_schema, reader, tables
from migrations_engine.document.jsonc import decode

SCHEMAS = sorted((Path(__file__).parents[3] / "data").glob("*/**/*.sql"))

WHOLE = """{
  "$schema": "./document.schema.json",
  // column -> definition
  "Projects": {
    "project_id": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "title": "TEXT NOT NULL COLLATE NOCASE",
    "budget": "DECIMAL(10,2) DEFAULT 0.00",
    "status": "TEXT", "department_id": "INT", "start_date": "DATE", "end_date": "DATE",
    "_indexes": ["status", ["department_id", "start_date"],
                 {"columns": ["lower(title)", "start_date DESC"], "unique": true, "where": "status <> 'x'",
                  "name": "open_titles"}],
    "_unique_constraints": [["title", "department_id"],
                            {"columns": ["status", "title"], "name": "ab", "on_conflict": "ignore"}],
    "_checks": ["end_date > start_date", {"check": "budget >= 0", "name": "solvent"}],
    "_foreign_keys": [{"columns": "department_id", "references": "Other(x)", "on_delete": " set  null",
                       "on_update": "CASCADE", "deferrable": "Initially Deferred", "match": "FULL",
                       "name": "fk"}],
    "_comment": "kept", "_comments": {"status": "open or not"},
    "_renamed_from": "Old", "_renames": {"title": "name"}, "_fill": {"budget": "0"}
  },
  "Other": {"x": "INT", "_columns": {"_id": "INTEGER"}, "_primary_key": ["x", "_id"],
            "_options": {"strict": true, "without_rowid": true}},
  "_views": {"open": "CREATE VIEW open AS SELECT title FROM Projects"},
  "_triggers": {"t1": "CREATE TRIGGER t1 AFTER INSERT ON Projects BEGIN SELECT 1; END"},
  "_virtual_tables": {"docs": "CREATE VIRTUAL TABLE docs USING fts5(body)"},
  "_tables": {"_migrations": {"id": "INTEGER"}, "": {"": "TEXT", "_indexes": [""]}}
}"""


@pytest.fixture(scope="module")
def validator():
    made = json_schema.json_schema()
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


def test_every_form_of_a_document_validates(validator):
    engine.loads(WHOLE)
    validator.validate(decode(WHOLE))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_import_writes_validates(validator, path):
    conn = apsw.Connection(":memory:")
    conn.execute(path.read_text(encoding="utf-8"))
    validator.validate(json.loads(engine.introspect(conn).to_json()))


TABLE = {"a": "INT"}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"t": []},
        {"t": {}},
        {"t": {"_options": {}}},
        {"t": {"a": 1970}},
        {"t": {"a": None}},
        {"t": TABLE, "_viewz": {}},
        {"t": TABLE, "_views": []},
        {"t": TABLE, "_views": {"v": 1}},
        {"sqlite_t": TABLE},
        {"SQLITE_T": TABLE},
        {"_tables": {"_tenantdb_x": TABLE}},
        {"_tables": {"_schema_versions": TABLE}},
        {"$schema": 1},
        {"t": {**TABLE, "_index": ["a"]}},
        {"t": {**TABLE, "_indexes": "a"}},
        {"t": {**TABLE, "_indexes": [{"colums": ["a"]}]}},
        {"t": {**TABLE, "_indexes": [[]]}},
        {"t": {**TABLE, "_indexes": [{"columns": ["a"], "unique": "yes"}]}},
        {"t": {**TABLE, "_checks": [1]}},
        {"t": {**TABLE, "_primary_key": {"columns": ["a"], "on_conflict": "EXPLODE"}}},
        {"t": {**TABLE, "_foreign_keys": ["a"]}},
        {"t": {**TABLE, "_foreign_keys": [{"columns": ["a"]}]}},
        {"t": {**TABLE, "_foreign_keys": [{"columns": ["a"], "references": "t", "on_delete": "EXPLODE"}]}},
        {"t": {**TABLE, "_options": {"strict": "yes"}}},
        {"t": {**TABLE, "_options": {"rowid": False}}},
        {"t": {**TABLE, "_comment": ["no"]}},
        {"t": {**TABLE, "_renames": ["a"]}},
        {"t": {**TABLE, "_fill": {"a": 0}}},
    ],
    ids=json.dumps,
)
def test_what_the_engine_refuses_for_its_shape_does_not_validate(validator, document):
    with pytest.raises(engine.SchemaError):
        engine.loads(json.dumps(document))
    assert not validator.is_valid(document)


def test_it_knows_the_keys_that_reading_knows():
    made = json_schema.json_schema()
    assert set(made["properties"]) == {"$schema", *reader._SECTIONS}
    assert set(made["$defs"]["table"]["properties"]) == {"_columns", *tables._READERS}


def test_the_key_for_editors_is_no_part_of_a_schema():
    plain, marked = engine.loads('{"t": {"a": "INT"}}'), engine.loads('{"$schema": "x", "t": {"a": "INT"}}')
    assert marked == plain
    assert engine.loads('{"$schema": {"a": "INT"}}').tables[0].name == "$schema"
