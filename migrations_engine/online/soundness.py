"""Whether a file that was made is sound: its pages, its indexes against their rows, its rules against them.

Comparing rows finds what a copy lost; only SQLite itself finds an index that does not lead to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseDamaged
from migrations_engine.model import quote

if TYPE_CHECKING:
    from collections.abc import Iterator


def require(made: apsw.Connection, origin: apsw.Connection) -> None:
    """Refuse a file with faults that the file which its pages came from has not.

    Args:
        made: The new file, which nobody writes to.
        origin: Where its pages are from; looked at only where the new one has faults.

    Raises:
        DatabaseDamaged: There are such faults; says the first.
    """
    found = faults(made)
    new = sorted(found - faults(origin)) if found else []
    if new:
        more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
        raise DatabaseDamaged(
            f"the new file {made.filename} is not sound: {new[0]}{more}; the old one was not changed. "
            "This is a fault of the copy or of a disk: look before trying again"
        )


def faults(conn: apsw.Connection) -> frozenset[str]:
    """What SQLite finds wrong with a file: the first hundred faults, none for a sound one.

    Virtual tables are left out. While the source is written, parts of an index are copied as of different
    instants; each of its rows is compared in the end.
    """
    try:
        found = _reported(conn, "PRAGMA main.integrity_check")
    except apsw.SQLError:
        # A rule that uses a function which this process does not know ends the whole look.
        found = frozenset().union(*_by_table(conn))
    virtual = [f"main.{name}" for name in _tables(conn, "virtual")]  # as their modules say it
    return frozenset(fault for fault in found if not any(name in fault for name in virtual))


def _by_table(conn: apsw.Connection) -> Iterator[frozenset[str]]:
    for table in _tables(conn, "table"):
        try:
            yield _reported(conn, f"PRAGMA main.integrity_check({quote(table)})")
        except apsw.SQLError:
            continue  # its rows were compared; its rules can be evaluated where the function is known


def _tables(conn: apsw.Connection, kind: str) -> list[str]:
    query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = ?"
    return [name for (name,) in sqlite.rows(conn, query, (kind,))]


def _reported(conn: apsw.Connection, look: str) -> frozenset[str]:
    return frozenset(text for (text,) in sqlite.rows(conn, look)) - {"ok"}
