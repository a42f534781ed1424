"""A schema as its canonical, readable document: short forms where they suffice, all in declared order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from migrations_engine.ddl import definitions
from migrations_engine.model import fold
from migrations_engine.normalize import naming
from migrations_engine.sql.spelling import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migrations_engine.document.jsonc import Value
    from migrations_engine.model import ForeignKey, Index, IndexedColumn, Objects, PrimaryKey, Table, Unique

_WIDTH: Final = 110
"""What is inside a table stays on one line of this width where it fits."""

_INLINE_FROM: Final = 2


def dumps(objects: Objects) -> str:
    """Write the document of a schema; reading it gives equal objects."""
    tables = _gathered({table.name: _table(table) for table in objects.tables}, "_tables")
    sections: dict[str, Value] = {
        "_views": {view.name: view.sql for view in objects.views},
        "_triggers": {trigger.name: trigger.sql for trigger in objects.triggers},
        "_virtual_tables": {table.name: table.sql for table in objects.virtual_tables},
    }
    return _rendered({**tables, **{key: value for key, value in sections.items() if value}}) + "\n"


def _gathered(found: Mapping[str, Value], key: str) -> dict[str, Value]:
    """Names with those that begin with an underscore under a key of their own.

    What stands between two such names goes along, so that reading keeps the order.
    """
    names = list(found)
    hidden = [at for at, name in enumerate(names) if name.startswith("_")]
    if not hidden:
        return dict(found)
    first, behind = hidden[0], hidden[-1] + 1
    inner: dict[str, Value] = {name: found[name] for name in names[first:behind]}
    return {
        **{name: found[name] for name in names[:first]},
        key: inner,
        **{name: found[name] for name in names[behind:]},
    }


def _table(table: Table) -> dict[str, Value]:
    """The entry of one table."""
    parts = definitions.arrange(table)
    hints = table.hints
    columns: dict[str, Value] = {column.name: text for column, text in parts.definitions}
    comments: dict[str, Value] = {c.name: c.comment for c in table.columns if c.comment}
    key = parts.primary_key
    rest: dict[str, Value] = {
        "_primary_key": None
        if key is None
        else _short("columns", _columns(key.columns, table), _name_and_conflict(key)),
        "_unique_constraints": [_unique(unique, table) for unique in parts.uniques],
        "_checks": [_short("check", c.expression, {"name": c.name}) for c in parts.checks],
        "_foreign_keys": [_foreign_key(foreign) for foreign in parts.foreign_keys],
        "_indexes": [_index(index, table) for index in table.indexes],
        "_options": _present({"strict": table.strict, "without_rowid": table.without_rowid}),
        "_comment": table.comment,
        "_comments": comments,
        "_renamed_from": hints.renamed_from,
        "_renames": dict(hints.renames),
        "_fill": dict(hints.fill),
    }
    return {**_gathered(columns, "_columns"), **_present(rest)}


def _present(given: Mapping[str, Value]) -> dict[str, Value]:
    """The keys that say something; an empty text is a name."""
    return {key: value for key, value in given.items() if value or value == ""}


def _short(key: str, value: Value, extra: Mapping[str, Value]) -> Value:
    """An entry in its short form, or as an object where it says more."""
    more = _present(extra)
    return {key: value, **more} if more else value


def _name_and_conflict(rule: PrimaryKey | Unique) -> dict[str, Value]:
    return {"name": rule.name, "on_conflict": rule.on_conflict}


def _unique(unique: Unique, table: Table) -> Value:
    return _short("columns", _columns(unique.columns, table), _name_and_conflict(unique))


def _foreign_key(key: ForeignKey) -> Value:
    parents = f"({definitions.names(key.parent_columns)})" if key.parent_columns else ""
    return _present(
        {
            "columns": list(key.columns),
            "references": identifier(key.parent) + parents,
            "on_delete": key.on_delete,
            "on_update": key.on_update,
            "deferrable": "INITIALLY DEFERRED" if key.deferred else None,
            "match": key.match,
            "name": key.name,
        }
    )


def _index(index: Index, table: Table) -> Value:
    columns = _columns(index.columns, table)
    name = None if naming.is_default(index, table) else index.name
    extra: dict[str, Value] = {"unique": index.unique, "where": index.where, "name": name}
    return _short("columns", columns[0] if len(columns) == 1 else columns, extra)


def _columns(listed: Sequence[IndexedColumn], table: Table) -> list[Value]:
    """The entries of a key or an index, each so that it is read as what it is."""
    declared = {fold(column.name) for column in table.columns}
    found: list[Value] = []
    for entry in listed:
        if entry.is_column and entry.collation is None and not (entry.descending or entry.as_string):
            found.append(entry.expression)
            continue
        text = definitions.indexed_column(entry)
        # A column may be named like an expression, and a whole name wins; a space tells them apart.
        while fold(text) in declared:
            text += " "
        found.append(text)
    return found


def fits_on_line(line: str, depth: int) -> bool:
    """Whether a value, written in one line, stands on one line at this depth of a document."""
    return depth >= _INLINE_FROM and len(line) + 2 * depth <= _WIDTH


def _rendered(value: Value, *, depth: int = 0) -> str:
    """A value as JSON: tables and sections line by line, what is in them on one line where it fits."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value:
        return line
    if fits_on_line(line, depth):
        return line
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        marks = "{}"
        parts = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_rendered(each, depth=depth + 1)}"
            for key, each in value.items()
        ]
    else:
        marks = "[]"
        parts = [f"{inner}{_rendered(each, depth=depth + 1)}" for each in value]
    body = ",\n".join(parts)
    return f"{marks[0]}\n{body}\n{'  ' * depth}{marks[1]}"
