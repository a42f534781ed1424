"""Foreign keys, added when all tables and unique indexes are there, so that cycles need no order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.ddl.postgres.names import column_identifier, identifier
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.relations import named_column, parent_columns
from migrations_engine.ddl.postgres.values import BYTES
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.ddl.postgres.names import Namespace
    from migrations_engine.ddl.postgres.relations import Types
    from migrations_engine.model import ForeignKey, Objects, Table


def add_foreign_key(
    key: ForeignKey, table: Table, schema: Objects, types: Types, constraints: Namespace
) -> str:
    """The ALTER TABLE statement that adds a foreign key.

    Raises:
        Refused: Its parent is missing, or is no key there.
    """
    parent = schema.table(key.parent)
    if parent is None:
        raise Refused(f"its parent {key.parent} is no table of the schema")
    referred = _referred(key, parent)
    for child, other in zip(key.columns, referred, strict=True):
        _check_types(types, table, child, parent, other)
    name = constraints.claim(key.name or "_".join((table.name, *key.columns, "fkey")))
    words = [
        f"ALTER TABLE {identifier(table.name)} ADD CONSTRAINT {identifier(name)}",
        f"FOREIGN KEY ({_listed(table, key.columns)})",
        f"REFERENCES {identifier(parent.name)} ({_listed(parent, referred)})",
    ]
    words += [f"ON DELETE {key.on_delete}"] if key.on_delete else []
    words += [f"ON UPDATE {key.on_update}"] if key.on_update else []
    words += ["DEFERRABLE INITIALLY DEFERRED"] if key.deferred else []
    return " ".join(words)


def _referred(key: ForeignKey, parent: Table) -> tuple[str, ...]:
    """The parent's columns, which must be a key of it: SQLite finds out at the first write only."""
    referred = parent_columns(key, parent)
    wanted = sorted(fold(name) for name in referred)
    if len(referred) != len(key.columns) or wanted not in (sorted(names) for names in _keys(parent)):
        listed = ", ".join(referred) or "nothing"
        raise Refused(f"what it refers to, {listed} of {parent.name}, is no key there")
    return referred


def _keys(table: Table) -> Iterator[list[str]]:
    """The columns of everything unique in a table."""
    if table.primary_key:
        yield [fold(column.expression) for column in table.primary_key.columns]
    for unique in table.uniques:
        yield [fold(column.expression) for column in unique.columns]
    for index in table.indexes:
        if index.unique and not index.where and all(column.is_column for column in index.columns):
            yield [fold(column.expression) for column in index.columns]


def _check_types(types: Types, table: Table, child: str, parent: Table, referred: str) -> None:
    own = types.of(table, named_column(table, child))
    other = types.of(parent, named_column(parent, referred))
    if own.kind != other.kind:
        raise Refused(f"{child} is {own.kind}, {parent.name}.{referred} is {other.kind}")
    if own.collation not in (other.collation, BYTES):
        raise Refused(f"{child} and {parent.name}.{referred} have two collations")


def _listed(table: Table, names: Sequence[str]) -> str:
    return ", ".join(column_identifier(named_column(table, name).name) for name in names)
