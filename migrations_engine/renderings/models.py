"""A schema as typed SQLAlchemy 2 models: the text of a Python module.

It is written from the schema itself. Reading a database back with SQLAlchemy and generating from that would
lose collations, conflict clauses, expression indexes, MATCH and more before the first line is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from migrations_engine.ddl import definitions
from migrations_engine.model import fold
from migrations_engine.renderings import columns
from migrations_engine.renderings.model_names import ModelNames
from migrations_engine.renderings.model_parts import (
    column_arguments,
    losses_of,
    table_arguments,
    table_options,
)
from migrations_engine.renderings.python_source import call, docstring, literal, tuple_of
from migrations_engine.renderings.python_types import python_type
from migrations_engine.renderings.references import Reference, Unresolved, resolve
from migrations_engine.renderings.relationships import Relationship, relationships

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.model import Column, Table
    from migrations_engine.schema import Schema

_HEAD: Final = '''\
"""Models of the schema {title}, written by `tenantdb schema models`.

Schema hash: {hash}
"""
'''

_DECLARED: Final = '''\
class Declared(sa.types.UserDefinedType[Any]):
    """A type in the words of the schema; values are what SQLite stores."""

    cache_ok = True

    def __init__(self, words: str) -> None:
        self.words = words

    def get_col_spec(self, **_options: Any) -> str:
        """Say it in DDL as it is."""
        return self.words
'''

_BASE: Final = '''\
class Base(orm.DeclarativeBase):
    """What all models share."""
'''


def models(schema: Schema, *, title: str) -> str:
    """The module: a class for each table, a ``Table`` for each that has no key.

    What SQLAlchemy has no words for stands in comments at its top.

    Args:
        schema: Any schema.
        title: What to call the schema in the docstring.
    """
    module = _Module(schema)
    bodies = [_BASE, *(module.table(table) for table in module.tables)]
    text = "\n\n".join(bodies)
    if "Declared(" in text:
        bodies.insert(0, _DECLARED)
    text = "\n\n".join(bodies)
    head = _HEAD.format(title=title.replace("\\", "/").replace('"', "'"), hash=schema.hash)
    return "\n".join([head, *module.losses(), _imports(text), "", text])


def _imports(text: str) -> str:
    """The imports that the text needs."""
    modules = [f"import {name}" for name in ("datetime", "decimal") if f"{name}." in text]
    typing = [name for name in ("Any", "Optional") if re.search(rf"\b{name}\b", text)]
    lines = [*modules, *([f"from typing import {', '.join(typing)}"] if typing else [])]
    lines += [""] * bool(lines)
    return "\n".join([*lines, "import sqlalchemy as sa", "from sqlalchemy import orm", ""])


class _Module:
    """Writes the models, and notes what they cannot say."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._losses = [f"view {view.name}" for view in schema.views]
        self._losses += [f"virtual table {table.name}" for table in schema.virtual_tables]
        self._losses += [f"trigger {trigger.name}" for trigger in schema.triggers]
        self.tables = [table for table in schema.tables if self._can_be_named(table)]
        self._names = ModelNames(self.tables)
        self._references = [each for table in self.tables for each in self._resolved(table)]
        mapped = [each for each in self._references if each.table.primary_key and each.parent.primary_key]
        self._relationships = relationships(mapped, self._names)

    def losses(self) -> list[str]:
        """The comments at the top of the module."""
        if not self._losses:
            return []
        lines = [f"#   {' '.join(loss.split())}" for loss in self._losses]
        return ["# SQLAlchemy has no words for this; it is in the schema document only:", *lines, ""]

    def _can_be_named(self, table: Table) -> bool:
        if table.name and all(column.name for column in table.columns):
            return True
        self._losses.append(f"table {table.name}: a name in it is empty")
        return False

    def _resolved(self, table: Table) -> Iterator[Reference]:
        """The foreign keys of a table that SQLAlchemy can say."""
        for key in table.foreign_keys:
            try:
                found = resolve(key, table, self._schema)
                _require_sayable(found, self.tables)
            except Unresolved as reason:
                names = definitions.names(key.columns)
                self._losses.append(f"{table.name}: FOREIGN KEY ({names}), as {reason}")
            else:
                yield found

    def table(self, table: Table) -> str:
        """The source of one table."""
        self._losses += (f"{table.name}: {what}" for what in losses_of(table))
        own = [each for each in self._references if each.table is table]
        arguments = list(table_arguments(table, own))
        if table.primary_key is None:
            return self._core_table(table, own, arguments)
        lines = [
            f"class {self._names.model(table)}(Base):",
            f"    {docstring(table.comment or f'A row of {table.name}.', indent=4)}",
            "",
            f"    __tablename__ = {literal(table.name)}",
        ]
        options = table_options(table)
        arguments += [f"{{{', '.join(f'{literal(k)}: {v}' for k, v in options.items())}}}"] if options else []
        if arguments:
            lines.append(f"    {tuple_of(arguments, before='__table_args__ = ', indent=4)}")
        lines += ["", *(f"    {self._attribute(column, table, own)}" for column in table.columns)]
        related = self._relationships.get(fold(table.name), [])
        lines += ["", *(f"    {_relationship(each)}" for each in related)] if related else []
        return "\n".join(lines) + "\n"

    def _core_table(self, table: Table, references: Sequence[Reference], constraints: Sequence[str]) -> str:
        """A table without a key, which no class can stand for."""
        arguments = [literal(table.name), "Base.metadata"]
        for column in table.columns:
            nullable = ["nullable=False"] if column.not_null else []
            parts = [literal(column.name), *column_arguments(column, table, references), *nullable]
            arguments.append(call("sa.Column", parts, indent=4))
        options = [f"{name}={value}" for name, value in table_options(table).items()]
        variable = self._names.model(table)
        return call("sa.Table", [*arguments, *constraints, *options], before=f"{variable} = ") + "\n"

    def _attribute(self, column: Column, table: Table, references: Sequence[Reference]) -> str:
        """A column as an attribute of a class."""
        name = self._names.attribute(table, column.name)
        annotation = python_type(column, table).annotation
        in_key = columns.in_primary_key(column, table)
        required = columns.is_required(column, table)
        nullable = []
        if annotation == "Any" or (in_key and not required):
            # The annotation does not say it: Any is both, and a key of SQLite may hold NULL.
            nullable = [f"nullable={not required}"]
        elif not required and not in_key:
            annotation = f"Optional[{annotation}]"
        own = [literal(column.name)] if name != column.name else []
        arguments = [*own, *column_arguments(column, table, references), *nullable]
        return call("orm.mapped_column", arguments, indent=4, before=f"{name}: orm.Mapped[{annotation}] = ")


def _require_sayable(reference: Reference, tables: Sequence[Table]) -> None:
    """Raise Unresolved where SQLAlchemy cannot be told the other end, which it wants as ``table.column``."""
    if reference.parent not in tables:
        raise Unresolved(f"{reference.parent.name} is left out")
    if any("." in name for name in (reference.parent.name, *reference.parent_columns)):
        raise Unresolved("a name in it has a dot")


def _relationship(found: Relationship) -> str:
    before = f"{found.name}: orm.Mapped[{found.annotation}] = "
    return call("orm.relationship", found.arguments, indent=4, before=before)
