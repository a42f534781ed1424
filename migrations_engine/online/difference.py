"""Which rows of two sides differ, once it is known that some do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from migrations_engine.model import quote
from migrations_engine.online import digest, exact
from migrations_engine.online.rewrite import KEYS, behind
from migrations_engine.online.shape import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from migrations_engine.online.rewrite import Rewrite
    from migrations_engine.online.shape import TableShape

Selection = tuple[list[str], str]
"""The terms and the tail of a SELECT; its first column is a number in the table of keys."""


class Difference:
    """The differing rows of one table, named by their numbers in the temporary table of keys."""

    def __init__(self, target: apsw.Connection, rewrite: Rewrite) -> None:
        self._target = target
        self._rewrite = rewrite
        self._mapping = rewrite.mapping
        self._name = rewrite.mapping.source.name

    def load_keys(self, source: str, target: str) -> None:
        """Put the keys of all rows in question into the table of keys; both arguments begin with FROM."""
        keys = ", ".join(self._mapping.source.noted)
        theirs, ours = self._mapping.source.key_terms, self._mapping.target.key_terms
        # Marked first and renamed last, because the conditions may read the dirty keys that stand there.
        self._target.execute(
            f"INSERT INTO temp.{KEYS} (tbl, {keys}) SELECT NULL, {', '.join(theirs)} {source} "
            f"UNION SELECT NULL, {', '.join(ours)} {target}"
        )
        self._target.execute(f"DELETE FROM temp.{KEYS} WHERE tbl IS ?", (self._name,))
        self._target.execute(f"UPDATE temp.{KEYS} SET tbl = ? WHERE tbl IS NULL", (self._name,))

    def numbered(self, shape: TableShape, table: str, terms: Sequence[str]) -> tuple[str, list[str], str]:
        """How to select a side's rows behind these keys: number, terms, tail."""
        keys = [f"{term} AS n{i}" for i, term in enumerate(shape.key_terms)]
        values = [f"{term} AS v{i}" for i, term in enumerate(terms)]
        same = " AND ".join(f"r.n{i} IS d.k{i}" for i in range(len(keys)))
        tail = (
            f"FROM temp.{KEYS} AS d JOIN (SELECT {', '.join(keys + values)} FROM {table}) AS r ON {same} "
            f"WHERE d.tbl IS {literal(self._name)}"
        )
        return "d.rowid", [f"r.v{i}" for i in range(len(values))], tail

    def find(self, source: Selection, target: Selection) -> list[int]:
        """The numbers of the keys behind which the sides differ; only those stay in the table of keys."""
        theirs, ours = self._hashes(source), self._hashes(target)
        numbers = sorted({int(number or 0) for number, _ in (theirs - ours) + (ours - theirs)})
        self._target.execute(
            f"DELETE FROM temp.{KEYS} WHERE tbl IS ? AND rowid NOT IN (SELECT value FROM json_each(?))",
            (self._name, str(numbers)),
        )
        return numbers

    def is_refused(self, terms: Sequence[str]) -> bool:
        """Whether a replay of the rows that differ leaves the target as it is, since it refuses them all."""
        shape = self._mapping.target
        tail = f"FROM main.{quote(shape.name)} WHERE {behind(shape, self._mapping)}"
        before = digest.of(self._target, terms, tail)
        self._target.execute("SAVEPOINT trial")
        try:
            self._rewrite.delete()
            self._rewrite.insert_singly()
            return digest.of(self._target, terms, tail) == before
        finally:
            self._target.execute("ROLLBACK TO trial")
            self._target.execute("RELEASE trial")

    def sample(self, numbers: Sequence[int]) -> tuple[exact.Shown, ...]:
        """Keys of some of the rows, as people read them."""
        return self._rewrite.sample(numbers)

    def _hashes(self, selection: Selection) -> Counter[tuple[exact.Value, bytes]]:
        terms, tail = selection
        return Counter((row[0], digest.row_hash(row[1:])) for row in exact.rows(self._target, terms, tail))
