"""What of a table matters to capture and replay: what its rows are called, what is stored, what must be unique."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrations_engine.model import IndexedColumn, Objects, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueKey:
    """What no two rows may share: a key or a unique index; every collation is spelled out."""

    columns: tuple[IndexedColumn, ...]
    where: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """One table as the online core sees it.

    Attributes:
        table: Its definition.
        key: Bare names of the columns that name a row in the change log, or one alias of the rowid. Not
            necessarily unique: every row that carries a dirty key is replayed.
        rowid: The alias under which the rowid has to be carried; None where a column is the rowid or there is none.
        uniques: Every unique key but the rowid's own.
    """

    table: Table
    key: tuple[str, ...]
    rowid: str | None
    uniques: tuple[UniqueKey, ...]

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Bare names of the stored columns, in declared order; no generated ones."""
        return tuple(column.name for column in self.table.columns if column.generated is None)


def shape_of(table: Table) -> TableShape:
    """Find what names the rows of one table.

    Raises:
        Unsupported: Nothing names them: no key, and columns that are called rowid, _rowid_ and oid.
    """
    raise NotImplementedError


def shapes(schema: Objects) -> tuple[TableShape, ...]:
    """The shapes of all tables of a schema, in declared order.

    Raises:
        Unsupported: A table without a usable key, or a virtual table: triggers cannot see its changes.
    """
    raise NotImplementedError
