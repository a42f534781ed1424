"""Rows in the form that they would have in another table: cast, collated, generated, but bound by no rule.

They stand in a table of the connection's own TEMP database, so the file itself is only read.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.ddl.definitions import column_clauses
from migrations_engine.model import Column, Table, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from migrations_engine.changes.carry import Carry

KEY = "_tenantdb_key_"
"""Begins the names of the columns that hold a formed row's keys of before; a number follows."""

NUMBER = "_tenantdb_n"
"""Numbers formed rows; among their columns there may be one that is called rowid."""


def key_names(keys: Sequence[str]) -> tuple[str, ...]:
    """What the columns are called that hold those keys."""
    return tuple(f"{KEY}{number}" for number in range(len(keys)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A table of the connection's own that takes rows in the form of another.

    Attributes:
        conn: The connection; inside a transaction the rows are those that it sees.
        table: The form.
        carried: How rows get there.
        source: Name of the table in the file that has them.
        keys: Bare columns of the source that go along, as ``KEY`` 0, 1, …
        name: What the table is called.
    """

    conn: apsw.Connection
    table: Table
    carried: Carry
    source: str
    keys: Sequence[str]
    name: str

    @property
    def place(self) -> str:
        """The quoted name of where the rows are."""
        return f"temp.{quote(self.name)}"

    def fill(self, where: str = "", bindings: Sequence[object] = ()) -> None:
        """Form rows; a rowid that no column of the table holds stays behind.

        Args:
            where: A condition over the source, with its WHERE; all rows by default.
            bindings: The values of its parameters.
        """
        values = [(name, text) for name, text in self.carried.values if self.table.column(name) is not None]
        targets = ", ".join([*(quote(name) for name, _ in values), *key_names(self.keys)])
        sources = ", ".join([*(text for _, text in values), *(quote(key) for key in self.keys)])
        source = f"SELECT {sources} FROM main.{quote(self.source)}{where}"
        self.conn.execute(f"INSERT INTO {self.place} ({targets}) {source}", bindings)


@contextlib.contextmanager
def empty(
    conn: apsw.Connection,
    table: Table,
    *,
    carried: Carry,
    source: str,
    keys: Sequence[str],
    name: str = "_tenantdb_fit",
) -> Iterator[Form]:
    """Hold a form without rows for the block; the arguments are those of ``Form``."""
    form = Form(conn=conn, table=table, carried=carried, source=source, keys=keys, name=name)
    loose = (_loose(column, strict=table.strict) for column in table.columns)
    columns = ", ".join([f"{NUMBER} INTEGER PRIMARY KEY", *loose, *key_names(keys)])
    conn.execute(f"DROP TABLE IF EXISTS {form.place}")
    conn.execute(f"CREATE TABLE {form.place} ({columns})")
    try:
        yield form
    finally:
        conn.execute(f"DROP TABLE IF EXISTS {form.place}")


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

    The arguments are those of ``Form`` and of its ``fill``.
    """
    with empty(conn, table, carried=carried, source=source, keys=keys, name=name) as form:
        form.fill(where)
        yield form.place


def _loose(column: Column, *, strict: bool) -> str:
    """A column without its rules: type, collation, default and expression alone."""
    bare = Column(
        name=column.name,
        default=column.default,
        collation=column.collation,
        generated=column.generated,
    )
    # ANY keeps values as they are in STRICT tables only; in this one it would make numbers of them.
    kept_as_is = strict and column.type.upper() == "ANY"
    return " ".join([quote(column.name), "" if kept_as_is else column.type, *column_clauses(bare)])
