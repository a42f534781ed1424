"""The change log: triggers that note the keys of every row that may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from migrations_engine.online.shape import TableShape

LOG = "_tenantdb_log"
"""The change log: (n INTEGER PRIMARY KEY AUTOINCREMENT, tbl, k0, k1, …), without types, so values stay as they are."""


def install(conn: apsw.Connection, shapes: Sequence[TableShape]) -> None:
    """Make log and triggers, inside the caller's transaction; a log that these triggers wrote stays as it is.

    Args:
        conn: The file whose changes are to be noted.
        shapes: Its tables: ``mapping.source`` of every mapping that will replay the log.
    """
    raise NotImplementedError


def remove(conn: apsw.Connection) -> None:
    """Drop triggers and log, inside the caller's transaction; also where there are none."""
    raise NotImplementedError


def installed(conn: apsw.Connection, shapes: Sequence[TableShape]) -> bool:
    """Whether exactly the capture of these tables stands in the file: nothing missing, nothing changed."""
    raise NotImplementedError


def watermark(conn: apsw.Connection) -> int:
    """The number of the last note; 0 where there is none."""
    raise NotImplementedError


def pending(conn: apsw.Connection, *, after: int) -> int:
    """How many notes lie behind a watermark."""
    raise NotImplementedError


def mark(conn: apsw.Connection) -> int:
    """Write an empty note, inside the caller's transaction, and give its number.

    Once that transaction is committed at synchronous=FULL, everything up to this watermark survives power loss:
    only then may it be recorded, else a target could be ahead of its source after a reboot.
    """
    raise NotImplementedError
