"""The statements that put one table's dirty rows in place: delete all, insert what the source has now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import Misfit
from migrations_engine.model import quote
from migrations_engine.online import exact
from migrations_engine.online.shape import literal, widest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.shape import TableShape

KEYS = "_tenantdb_keys"
"""The temporary table of dirty keys: (tbl, k0, k1, …)."""

_SAVED = "_tenantdb_saved"
"""The temporary table of rows as the target had them: keys k0, k1, …, then columns c0, c1, …."""

_ALL = (0, 2**63 - 1)
"""All dirty keys, as bounds of their numbers: their rowids in the table of keys."""

REFUSALS = (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError)
"""How SQLite refuses a row; SQLError is an expression's, for a value that it cannot take."""

SAMPLE = 10
"""How many keys an error shows."""


class Rewrite:
    """One table's rows, replaced behind the dirty keys."""

    def __init__(self, target: apsw.Connection, schema: str, mapping: Mapping, *, discard: bool) -> None:
        self.mapping = mapping
        self._target = target
        self._discard = discard
        self._columns = mapping.target.columns + ((mapping.target.rowid,) if mapping.target.rowid else ())
        self._table = f"main.{quote(mapping.target.name)}"
        self._from = (
            f"FROM {schema}.{quote(mapping.source.name)} WHERE {behind(mapping.source, mapping, some=True)}"
        )
        self._at_target = f"FROM {self._table} WHERE {behind(mapping.target, mapping)}"

    def delete(self) -> None:
        """Delete the rows behind all dirty keys; those that are needed afterwards are saved first."""
        if self.mapping.kept or self._discard:
            self._save()
        self._target.execute(f"DELETE {self._at_target}")

    def insert(self) -> None:
        """Insert the source's present rows behind all dirty keys.

        Raises:
            apsw.Error: A row is refused, see ``REFUSALS``.
        """
        self._insert(*_ALL)

    def insert_singly(self) -> list[Misfit]:
        """Insert them one by one, and say what was refused; in place of that stays what the target had."""
        refused: dict[str, list[int]] = {}
        for number in self._numbers():
            try:
                self._insert(number, number)
            except REFUSALS as error:
                refused.setdefault(str(error), []).append(number)
        if self._discard:
            self._put_back([number for numbers in refused.values() for number in numbers])
        return [self._misfit(rule, numbers) for rule, numbers in refused.items()]

    def sample(self, numbers: Sequence[int]) -> tuple[exact.Shown, ...]:
        """Some of the keys with these numbers, as people read them."""
        terms = self.mapping.source.noted
        found = (
            exact.rows(self._target, terms, f"FROM temp.{KEYS} WHERE rowid = {n}") for n in numbers[:SAMPLE]
        )
        return tuple(exact.shown(key) for rows in found for key in rows)

    def _insert(self, first: int, last: int) -> None:
        """Insert the rows behind some keys; those that the target had get the columns that only it knows."""
        mapping = self.mapping
        names = ", ".join(quote(name) for name, _ in mapping.values)
        expressions = ", ".join(expression for _, expression in mapping.values)
        # ABORT overrides ON CONFLICT clauses of the table, which could drop or replace rows silently.
        fresh = f"INSERT OR ABORT INTO {self._table} ({names}) SELECT {expressions} {self._from}"
        if mapping.kept:
            saved = f"SELECT {', '.join(mapping.source.noted)} FROM temp.{_SAVED}"
            fresh += f" AND NOT ({', '.join(mapping.source.key_terms)}) IN ({saved})"
            self._target.execute(self._merge(), (first, last))
        self._target.execute(fresh, (first, last))

    def _merge(self) -> str:
        mapping = self.mapping
        names = [name for name, _ in mapping.values] + list(mapping.kept)
        new = [f"{expression} AS v{i}" for i, (_, expression) in enumerate(mapping.values)]
        named = [f"{term} AS n{i}" for i, term in enumerate(mapping.source.key_terms)]
        taken = [f"new.v{i}" for i in range(len(new))]
        taken += [f"old.c{self._columns.index(name)}" for name in mapping.kept]
        return (
            f"INSERT OR ABORT INTO {self._table} ({', '.join(map(quote, names))}) SELECT {', '.join(taken)} "
            f"FROM (SELECT {', '.join(named + new)} {self._from}) AS new JOIN temp.{_SAVED} AS old "
            f"ON {' AND '.join(f'new.n{i} = old.k{i}' for i in range(len(named)))}"
        )

    def _save(self) -> None:
        """Keep the target's rows behind all dirty keys: their keys, then all stored columns."""
        terms = [f"{term} AS k{i}" for i, term in enumerate(self.mapping.target.key_terms)]
        terms += [f"{quote(name)} AS c{i}" for i, name in enumerate(self._columns)]
        rows = f"SELECT {', '.join(terms)} {self._at_target}"
        self._target.execute(f"DROP TABLE IF EXISTS temp.{_SAVED}")
        self._target.execute(f"CREATE TEMP TABLE {_SAVED} AS {rows}")
        self._target.execute(
            f"CREATE INDEX temp.{_SAVED}_keys ON {_SAVED} ({', '.join(self.mapping.target.noted)})"
        )

    def _put_back(self, numbers: Sequence[int]) -> None:
        """Restore what the target had behind refused keys; a row whose place another one took stays away."""
        names = ", ".join(map(quote, self._columns))
        columns = ", ".join(f"c{i}" for i in range(len(self._columns)))
        sql = (
            f"INSERT OR IGNORE INTO {self._table} ({names}) SELECT {columns} FROM temp.{_SAVED} "
            f"WHERE ({', '.join(self.mapping.target.noted)}) IN ({_dirty(self.mapping, some=True)})"
        )
        self._target.executemany(sql, ((number, number) for number in numbers))

    def _numbers(self) -> list[int]:
        """The numbers of this table's dirty keys."""
        sql = f"SELECT rowid FROM temp.{KEYS} WHERE tbl IS ? ORDER BY rowid"
        return [number for (number,) in sqlite.rows(self._target, sql, (self.mapping.source.name,))]

    def _misfit(self, rule: str, numbers: Sequence[int]) -> Misfit:
        return Misfit(
            table=self.mapping.target.name, rule=rule, count=len(numbers), sample=self.sample(numbers)
        )


def make_keys(target: apsw.Connection, shapes: Sequence[TableShape]) -> None:
    """Make the temporary table of keys anew, wide enough for these tables; outside of any transaction."""
    target.execute(f"DROP TABLE IF EXISTS temp.{KEYS}")
    target.execute(f"CREATE TEMP TABLE {KEYS} (tbl, {', '.join(widest(shapes))})")


def behind(shape: TableShape, mapping: Mapping, *, some: bool = False) -> str:
    """The condition "this row is behind a dirty key", for either side of a mapping.

    Args:
        shape: The side.
        mapping: Names the table, as the log does.
        some: Only behind keys whose numbers are between two parameters.
    """
    return f"({', '.join(shape.key_terms)}) IN ({_dirty(mapping, some=some)})"


def _dirty(mapping: Mapping, *, some: bool) -> str:
    columns, name = ", ".join(mapping.source.noted), literal(mapping.source.name)
    bounds = " AND rowid BETWEEN ?1 AND ?2" if some else ""
    return f"SELECT {columns} FROM temp.{KEYS} WHERE tbl IS {name}{bounds}"
