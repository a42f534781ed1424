"""What of a table matters to capture and replay: how rows are named, what they store, what must be unique.

Rows of an ordinary table are named by their rowid, whatever its primary key is. It is an integer and never
NULL (a TEXT PRIMARY KEY may be, several times), and both the page copy and a rebuild keep it. Only VACUUM
can change the rowids of a file, and it changes schema_version too, which the pause compares. Rows of a
WITHOUT ROWID table are named by their primary key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.changes.carry import key_columns, rowid_column, rowid_name
from migrations_engine.errors import Unsupported
from migrations_engine.model import IndexedColumn, fold, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from migrations_engine.model import Objects, Table

BINARY = "BINARY"
"""The collation of whatever declares none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueKey:
    """What no two rows may share: a key or a unique index; every collation is spelled out."""

    columns: tuple[IndexedColumn, ...]
    where: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is about columns alone, without expressions and conditions."""
        return self.where is None and all(part.is_column for part in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """One table as the online core sees it.

    Attributes:
        table: Its definition.
        key: Bare names of the columns that name a row in the change log, or one alias of the rowid. It need
            not be unique: all rows behind a dirty key are replayed.
        rowid: The alias under which the rowid is carried; None where a column is the rowid or there is none.
        uniques: What no two rows may share; without the key of the change log.
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

    @property
    def key_terms(self) -> tuple[str, ...]:
        """The key as SQL, each column under the collation in which the key is unique."""
        return tuple(self._term(name) for name in self.key)

    @property
    def noted(self) -> tuple[str, ...]:
        """The names that the key has in the change log."""
        return log_columns(len(self.key))

    def _term(self, name: str) -> str:
        used, own = key_collation(self.table, name), column_collation(self.table, name)
        return quote(name) if fold(used) == fold(own) else f"{quote(name)} COLLATE {quote(used)}"


def log_columns(count: int) -> tuple[str, ...]:
    """The names of the first key columns of the change log."""
    return tuple(f"k{i}" for i in range(count))


def widest(shapes: Iterable[TableShape]) -> tuple[str, ...]:
    """The names that the key columns of all these tables have in a log."""
    return log_columns(max((len(shape.key) for shape in shapes), default=1))


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def shape_of(table: Table, *, key: Sequence[str] = ()) -> TableShape:
    """Find what names the rows of one table.

    Args:
        table: Its definition.
        key: Columns that shall name the rows instead, where another table's rows are named by them.

    Raises:
        Unsupported: Nothing names the rows: no key, and columns that are called rowid, _rowid_ and oid.
    """
    chosen = tuple(key) or key_columns(table) or _declared(table)
    if not chosen:
        raise Unsupported(
            f"table {table.name} has no key, and its columns hide rowid, _rowid_ and oid: nothing names its "
            "rows. Give it a primary key, or rename one of these columns",
            object_name=table.name,
        )
    rowid = None if rowid_column(table) else rowid_name(table)
    uniques = tuple(unique for unique in _uniques(table) if not _names_rows(table, unique, chosen))
    return TableShape(table=table, key=chosen, rowid=rowid, uniques=uniques)


def shapes(schema: Objects) -> tuple[TableShape, ...]:
    """The shapes of all tables of a schema, in declared order; virtual ones are followed by ``shadows``.

    Raises:
        Unsupported: A table without a usable key.
    """
    return tuple(shape_of(table) for table in schema.tables)


def column_collation(table: Table, name: str) -> str:
    """The collation that a column declares; BINARY for the rowid."""
    column = table.column(name)
    return (column.collation if column else None) or BINARY


def key_collation(table: Table, name: str) -> str:
    """The collation under which a column stands in the primary key; its own where it is not in it."""
    parts = table.primary_key.columns if table.primary_key else ()
    found = next((p.collation for p in parts if fold(p.expression) == fold(name)), None)
    return found or column_collation(table, name)


def may_be_null(table: Table, name: str) -> bool:
    """Whether a column takes NULLs; the rowid and the key of some tables do not, though none says so."""
    column = table.column(name)
    if column is None or column.not_null is not None or name == rowid_column(table):
        return False
    in_key = table.primary_key is not None and _has_part(table.primary_key.columns, name)
    return not (in_key and (table.without_rowid or table.strict))


def _has_part(columns: Sequence[IndexedColumn], name: str) -> bool:
    return any(part.is_column and fold(part.expression) == fold(name) for part in columns)


def _declared(table: Table) -> tuple[str, ...]:
    """The columns of a primary key that lets no NULL in: the last resort where every alias is hidden."""
    names = tuple(part.expression for part in table.primary_key.columns) if table.primary_key else ()
    return () if any(may_be_null(table, name) for name in names) else names


def _uniques(table: Table) -> Iterator[UniqueKey]:
    """Every unique key, the rowid's included."""
    rowid = rowid_name(table)
    if rowid is not None:
        yield UniqueKey(columns=(IndexedColumn(expression=rowid, collation=BINARY),))
    if table.primary_key is not None and not table.primary_key.is_rowid:
        yield _spelled_out(table, table.primary_key.columns)
    for unique in table.uniques:
        yield _spelled_out(table, unique.columns)
    for index in table.indexes:
        if index.unique:
            yield _spelled_out(table, index.columns, index.where)


def _spelled_out(table: Table, columns: Sequence[IndexedColumn], where: str | None = None) -> UniqueKey:
    return UniqueKey(columns=tuple(_part(table, column) for column in columns), where=where)


def _part(table: Table, part: IndexedColumn) -> IndexedColumn:
    own = column_collation(table, part.expression) if part.is_column else BINARY
    return IndexedColumn(
        expression=part.expression, is_column=part.is_column, collation=part.collation or own
    )


def _names_rows(table: Table, unique: UniqueKey, key: tuple[str, ...]) -> bool:
    """Whether rows that collide in ``unique`` have the same key, so that noting the one notes the other."""
    if not unique.is_plain:
        return False
    collations = {fold(part.expression): fold(part.collation or BINARY) for part in unique.columns}
    return all(collations.get(fold(name)) == fold(key_collation(table, name)) for name in key)
