"""The JSON Schema of the document format, for editors: made from the forms that read a document.

It says what an object may have where; SQL inside strings is for ``schema check``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from migrations_engine.document import forms

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

FILE: Final = "document.schema.json"
"""The name of the file beside this module that has it."""

_STRING: Final = {"type": "string"}
_STRINGS: Final = {"type": "object", "additionalProperties": _STRING}
_KEY_COLUMNS: Final = {"anyOf": [_STRING, {"type": "array", "items": _STRING, "minItems": 1}]}


def _any_case(words: str) -> str:
    """A pattern for words in any case, with any spaces between them."""
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else r"\s+" if c == " " else c for c in words)


_OWN_NAME: Final = (
    "|".join(f"^{_any_case(name)}" for name in ("sqlite_", "_tenantdb", "_schema_versions")) + "$"
)
"""Names of SQLite and of the engine."""


def text() -> str:
    """The JSON Schema as a file has it."""
    return json.dumps(json_schema(), indent=2) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a document, draft 7: the newest that all editors read whole."""
    kinds = (
        forms.IndexForm,
        forms.UniqueForm,
        forms.PrimaryKeyForm,
        forms.CheckForm,
        forms.ForeignKeyForm,
        forms.OptionsForm,
    )
    _, found = models_json_schema(
        [(kind, "validation") for kind in kinds], schema_generator=_Editors, ref_template="#/$defs/{model}"
    )
    for form in found["$defs"].values():
        if "columns" in form["properties"]:
            form["properties"]["columns"] = _KEY_COLUMNS
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Schema document",
        "description": "The tables, views, triggers and virtual tables of a SQLite database.",
        "type": "object",
        "properties": {
            "$schema": {"anyOf": [{**_STRING, "description": "Where this JSON Schema is."}, _ref("table")]},
            "_tables": _said(_named(_ref("table")), "Tables whose names begin with an underscore."),
            "_views": _said(_named(_STRING), "Each view's whole CREATE VIEW statement."),
            "_triggers": _said(_STRINGS, "Each trigger's whole CREATE TRIGGER statement."),
            "_virtual_tables": _said(_named(_STRING), "Each one's whole CREATE VIRTUAL TABLE statement."),
        },
        "patternProperties": {"^(?!_|\\$schema$)": _ref("table")},
        "propertyNames": {"not": {"pattern": _OWN_NAME}},
        "additionalProperties": False,
        "$defs": {"table": _table(), **found["$defs"]},
    }


def _table() -> dict[str, Any]:
    """The entry of a table."""
    return {
        "description": "A table: its columns, each with its definition as SQLite takes it.",
        "type": "object",
        "properties": {
            "_columns": _said(_STRINGS, "Columns whose names begin with an underscore."),
            "_primary_key": _said(_either(_KEY_COLUMNS, "PrimaryKeyForm"), "The columns of the primary key."),
            "_unique_constraints": _said(_list(_either(_KEY_COLUMNS, "UniqueForm")), "UNIQUE constraints."),
            "_checks": _said(_list(_either(_STRING, "CheckForm")), "Expressions that every row fulfils."),
            "_foreign_keys": _said(_list(_ref("ForeignKeyForm")), "References to other tables."),
            "_indexes": _said(
                _list(_either(_KEY_COLUMNS, "IndexForm")), "Indexes, by columns or expressions."
            ),
            "_options": _said(_either(_ref("OptionsForm")), "STRICT and WITHOUT ROWID."),
            "_comment": _said(_STRING, "What the table is for."),
            "_comments": _said(_STRINGS, "What columns are for."),
            "_renamed_from": _said(_STRING, "Hint: the name that the table has in files so far."),
            "_renames": _said(_STRINGS, "Hint: new names of columns, each with the old one."),
            "_fill": _said(
                _STRINGS, "Hint: values of new or changed columns, as expressions over the old row."
            ),
        },
        "patternProperties": {"^(?!_)": _STRING},
        "additionalProperties": False,
        # A table has a column: not all of its keys are keys of the format.
        "not": {"propertyNames": {"pattern": "^_(?!columns$)"}},
    }


class _Editors(GenerateJsonSchema):
    """What pydantic makes of a form, with the freedoms that reading leaves."""

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        """Words of SQL: offered in upper case, allowed in any, with any spaces."""
        words = super().literal_schema(schema)["enum"]
        pattern = "|".join(map(_any_case, words))
        return {"anyOf": [{"enum": words}, {**_STRING, "pattern": rf"^\s*({pattern})\s*$"}]}

    def field_title_should_be_set(self, _schema: object) -> bool:
        """Keys speak for themselves."""
        return False


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _either(short: dict[str, Any], form: str | None = None) -> dict[str, Any]:
    """A short form, or the object form of a name; beside a bare reference nothing else would be read."""
    return {"anyOf": [short, *([_ref(form)] if form else [])]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _named(values: dict[str, Any]) -> dict[str, Any]:
    """An object whose keys are names that nobody else owns."""
    return {
        "type": "object",
        "propertyNames": {"not": {"pattern": _OWN_NAME}},
        "additionalProperties": values,
    }


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, **schema}
