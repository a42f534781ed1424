"""CREATE VIEW: views in the order in which they stand on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.ddl.postgres import parsing
from migrations_engine.ddl.postgres.names import identifier
from migrations_engine.ddl.postgres.queries import Translator, renamed
from migrations_engine.ddl.postgres.refusals import Refused, RefusedElsewhere
from migrations_engine.ddl.postgres.sources import Output, Relation
from migrations_engine.model import fold
from migrations_engine.normalize.scopes import schema_names
from migrations_engine.sql import heads
from migrations_engine.sql.cursor import Cursor

if TYPE_CHECKING:
    from migrations_engine.ddl.postgres.refusals import Refusals
    from migrations_engine.ddl.postgres.relations import Types
    from migrations_engine.model import Objects, Table, View


class Views:
    """All views of a schema: what each gives, and the statements so far."""

    def __init__(self, schema: Objects, types: Types, refusals: Refusals) -> None:
        self.statements: list[str] = []
        self._schema = schema
        self._types = types
        self._refusals = refusals
        self._names = schema_names(schema)
        self._views = {fold(view.name): view for view in schema.views}
        self._known: dict[str, Relation | None] = {}
        self._begun: set[str] = set()

    def translate(self) -> list[str]:
        """CREATE VIEW of all views, each behind those that it reads."""
        for view in self._schema.views:
            self._translated(view)
        return self.statements

    def find(self, name: str) -> Relation:
        """The table or view of that name with its columns.

        Raises:
            Refused: There is none, or it was refused itself.
        """
        table = self._schema.table(name)
        if table is not None:
            return self._table(table)
        view = self._views.get(fold(name))
        if view is None:
            raise Refused(f"reads {name}, which is no table and no view of the schema")
        if fold(name) in self._begun and fold(name) not in self._known:
            raise Refused(f"reads {name}, which reads it")
        found = self._translated(view)
        if found is None:
            raise Refused(f"reads the view {view.name}, which has no equal")
        return found

    def _table(self, table: Table) -> Relation:
        try:
            columns = tuple(
                Output(name=column.name, type=self._types.of(table, column)) for column in table.columns
            )
        except RefusedElsewhere:
            raise Refused(f"reads {table.name}, a column of which has no equal") from None
        return Relation(name=table.name, columns=columns, table=table)

    def _translated(self, view: View) -> Relation | None:
        key = fold(view.name)
        if key not in self._known:
            self._begun.add(key)
            found = None
            with self._refusals.of(f"view {view.name}"):
                found = self._create(view)
            self._known[key] = found
        return self._known[key]

    def _create(self, view: View) -> Relation:
        """Write one view down."""
        cursor = Cursor(view.sql)
        heads.begin(cursor, "VIEW")
        heads.object_name(cursor)
        names = cursor.names() if cursor.word() == "(" else ()
        cursor.expect("AS")
        body = parsing.query(view.sql[cursor.position :].rstrip("; \t\r\n"), self._names)
        query = Translator(relations=self, names=self._names, local={}).query(body)
        columns = renamed(query.columns, names)
        listed = f" ({', '.join(identifier(name) for name in names)})" if names else ""
        self.statements.append(f"CREATE VIEW {identifier(view.name)}{listed} AS {query.sql}")
        return Relation(name=view.name, columns=columns)
