"""Rule: BINARY is what no COLLATE gives, but behind a key's column of another collation it says something."""

from __future__ import annotations

from migrations_engine.model import fold


def collation(name: str | None) -> str | None:
    """The canonical collation of a column or an expression."""
    return None if name is None or fold(name) == "binary" else fold(name)


def key_collation(name: str | None, *, of_column: str | None) -> str | None:
    """The canonical collation of a key's or an index's entry.

    Args:
        name: The entry's own COLLATE.
        of_column: The canonical collation of the column that the entry is; None for expressions.
    """
    if name is None:
        return None
    return fold(name) if of_column is not None else collation(name)
