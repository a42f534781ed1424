"""The bulk copy: all pages of a file as of one instant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - part of a public signature
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What was copied: bytes, pages, the watermark that the copy carries, and how long it took in seconds."""

    bytes: int
    pages: int
    watermark: int
    seconds: float


def pages(
    source: apsw.Connection, target: Path, *, progress: Callable[[int, int], None] | None = None
) -> CopyReport:
    """Copy a consistent snapshot of a whole file; at the return it is in WAL mode and survives power loss.

    The copy holds everything, the source's control row, guards, capture and log included: the caller makes it
    its own (control row first) before anything else is done with it.

    Args:
        source: A connection outside of any transaction.
        target: An empty file that the caller has created exclusively; what it holds is overwritten.
        progress: Told (pages copied, pages in all) from time to time; what it raises ends the copy.
    """
    raise NotImplementedError


def sync(target: apsw.Connection) -> None:
    """Make everything that was committed to a file survive power loss: file, log and folder."""
    raise NotImplementedError
