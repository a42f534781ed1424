"""Proof that a copy is equal to its source, row by row, type by type.

Every comparison happens inside one target transaction and one source snapshot, after the log up to that very
snapshot was replayed. So both sides have to be equal whatever is written meanwhile, and a difference is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

from migrations_engine.online import parents
from migrations_engine.online.comparison import Comparison
from migrations_engine.online.digest import EMPTY, Digest
from migrations_engine.online.ranges import Ranges
from migrations_engine.online.replay import Replayer, replaying
from migrations_engine.online.rewrite import behind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import apsw

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was proved.

    Attributes:
        rows: How many rows were compared.
        digest: What they are, as 32 hex digits; equal for equal contents, whatever their order.
        watermark: The last note that was replayed.
        keys: How many dirty keys were replayed meanwhile.
    """

    rows: int
    digest: str
    watermark: int
    keys: int


def full(
    source: apsw.Connection,
    target: apsw.Connection,
    mappings: Sequence[Mapping],
    *,
    after: int,
    admit: Admit,
    chunk: int = 50_000,
    discard: bool = False,
    progress: Callable[[int], None] | None = None,
) -> VerifyReport:
    """Compare all rows of both sides, a key range at a time, while the source is written.

    Args:
        source: The file with the log.
        target: The copy, outside of any transaction.
        mappings: Every table that lives on.
        after: The watermark so far; the report has the new one.
        admit: Opens each target transaction.
        chunk: Rows per range.
        discard: A row that the target's constraints refuse may be missing there, or be older.
        progress: Told the rows compared so far after each range; what it raises ends the verification.

    Raises:
        CaptureLost: The log does not note a table by the key that its mapping goes by.
        VerificationFailed: The sides differ: table, count and sample keys.
        DataDoesNotFit: Rows that the target's constraints or new foreign keys refuse, without ``discard``.
    """
    with replaying(source, target, mappings, discard=discard) as replayer:
        tally = _Tally(watermark=after)
        for mapping in mappings:
            comparison = _comparison(replayer, mapping)
            ranges = Ranges(target, replayer.schema, mapping, chunk=chunk)
            while not ranges.done:
                with admit(target):
                    tally.replay(replayer)
                    tally.add(comparison, comparison.check(ranges.advance()))
                if progress is not None:
                    progress(tally.rows)
        _require_parents(replayer)
    return tally.report()


def keys(
    source: apsw.Connection,
    target: apsw.Connection,
    mappings: Sequence[Mapping],
    *,
    after: int,
    admit: Admit,
    discard: bool = False,
) -> VerifyReport:
    """Replay what lies behind a watermark and compare every row behind a dirty key: the last drain, proved.

    One target transaction, and its cost depends on the dirty keys alone: for the pause, after a ``full``.

    Args:
        source: The file with the log; may hold its write lock (what it has not committed is not seen).
        target: The copy, outside of any transaction.
        mappings: Every table that lives on.
        after: The watermark so far; the report has the new one.
        admit: Opens the target transaction.
        discard: A row that the target's constraints refuse may be missing there, or be older.

    Raises:
        CaptureLost: The log does not note a table by the key that its mapping goes by.
        VerificationFailed: The sides differ: table, count and sample keys.
        DataDoesNotFit: Rows that the target's constraints or new foreign keys refuse, without ``discard``.
    """
    with replaying(source, target, mappings, discard=discard) as replayer, admit(target):
        tally = _Tally(watermark=after)
        tally.replay(replayer)
        for mapping in replayer.touched():
            comparison = _comparison(replayer, mapping)
            tally.add(comparison, comparison.check(partial(behind, mapping=mapping)))
        _require_parents(replayer)
    return tally.report()


def _comparison(replayer: Replayer, mapping: Mapping) -> Comparison:
    return Comparison(replayer.target, replayer.schema, replayer.rewrite(mapping), discard=replayer.discard)


def _require_parents(replayer: Replayer) -> None:
    """With leave to discard nothing is required: what became of parents was said before."""
    if not replayer.discard:
        parents.require(replayer.target, replayer.mappings)


class _Tally:
    """What has been proved so far."""

    def __init__(self, *, watermark: int) -> None:
        self._watermark = watermark
        self._keys = 0
        self._digests: dict[str, Digest] = {}

    @property
    def rows(self) -> int:
        return sum(digest.rows for digest in self._digests.values())

    def replay(self, replayer: Replayer) -> None:
        """Bring the target to the snapshot of the running transaction."""
        report = replayer.replay(after=self._watermark)
        self._watermark = report.watermark
        self._keys += report.keys

    def add(self, comparison: Comparison, digest: Digest) -> None:
        name = comparison.mapping.target.name
        self._digests[name] = self._digests.get(name, EMPTY) + digest

    def report(self) -> VerifyReport:
        tables = sorted((name, d.rows, d.total) for name, d in self._digests.items())
        digest = blake2b(repr(tables).encode(), digest_size=16).hexdigest()
        return VerifyReport(rows=self.rows, digest=digest, watermark=self._watermark, keys=self._keys)
