"""The JSON Schema of the document format, for editors: made from the forms that read a document.

It says what an object may have where; SQL inside strings is for ``schema check``.
"""

from __future__ import annotations

import json
from typing import Any, Final

from migrations_engine.document import forms

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
        forms.CheckForm,
        forms.ForeignKeyForm,
        forms.IndexForm,
        forms.OptionsForm,
        forms.PrimaryKeyForm,
        forms.UniqueForm,
    )
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
        "$defs": {"table": _table(), **{kind.__name__: _form(kind) for kind in kinds}},
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


def _form(kind: type) -> dict[str, Any]:
    """The object form of an entry."""
    keys = forms.keys(kind)
    required = [name for name, key in keys.items() if key.required]
    return {
        "additionalProperties": False,
        "description": kind.__doc__,
        "properties": {name: _key(key) for name, key in keys.items()},
        **({"required": required} if required else {}),
        "title": kind.__name__,
        "type": "object",
    }


def _key(key: forms.Key) -> dict[str, Any]:
    options = _options(key.shape)
    shape = options[0] if len(options) == 1 else {"anyOf": options}
    return shape if key.required else dict(sorted({**shape, "default": key.default}.items()))


def _options(shape: forms.Shape) -> list[dict[str, Any]]:
    """What a value may be, with the freedoms that reading leaves."""
    match shape:
        case forms.Maybe(inner):
            return [*_options(inner), {"type": "null"}]
        case forms.Words(choices):
            # Offered in upper case, allowed in any, with any spaces.
            pattern = "|".join(map(_any_case, choices))
            return [{"enum": list(choices)}, {"pattern": rf"^\s*({pattern})\s*$", **_STRING}]
        case forms.Names():
            return [_KEY_COLUMNS]
        case forms.Flag():
            return [{"type": "boolean"}]
        case _:
            return [_STRING]


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
