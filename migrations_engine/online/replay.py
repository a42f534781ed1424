"""Bringing a copy up to date: the rows behind the dirty keys are read again and put in place of the old ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.errors import Misfit
    from migrations_engine.online.mapping import Mapping

Admit = Callable[[apsw.Connection], AbstractContextManager[object]]
"""Opens the one transaction (BEGIN IMMEDIATE) in which a target may be written, and commits it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """The watermark up to which the target is equal to the source, and how many dirty keys were replayed."""

    watermark: int
    keys: int
    misfits: tuple[Misfit, ...] = ()


def linked(source: apsw.Connection, target: apsw.Connection) -> AbstractContextManager[None]:
    """Keep the source attached to the target's connection, read-only, for the block.

    Everything here and in ``verify`` does that by itself; around a cut-over it saves the milliseconds that
    reading the source's schema takes.
    """
    raise NotImplementedError


def drain(
    source: apsw.Connection,
    target: apsw.Connection,
    mappings: Sequence[Mapping],
    *,
    after: int,
    admit: Admit,
    batch: int = 20_000,
    discard: bool = False,
) -> DrainReport:
    """Replay the log from a watermark to what was its end at the call.

    Args:
        source: The file with the log; may hold its write lock (what it has not committed is not seen).
        target: The copy, outside of any transaction; user triggers are dropped there.
        mappings: Every table that lives on.
        after: The watermark so far.
        admit: Opens each target transaction.
        batch: Notes per target transaction, at most.
        discard: Leave rows out that the target's constraints refuse, and report them.

    Raises:
        DataDoesNotFit: Rows that the target's constraints refuse; batches before that one stay replayed.
    """
    raise NotImplementedError
