"""Rows in the form that they would have in another table: cast, collated, generated, but bound by no rule.

They stand in a table of the connection's own TEMP database, so the file itself is only read.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from migrations_engine.ddl.definitions import column_clauses
from migrations_engine.model import Column, Table, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from migrations_engine.changes.carry import Carry

KEY = "_tenantdb_key_"
"""Begins the names of the columns that hold a formed row's keys of before; a number follows."""


def key_names(keys: Sequence[str]) -> tuple[str, ...]:
    """What the columns are called that hold those keys."""
    return tuple(f"{KEY}{number}" for number in range(len(keys)))


@contextlib.contextmanager
def formed(
    conn: apsw.Connection,
    table: Table,
    *,
    carried: Carry,
    source: str,
    keys: Sequence[str],
    where: str = "",
    name: str = "_tenantdb_fit",
) -> Iterator[str]:
    """Hold the rows of a table in the form of another for the block; gives the quoted name of where they are.

    Args:
        conn: A connection; inside a transaction the rows are those that it sees.
        table: The form.
        carried: How rows get there.
        source: Name of the table in the file that has them.
        keys: Bare columns of the source that go along, as ``KEY`` 0, 1, …
        where: A condition over the source, with its WHERE; all rows by default.
        name: What to call the table of the block.
    """
    place = f"temp.{quote(name)}"
    extra = key_names(keys)
    columns = ", ".join([*(_loose(column) for column in table.columns), *extra])
    conn.execute(f"DROP TABLE IF EXISTS {place}")
    conn.execute(f"CREATE TABLE {place} ({columns})")
    try:
        conn.execute(_fill(place, table, carried, source, extra, keys) + where)
        yield place
    finally:
        conn.execute(f"DROP TABLE IF EXISTS {place}")


def _fill(
    place: str, table: Table, carried: Carry, source: str, extra: Sequence[str], keys: Sequence[str]
) -> str:
    """The statement that forms the rows; a rowid that no column of the table holds stays behind."""
    values = [(name, text) for name, text in carried.values if table.column(name) is not None]
    targets = ", ".join([*(quote(name) for name, _ in values), *extra])
    sources = ", ".join([*(text for _, text in values), *(quote(key) for key in keys)])
    return f"INSERT INTO {place} ({targets}) SELECT {sources} FROM main.{quote(source)}"


def _loose(column: Column) -> str:
    """A column without its rules: type, collation, default and expression alone."""
    bare = Column(
        name=column.name,
        type=column.type,
        default=column.default,
        collation=column.collation,
        generated=column.generated,
    )
    return " ".join([quote(column.name), column.type, *column_clauses(bare)])
