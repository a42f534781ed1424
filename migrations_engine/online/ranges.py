"""The key ranges of a table, one after the other, each found when it is due.

The bounds stay inside SQLite, in a temporary table, so that a key which is no valid text is no trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from migrations_engine.model import quote
from migrations_engine.online.shape import TableShape, may_be_null

if TYPE_CHECKING:
    import apsw

    from migrations_engine.online.mapping import Mapping

Condition = Callable[[TableShape], str]
"""Says in SQL, for either side of a mapping, which of its rows are meant."""

_BOUNDS = "_tenantdb_bounds"


class Ranges:
    """A source table cut by its key; the last range is open, so that rows added meanwhile fall in.

    ``chunk`` is how many rows the next range takes.
    """

    def __init__(self, target: apsw.Connection, schema: str, mapping: Mapping, *, chunk: int) -> None:
        self.done = False
        self._target = target
        self.chunk = chunk
        self._source = mapping.source
        self._table = f"{schema}.{quote(mapping.source.name)}"
        self._keys = ", ".join(mapping.source.noted)
        self._nulls = [name for name in mapping.source.key if may_be_null(mapping.source.table, name)]
        target.execute(f"DROP TABLE IF EXISTS temp.{_BOUNDS}")
        target.execute(f"CREATE TEMP TABLE {_BOUNDS} (edge, {self._keys})")

    def advance(self) -> Condition:
        """The next range, found in the caller's transaction."""
        if self._nulls:  # no comparison finds them, so they are a range of their own, before all others
            positions = [self._source.key.index(name) for name in self._nulls]
            self._nulls = []
            return lambda shape: " OR ".join(f"{shape.key_terms[i]} IS NULL" for i in positions)
        self._target.execute(f"DELETE FROM temp.{_BOUNDS} WHERE edge = 'low'")
        self._target.execute(f"UPDATE temp.{_BOUNDS} SET edge = 'low'")
        low = [">"] if self._target.changes() else []
        return self._between([*low, *self._find_high(low)])

    def _find_high(self, low: list[str]) -> list[str]:
        terms = ", ".join(self._source.key_terms)
        self._target.execute(
            f"INSERT INTO temp.{_BOUNDS} SELECT 'high', {terms} FROM {self._table} "
            f"WHERE {self._between(low)(self._source)} ORDER BY {terms} LIMIT 1 OFFSET ?",
            (self.chunk - 1,),
        )
        self.done = not self._target.changes()
        return [] if self.done else ["<="]

    def _between(self, operators: list[str]) -> Condition:
        edges = {">": "low", "<=": "high"}
        bounds = [
            f"{op} (SELECT {self._keys} FROM temp.{_BOUNDS} WHERE edge = '{edges[op]}')" for op in operators
        ]
        return lambda shape: " AND ".join(f"({', '.join(shape.key_terms)}) {b}" for b in bounds) or "TRUE"
