"""Tables with the types of their columns: a foreign key's column has the type of its parent's key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrations_engine.ddl.postgres.dates import day_text
from migrations_engine.ddl.postgres.names import column_identifier
from migrations_engine.ddl.postgres.refusals import Refused, RefusedElsewhere
from migrations_engine.ddl.postgres.types import ColumnType, column_type
from migrations_engine.ddl.postgres.values import Value
from migrations_engine.model import fold
from migrations_engine.normalize.scopes import ROWID_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from migrations_engine.model import Column, ForeignKey, Objects, Table


class Types:
    """The type of every column of a schema."""

    def __init__(self, schema: Objects) -> None:
        self._schema = schema
        self._known: dict[tuple[str, str], ColumnType | Refused] = {}

    def own(self, table: Table, column: Column) -> ColumnType:
        """The type of a column, for its own definition.

        Raises:
            Refused: It has none in PostgreSQL.
        """
        key = (fold(table.name), fold(column.name))
        found = self._known.get(key) or self._find(table, column, frozenset())
        self._known[key] = found
        if isinstance(found, Refused):
            raise found
        return found

    def of(self, table: Table, column: Column) -> ColumnType:
        """The type of a column that something else names.

        Raises:
            RefusedElsewhere: It has none in PostgreSQL.
        """
        try:
            return self.own(table, column)
        except Refused as refused:
            raise RefusedElsewhere(f"{table.name}.{column.name} {refused}") from None

    def _find(self, table: Table, column: Column, seen: frozenset[tuple[str, str]]) -> ColumnType | Refused:
        """The type that a column refers to, else its own."""
        key = (fold(table.name), fold(column.name))
        if key not in seen and not _is_rowid(table, column):
            for parent, referred in self._referred(table, column):
                found = self._find(parent, referred, seen | {key})
                if isinstance(found, ColumnType):
                    return self._referring(found, table, column)
        try:
            return column_type(column.type, column.collation, strict=table.strict)
        except Refused as refused:
            return refused

    @staticmethod
    def _referring(found: ColumnType, table: Table, column: Column) -> ColumnType:
        """The parent's type with the collation of the column itself."""
        try:
            own = column_type(column.type, column.collation, strict=table.strict)
        except Refused:
            return found
        return replace(found, collation=own.collation) if own.kind == found.kind == "text" else found

    def _referred(self, table: Table, column: Column) -> Iterator[tuple[Table, Column]]:
        for key in table.foreign_keys:
            parent = self._schema.table(key.parent)
            if parent is None:
                continue
            for child, name in zip(key.columns, parent_columns(key, parent), strict=False):
                referred = parent.column(name)
                if fold(child) == fold(column.name) and referred is not None:
                    yield parent, referred


def parent_columns(key: ForeignKey, parent: Table) -> tuple[str, ...]:
    """The columns that a foreign key refers to; those of the primary key where it names none."""
    if key.parent_columns:
        return key.parent_columns
    primary = parent.primary_key
    return tuple(column.expression for column in primary.columns) if primary else ()


def _is_rowid(table: Table, column: Column) -> bool:
    key = table.primary_key
    return key is not None and key.is_rowid and key.columns[0].expression == column.name


@dataclass(frozen=True, slots=True)
class TableScope:
    """What the expressions of one table's definition can name."""

    table: Table
    types: Types

    @property
    def names(self) -> Collection[str]:
        """The table, its columns, its rowid."""
        columns = (fold(column.name) for column in self.table.columns)
        return ROWID_NAMES.union(columns, (fold(self.table.name),))

    def resolve(self, name: str, *, of: str | None) -> Value:
        """A column of the table; the rowid where it has a name.

        Raises:
            Refused: There is no such column, or it has no type.
        """
        if of is not None and fold(of) != fold(self.table.name):
            raise Refused(f"the unknown name {of}.{name}")
        column = named_column(self.table, name)
        return column_value(column_identifier(column.name), self.types.of(self.table, column))


def named_column(table: Table, name: str) -> Column:
    """The column of that name; the rowid by its own name.

    Raises:
        Refused: There is none, or it is the rowid and has no column.
    """
    found = table.column(name)
    if found is None and fold(name) in ROWID_NAMES and not table.without_rowid:
        key = table.primary_key
        if key is None or not key.is_rowid:
            raise Refused(f"the rowid of {table.name}, which is no column")
        found = table.column(key.columns[0].expression)
    if found is None:
        raise Refused(f"the unknown column {name}")
    return found


def column_value(sql: str, found: ColumnType) -> Value:
    """A column as a value."""
    text = day_text(sql) if found.kind == "date" else None
    return Value(
        sql=sql, kind=found.kind, of_column=True, collation=found.collation, collates=True, text=text
    )
