"""Models that were written from a schema: run, made into tables, and what of the schema those must have."""

from __future__ import annotations

import contextlib
import sys
import types
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import apsw
import sqlalchemy as sa
from sqlalchemy import orm

import migrations_engine as engine
from migrations_engine.model import PrimaryKey
from migrations_engine.renderings.columns import in_primary_key, is_required
from migrations_engine.renderings.references import Unresolved, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.model import Column, ForeignKey, IndexedColumn, Table


@contextlib.contextmanager
def imported(text: str) -> Iterator[Any]:
    """The module of models, as if it were imported, with all its relationships in place."""
    module = types.ModuleType("written_models")
    # SQLAlchemy looks names of annotations up in the module of their class.
    sys.modules[module.__name__] = module
    exec(compile(text, "written_models.py", "exec"), module.__dict__)
    try:
        orm.configure_mappers()
        yield module
    finally:
        module.Base.registry.dispose()
        del sys.modules[module.__name__]


def built(text: str) -> engine.Schema:
    """What ``create_all`` makes of an empty database, as far as SQLAlchemy has words for it."""
    with imported(text) as module:
        database = sa.create_engine("sqlite+apsw://", poolclass=sa.pool.StaticPool)
        module.Base.metadata.create_all(database)
        statements = []
        with database.connect() as conn:
            statements += conn.scalars(sa.text("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))
        database.dispose()
    with contextlib.closing(apsw.Connection(":memory:")) as copy:
        for statement in statements:
            if "sqlite_sequence" not in statement:
                copy.execute(statement)
        return sayable(engine.introspect(copy))


def sayable(schema: engine.Schema) -> engine.Schema:
    """What SQLAlchemy has words for: the models' own comments list the rest."""
    named = [table for table in schema.tables if table.name and all(c.name for c in table.columns)]
    kept = engine.Schema(tables=tuple(named))
    return engine.Schema(tables=tuple(_sayable(table, kept) for table in named))


def _sayable(table: Table, schema: engine.Schema) -> Table:
    key = table.primary_key
    return replace(
        table,
        columns=tuple(_sayable_column(column, table) for column in table.columns),
        primary_key=key and _sayable_key(key),
        uniques=tuple(_distinct(table)),
        checks=tuple(replace(check, name=check.name or None) for check in table.checks),
        foreign_keys=tuple(_references(table, schema)),
    )


def _sayable_column(column: Column, table: Table) -> Column:
    found = replace(
        column,
        constraint_names=(),
        not_null=column.not_null and replace(column.not_null, name=None),
    )
    if in_primary_key(column, table) and is_required(column, table):
        # It takes no NULL with and without the words, and SQLAlchemy always writes them.
        found = replace(found, not_null=None)
        if table.primary_key and table.primary_key.is_rowid:
            found = replace(found, collation=None)
    return found


def _sayable_key(key: PrimaryKey) -> PrimaryKey:
    columns = tuple(dict.fromkeys(_bare(key.columns)))
    if key.autoincrement:
        # With a name, a conflict clause or a reference beside it SQLAlchemy writes either it or them.
        return PrimaryKey(columns=columns)
    return replace(key, columns=columns, name=key.name or None, is_rowid=False)


def _bare(entries: Sequence[IndexedColumn]) -> tuple[IndexedColumn, ...]:
    return tuple(replace(entry, collation=None, descending=False) for entry in entries)


def _distinct(table: Table) -> Iterator[Any]:
    """The UNIQUE constraints without order or collation, none twice."""
    plain = [unique for unique in table.uniques if unique.columns == _bare(unique.columns)]
    yield from dict.fromkeys(replace(unique, name=unique.name or None) for unique in plain)


def _references(table: Table, schema: engine.Schema) -> Iterator[ForeignKey]:
    for key in table.foreign_keys:
        with contextlib.suppress(Unresolved):
            found = resolve(key, table, schema)
            if not any("." in name for name in (found.parent.name, *found.parent_columns)):
                yield replace(key, parent_columns=found.parent_columns, name=key.name or None)
