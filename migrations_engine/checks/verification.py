"""Proof that every row went across: counts, then each value that had to stay as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import MigrationError
from migrations_engine.model import quote

if TYPE_CHECKING:
    import apsw

    from migrations_engine.changes.carry import Carry


class CopyDiffers(MigrationError):
    """A copied table is not what it was copied from."""


def verify(conn: apsw.Connection, carry: Carry, source: str, target: str) -> int:
    """Compare a rebuilt table with the one that it came from, inside the caller's transaction.

    Returns:
        How many rows both have.

    Raises:
        CopyDiffers: Rows are missing, or a value that had to stay did not.
    """
    rows: int = sqlite.value(conn, f"SELECT count(*) FROM {quote(source)}")
    copied: int = sqlite.value(conn, f"SELECT count(*) FROM {quote(target)}")
    if rows != copied:
        raise CopyDiffers(f"{target}: {rows} rows before, {copied} after the copy; nothing was changed")
    different: int = sqlite.value(conn, _difference(carry, source, target))
    if different:
        raise CopyDiffers(f"{target}: {different} rows differ after the copy; nothing was changed")
    return rows


def _difference(carry: Carry, source: str, target: str) -> str:
    """Count the rows of the source whose exact values the target does not have."""
    if not carry.match:
        return _set_difference(carry, source, target)
    # The plus takes the old column's affinity away, so that its value compares as the new one stored it.
    on = " AND ".join(f"n.{quote(new)} = +o.{quote(old)}" for new, old in carry.match)
    # BINARY, because a NOCASE column would call 'a' and 'A' the same.
    changed = [f"n.{quote(new)} COLLATE BINARY IS NOT o.{quote(old)}" for new, old in carry.exact]
    missing = f"n.{quote(carry.match[0][0])} IS NULL"
    return (
        f"SELECT count(*) FROM {quote(source)} AS o LEFT JOIN {quote(target)} AS n ON {on} "
        f"WHERE {' OR '.join([missing, *changed])}"
    )


def _set_difference(carry: Carry, source: str, target: str) -> str:
    """Without a key that both sides know, values are compared as a set; counts are equal already."""
    if not carry.exact:
        return "SELECT 0"
    ours = ", ".join(f"{quote(old)} COLLATE BINARY" for _, old in carry.exact)
    theirs = ", ".join(f"{quote(new)} COLLATE BINARY" for new, _ in carry.exact)
    missing = f"SELECT {ours} FROM {quote(source)} EXCEPT SELECT {theirs} FROM {quote(target)}"
    return f"SELECT count(*) FROM ({missing})"
