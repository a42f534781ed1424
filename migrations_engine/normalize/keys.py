"""Rule: a key is its columns in order, wherever it was written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.model import ForeignKey, IndexedColumn, PrimaryKey, Unique, fold
from migrations_engine.normalize.collations import collation, key_collation
from migrations_engine.normalize.expressions import expression

if TYPE_CHECKING:
    from migrations_engine.normalize.scopes import Scope


def primary_key(key: PrimaryKey | None, scope: Scope) -> PrimaryKey | None:
    """The canonical primary key."""
    if key is None:
        return None
    columns = entries(key.columns, scope)
    return key if columns == key.columns else replace(key, columns=columns)


def unique(constraint: Unique, scope: Scope) -> Unique:
    """The canonical UNIQUE constraint."""
    return Unique(
        columns=entries(constraint.columns, scope), name=constraint.name, on_conflict=constraint.on_conflict
    )


def foreign_key(key: ForeignKey) -> ForeignKey:
    """The canonical foreign key; REFERENCES p is not REFERENCES p(id), which stays when p's key changes."""
    return ForeignKey(
        columns=tuple([fold(name) for name in key.columns]),
        parent=fold(key.parent),
        parent_columns=tuple([fold(name) for name in key.parent_columns]),
        on_delete=key.on_delete,
        on_update=key.on_update,
        match=key.match and fold(key.match),
        deferred=key.deferred,
        name=key.name,
    )


def entries(columns: tuple[IndexedColumn, ...], scope: Scope) -> tuple[IndexedColumn, ...]:
    """The canonical entries of a key or an index."""
    return tuple([_entry(column, scope) for column in columns])


def _entry(entry: IndexedColumn, scope: Scope) -> IndexedColumn:
    if not entry.is_column:
        text = expression(entry.expression, scope.names)
        return replace(entry, expression=text, collation=collation(entry.collation))
    name = fold(entry.expression)
    collated = key_collation(entry.collation, of_column=scope.collations.get(name))
    if (name, collated) == (entry.expression, entry.collation) and not entry.as_string:
        return entry
    return IndexedColumn(expression=name, collation=collated, descending=entry.descending)
