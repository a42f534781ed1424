"""Names: always quoted, no longer than PostgreSQL keeps them, and one of each in a schema."""

from __future__ import annotations

import hashlib
from typing import Final

from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.model import quote

LONGEST: Final = 63
"""PostgreSQL cuts names to so many bytes, silently."""

_SYSTEM_COLUMNS: Final = frozenset(("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"))


def identifier(name: str) -> str:
    """The name of a table, a view or a column in quotes, its case kept.

    Raises:
        Refused: PostgreSQL would cut it, or has no such names.
    """
    if not name:
        raise Refused("an empty name")
    if len(name.encode()) > LONGEST:
        raise Refused(f"the name {name!r} has more than {LONGEST} bytes and would be cut")
    return quote(name)


def column_identifier(name: str) -> str:
    """The name of a column in quotes.

    Raises:
        Refused: As above, or PostgreSQL has a column of that name in every table.
    """
    if name in _SYSTEM_COLUMNS:
        raise Refused(f"every table of PostgreSQL has a column {name} of its own")
    return identifier(name)


class Namespace:
    """Names that may be given once: those of all relations of a schema, or of a table's constraints."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def claim(self, wanted: str, *, beside: Namespace | None = None) -> str:
        """The name, or the nearest that is free: shortened with a hash, then numbered.

        Args:
            wanted: The name to be given.
            beside: Other names that it joins: that of a UNIQUE is a relation's and a constraint's.
        """
        others = beside.taken if beside is not None else set()
        name, count = shortened(wanted), 1
        while name in self.taken or name in others:
            count += 1
            name = shortened(f"{wanted}_{count}")
        self.taken.add(name)
        others.add(name)
        return name


def shortened(name: str) -> str:
    """A name of an index or a constraint within the limit: its beginning and 8 hex digits of its hash."""
    if len(name.encode()) <= LONGEST:
        return name
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: LONGEST - 9].decode(errors='ignore')}_{digits}"
