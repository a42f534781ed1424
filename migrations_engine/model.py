"""A schema as plain values: what a document says and what a file holds, in one form.

Texts (types, expressions, whole statements) are kept as their author wrote them, because creating an
object from another spelling can change its meaning; ``normalize`` decides which spellings are equal.
Constraints of a column that may also stand on the table (PRIMARY KEY, UNIQUE, CHECK, REFERENCES) are
always held by the table. Names are bare, without quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Conflict = Literal["ROLLBACK", "FAIL", "IGNORE", "REPLACE"]
"""An ON CONFLICT clause; ABORT is SQL's default and held as None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNull:
    """A NOT NULL of a column."""

    name: str | None = None
    on_conflict: Conflict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The expression of a generated column, without its outer parentheses."""

    expression: str
    stored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what only a column can have.

    ``type`` is the declared type as written, possibly empty. ``default`` is the text after DEFAULT as SQL:
    a literal, a keyword, or an expression in its parentheses. ``constraint_names`` holds the names given to
    constraints that stay with the column and have no other place for them, with the kind before each
    (DEFAULT, COLLATE, GENERATED or NULL): ``CONSTRAINT d DEFAULT 1`` is ``("DEFAULT", "d")``.
    """

    name: str
    type: str = ""
    not_null: NotNull | None = None
    default: str | None = None
    collation: str | None = None
    generated: Generated | None = None
    constraint_names: tuple[tuple[str, str], ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedColumn:
    """One entry of a key or an index: a column's bare name, or the text of an expression.

    ``as_string`` where an index has the column's name in single quotes. SQLite takes that for the column,
    real databases do it, and the index is to read as its owner wrote it. Without them it is the same index.
    """

    expression: str
    is_column: bool = True
    collation: str | None = None
    descending: bool = False
    as_string: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryKey:
    """A PRIMARY KEY; ``is_rowid`` where SQLite makes it the rowid (INTEGER, one column, not inline DESC)."""

    columns: tuple[IndexedColumn, ...]
    autoincrement: bool = False
    is_rowid: bool = False
    name: str | None = None
    on_conflict: Conflict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A UNIQUE constraint."""

    columns: tuple[IndexedColumn, ...]
    name: str | None = None
    on_conflict: Conflict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A CHECK constraint; the expression without its outer parentheses.

    ``column`` is the column in whose definition it is written: it only says where to write it again.
    """

    expression: str
    name: str | None = None
    column: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A FOREIGN KEY; ``parent_columns`` is empty where it means the parent's primary key.

    Actions are None where they are SQL's default (NO ACTION); ``deferred`` is DEFERRABLE INITIALLY DEFERRED,
    the only form that differs from the default.
    """

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...] = ()
    on_delete: str | None = None
    on_update: str | None = None
    match: str | None = None
    deferred: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A CREATE INDEX; ``where`` is the text of a partial index's condition."""

    name: str
    table: str
    columns: tuple[IndexedColumn, ...]
    unique: bool = False
    where: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a document says about the way from the schema before; no part of the hash."""

    renamed_from: str | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    fill: Mapping[str, str] = field(default_factory=dict)


NO_HINTS: Final = Hints()
"""What almost every table has."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One ordinary table with everything that stands on it but triggers."""

    name: str
    columns: tuple[Column, ...]
    primary_key: PrimaryKey | None = None
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    strict: bool = False
    without_rowid: bool = False
    comment: str | None = None
    hints: Hints = field(default=NO_HINTS, compare=False)

    def column(self, name: str) -> Column | None:
        """The column of that name, in any ASCII case."""
        return self._columns.get(fold(name))

    @cached_property
    def _columns(self) -> Mapping[str, Column]:
        return {fold(column.name): column for column in self.columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view as its whole CREATE statement."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger as its whole CREATE statement; ``table`` is the table or view that it stands on."""

    name: str
    table: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualTable:
    """A virtual table as its whole CREATE statement; ``module`` in lower case."""

    name: str
    module: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Objects:
    """All objects of a schema, in declared order; ``schema.Schema`` adds the hash and the document."""

    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    virtual_tables: tuple[VirtualTable, ...] = ()

    def table(self, name: str) -> Table | None:
        """The table of that name, in any ASCII case."""
        return self._tables.get(fold(name))

    @cached_property
    def _tables(self) -> Mapping[str, Table]:
        return {fold(table.name): table for table in self.tables}


_ASCII_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def fold(name: str) -> str:
    """A name as SQLite compares it: ASCII letters without case, all else by code point."""
    return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def is_engine_name(name: str) -> bool:
    """Whether a name is one of the engine's own objects in a file, which appear in no document."""
    folded = fold(name)
    return folded == "_schema_versions" or folded.startswith("_tenantdb")
