"""Proof that a copy is equal to its source, row by row, type by type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import apsw

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import Admit


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Rows that were compared, the sum of their 128-bit hashes, and the watermark of the last comparison."""

    rows: int
    digest: str
    watermark: int


def full(
    source: apsw.Connection,
    target: apsw.Connection,
    mappings: Sequence[Mapping],
    *,
    after: int,
    admit: Admit,
    chunk: int = 50_000,
    progress: Callable[[int], None] | None = None,
) -> VerifyReport:
    """Compare all rows of both sides by key range, while the source is written.

    Each range is compared inside one target transaction and one source snapshot, after the log up to that
    very snapshot was replayed: so a difference is a difference, whatever is written meanwhile.

    Args:
        source: The file with the log.
        target: The copy, outside of any transaction.
        mappings: Every table that lives on.
        after: The watermark so far; the report has the new one.
        admit: Opens each target transaction.
        chunk: Rows per range.
        progress: Told the rows compared so far after each range; what it raises ends the verification.

    Raises:
        VerificationFailed: The sides differ: table, count and sample keys.
        DataDoesNotFit: Rows that the target's constraints refuse.
    """
    raise NotImplementedError


def keys(
    source: apsw.Connection,
    target: apsw.Connection,
    mappings: Sequence[Mapping],
    *,
    after: int,
    admit: Admit,
) -> VerifyReport:
    """Replay what lies behind a watermark and compare every row behind a dirty key: the last drain, proved.

    One target transaction, its cost depends on the dirty keys alone: for the pause, after a ``full``.

    Raises:
        VerificationFailed: The sides differ.
        DataDoesNotFit: Rows that the target's constraints refuse.
    """
    raise NotImplementedError
