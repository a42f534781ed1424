"""All statements of a schema in the order in which they succeed, in one transaction or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.ddl.postgres.indexes import create_index
from migrations_engine.ddl.postgres.keys import add_foreign_key
from migrations_engine.ddl.postgres.names import Namespace
from migrations_engine.ddl.postgres.refusals import Refusals
from migrations_engine.ddl.postgres.relations import Types
from migrations_engine.ddl.postgres.tables import TableTranslation
from migrations_engine.ddl.postgres.values import NOCASE
from migrations_engine.ddl.postgres.views import Views
from migrations_engine.errors import NotTranslatable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import ForeignKey, Objects

_CREATE_NOCASE = (
    f"CREATE COLLATION \"{NOCASE}\" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
)


def statements(schema: Objects) -> list[str]:
    """The statements: collations, tables, indexes, foreign keys, views.

    Raises:
        NotTranslatable: Something has no equal; the error lists everything, nothing is left out silently.
    """
    translation = _Translation(schema)
    found = [*translation.tables(), *translation.indexes(), *translation.foreign_keys()]
    found += translation.views()
    translation.refuse_the_rest()
    if translation.refusals.found:
        raise NotTranslatable(translation.refusals.found, dialect="postgresql")
    return [*([_CREATE_NOCASE] if any(f'COLLATE "{NOCASE}"' in each for each in found) else []), *found]


class _Translation:
    """A schema on its way: what is named, typed and refused so far."""

    def __init__(self, schema: Objects) -> None:
        self.refusals = Refusals()
        self._schema = schema
        self._types = Types(schema)
        self._relations = Namespace()
        for name in (*(table.name for table in schema.tables), *(view.name for view in schema.views)):
            self._relations.claim(name)
        # Indexes keep their names before any constraint that has none takes one of them.
        self._indexes = {
            index.name: self._relations.claim(index.name)
            for table in schema.tables
            for index in table.indexes
        }
        self._constraints = {table.name: Namespace() for table in schema.tables}

    def tables(self) -> Iterator[str]:
        """CREATE TABLE of all tables."""
        for table in self._schema.tables:
            yield from TableTranslation(
                table, self._types, self._relations, self.refusals, self._constraints[table.name]
            ).statements()

    def indexes(self) -> Iterator[str]:
        """CREATE INDEX of all indexes."""
        for table in self._schema.tables:
            for index in table.indexes:
                with self.refusals.of(f"index {index.name}"):
                    yield create_index(index, table, self._types, name=self._indexes[index.name])

    def foreign_keys(self) -> Iterator[str]:
        """ALTER TABLE for all foreign keys; those with names of their own first."""
        for table in self._schema.tables:
            for key in sorted(table.foreign_keys, key=lambda key: key.name is None):
                with self.refusals.of(f"table {table.name}", column=", ".join(key.columns)):
                    yield self._foreign_key(key, table.name)

    def _foreign_key(self, key: ForeignKey, owner: str) -> str:
        table = next(table for table in self._schema.tables if table.name == owner)
        return add_foreign_key(key, table, self._schema, self._types, self._constraints[owner])

    def views(self) -> list[str]:
        """CREATE VIEW of all views."""
        return Views(self._schema, self._types, self.refusals).translate()

    def refuse_the_rest(self) -> None:
        """Name what has no translation at all."""
        for virtual in self._schema.virtual_tables:
            self.refusals.add(f"virtual table {virtual.name}", f"the module {virtual.module} is SQLite's own")
        for trigger in self._schema.triggers:
            self.refusals.add(f"trigger {trigger.name}", "triggers are programs in SQLite's own language")
