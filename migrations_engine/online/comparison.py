"""The comparison of one table's rows on both sides, inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.errors import VerificationFailed
from migrations_engine.model import quote
from migrations_engine.online import digest
from migrations_engine.online.difference import Difference
from migrations_engine.sql.affinity import affinity

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from migrations_engine.online.digest import Digest
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.ranges import Condition
    from migrations_engine.online.rewrite import Rewrite
    from migrations_engine.online.shape import TableShape

_STAGE = "_tenantdb_stage"
"""The temporary table in which source rows take the target's affinities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: a table, its name as SQL, and what of each row is compared."""

    shape: TableShape
    table: str
    terms: tuple[str, ...]

    def where(self, condition: Condition) -> str:
        """FROM and WHERE for the rows that a condition means."""
        return f"FROM {self.table} WHERE {condition(self.shape)}"


class Comparison:
    """One table on both sides; values that nothing can prove are left out."""

    def __init__(self, target: apsw.Connection, schema: str, rewrite: Rewrite, *, discard: bool) -> None:
        self.mapping = rewrite.mapping
        self._target = target
        self._rewrite = rewrite
        self._discard = discard
        self._theirs, self._ours = _sides(schema, self.mapping)

    def check(self, condition: Condition) -> Digest:
        """Compare the rows that a condition means; gives what they are at the target.

        Raises:
            VerificationFailed: They differ.
        """
        ours = digest.of(self._target, self._ours.terms, self._ours.where(condition))
        terms, tail = self._as_stored("NULL", self._theirs.terms, self._theirs.where(condition))
        if ours != digest.of(self._target, terms[1:], tail):
            self._explain(condition)
        return ours

    def _explain(self, condition: Condition) -> None:
        """Find the rows that differ, and raise unless the target refuses what the source has of them."""
        difference = Difference(self._target, self._rewrite)
        difference.load_keys(self._theirs.where(condition), self._ours.where(condition))
        theirs = self._as_stored(
            *difference.numbered(self._theirs.shape, self._theirs.table, self._theirs.terms)
        )
        ours = difference.numbered(self._ours.shape, self._ours.table, self._ours.terms)
        numbers = difference.find(theirs, ([ours[0], *ours[1]], ours[2]))
        if not (self._discard and difference.is_refused(self._ours.terms)):
            raise VerificationFailed(
                table=self.mapping.target.name, count=len(numbers), sample=difference.sample(numbers)
            )

    def _as_stored(self, number: str, terms: Sequence[str], tail: str) -> tuple[list[str], str]:
        """What to select for source rows as the target would store them, each behind a number.

        Where a column's affinity differs they are stored on the way, in columns of the target's affinities,
        because nothing but storing applies one: CAST does more.
        """
        if self.mapping.is_exact:
            return [number, *terms], tail
        self._target.execute(f"DROP TABLE IF EXISTS temp.{_STAGE}")
        self._target.execute(f"CREATE TEMP TABLE {_STAGE} (n, {', '.join(self._typed_columns())})")
        self._target.execute(f"INSERT INTO temp.{_STAGE} SELECT {', '.join([number, *terms])} {tail}")
        return ["n", *(f"c{i}" for i in range(len(terms)))], f"FROM temp.{_STAGE}"

    def _typed_columns(self) -> list[str]:
        table = self.mapping.target.table
        columns = [table.column(name) for name, _ in self.mapping.proved]
        types = [affinity(c.type, strict=table.strict) if c else "INTEGER" for c in columns]
        return [f"c{i} {declared}" for i, declared in enumerate(types)]


def _sides(schema: str, mapping: Mapping) -> tuple[Side, Side]:
    """Source and target; where nothing of a row can be proved, at least how many there are."""
    proved = mapping.proved
    return (
        Side(
            shape=mapping.source,
            table=f"{schema}.{quote(mapping.source.name)}",
            terms=tuple(expression for _, expression in proved) or ("NULL",),
        ),
        Side(
            shape=mapping.target,
            table=f"main.{quote(mapping.target.name)}",
            terms=tuple(quote(name) for name, _ in proved) or ("NULL",),
        ),
    )
