"""The names of all models of a schema and of their attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import fold
from migrations_engine.renderings import python_names
from migrations_engine.renderings.python_names import Names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migrations_engine.model import Table


class ModelNames:
    """Each table's class or variable, and each column's attribute; relationships take theirs afterwards."""

    def __init__(self, tables: Iterable[Table]) -> None:
        classes = Names()
        self._models: dict[str, str] = {}
        self._attributes: dict[tuple[str, str], str] = {}
        self._taken: dict[str, Names] = {}
        for table in tables:
            folded = fold(table.name)
            self._models[folded] = classes.take(
                python_names.class_name(table.name)
                if table.primary_key
                else f"{python_names.snake(table.name)}_table"
            )
            names = self._taken[folded] = Names(python_names.RESERVED)
            for column in table.columns:
                self._attributes[folded, column.name] = names.take(python_names.attribute(column.name))

    def model(self, table: Table) -> str:
        """The class of a table; a variable where the table has no key."""
        return self._models[fold(table.name)]

    def attribute(self, table: Table, column: str) -> str:
        """The attribute of a column, by its declared name."""
        return self._attributes[fold(table.name), column]

    def take(self, table: str, *wanted: str) -> str:
        """A free attribute of the model of a table (its folded name), the first of these if possible."""
        return self._taken[table].take(*wanted)
