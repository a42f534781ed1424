"""CREATE TABLE, without foreign keys: those come when all tables are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migrations_engine.ddl.postgres.conversions import stored
from migrations_engine.ddl.postgres.expressions import fixed, translated, translated_condition
from migrations_engine.ddl.postgres.names import Namespace, column_identifier, identifier
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.relations import TableScope, column_value, named_column
from migrations_engine.ddl.postgres.types import collation_name
from migrations_engine.ddl.postgres.values import NULL, Value, quoted
from migrations_engine.model import fold
from migrations_engine.normalize.defaults import default as normalized

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from migrations_engine.ddl.postgres.refusals import Refusals
    from migrations_engine.ddl.postgres.relations import Types
    from migrations_engine.ddl.postgres.types import ColumnType
    from migrations_engine.model import Check, Column, IndexedColumn, PrimaryKey, Table, Unique

MOST_COLUMNS: Final = 1600
MOST_KEYS: Final = 32
"""PostgreSQL's limits of a table and of an index."""


@dataclass(frozen=True, slots=True)
class _NoColumns:
    """The scope of a default, which may name nothing."""

    names: Collection[str] = ()

    def resolve(self, name: str, *, of: str | None) -> Value:  # noqa: ARG002 - the scope's form
        """Say that nothing is known here."""
        raise Refused(f"the name {name} in a default")


@dataclass(frozen=True, slots=True)
class _GeneratedScope(TableScope):
    """The scope of a generated column, which in PostgreSQL may not name another: its expression stands in."""

    def resolve(self, name: str, *, of: str | None) -> Value:
        """A column, or what a generated one is made of."""
        value = TableScope.resolve(self, name, of=of)
        column = named_column(self.table, name)
        if column.generated is None:
            return value
        into = self.types.of(self.table, column)
        made = stored(translated(column.generated.expression, self), into)
        sql = f"({made.operand})::{into.kind}{into.scale}"
        collated = f'({sql} COLLATE "{into.collation}")' if into.collation else sql
        return column_value(collated, into)


@dataclass(frozen=True, slots=True)
class TableTranslation:
    """One table on its way; ``relations`` are the names of all relations of the schema."""

    table: Table
    types: Types
    relations: Namespace
    refusals: Refusals
    constraints: Namespace

    @property
    def _object(self) -> str:
        return f"table {self.table.name}"

    def statements(self) -> Iterator[str]:
        """CREATE TABLE and the comments; nothing where a part was refused."""
        before = len(self.refusals.found)
        lines = [line for column in self.table.columns for line in self._column(column)]
        lines += self._constraints()
        with self.refusals.of(self._object):
            if len(self.table.columns) > MOST_COLUMNS:
                raise Refused(f"more than {MOST_COLUMNS} columns")
            name = identifier(self.table.name)
            if len(self.refusals.found) == before:
                body = ",\n".join(f"  {line}" for line in lines)
                yield f"CREATE TABLE {name} (\n{body}\n)"
                yield from self._comments(name)

    def _comments(self, name: str) -> Iterator[str]:
        if self.table.comment:
            yield f"COMMENT ON TABLE {name} IS {quoted(self.table.comment)}"
        for column in self.table.columns:
            if column.comment:
                target = f"{name}.{column_identifier(column.name)}"
                yield f"COMMENT ON COLUMN {target} IS {quoted(column.comment)}"

    def _column(self, column: Column) -> Iterator[str]:
        """The line of a column; none where it was refused."""
        with self.refusals.of(self._object, column=column.name):
            found = self.types.own(self.table, column)
            words = [column_identifier(column.name), found.sql, *self._clauses(column, found)]
            yield " ".join(word for word in words if word)

    def _clauses(self, column: Column, found: ColumnType) -> Iterator[str]:
        """What stands behind a column's type."""
        key = self.table.primary_key
        alone = key is not None and [each.expression for each in key.columns] == [column.name]
        if column.not_null and column.not_null.on_conflict:
            raise Refused(f"NOT NULL ON CONFLICT {column.not_null.on_conflict} has no equal")
        if key is not None and alone and key.is_rowid:
            yield self._identity(column, found)
        elif column.generated:
            made = stored(
                translated(column.generated.expression, _GeneratedScope(self.table, self.types)), found
            )
            yield f"GENERATED ALWAYS AS ({fixed(made.sql)}) STORED"
        elif column.default is not None:
            yield self._default(column.default, found)
        if column.not_null and not alone:
            yield "NOT NULL"
        if key is not None and alone:
            yield self._primary_key(key, inline=True)

    def _identity(self, column: Column, found: ColumnType) -> str:
        """The rowid's own numbers; the sequence is named where its usual name is another's."""
        if found.kind != "bigint":
            raise Refused(f"INTEGER PRIMARY KEY refers to {found.kind}")
        usual = f"{self.table.name}_{column.name}_seq"
        name = self.relations.claim(usual)
        named = "" if name == usual else f" (SEQUENCE NAME {identifier(name)})"
        return f"GENERATED BY DEFAULT AS IDENTITY{named}"

    @staticmethod
    def _default(text: str, found: ColumnType) -> str:
        value = default_value(text, found)
        return "" if value.kind == "null" else f"DEFAULT {value.operand}"

    def _constraints(self) -> Iterator[str]:
        """The constraints of the table, each with its name; those that have one of their own first."""
        key = self.table.primary_key
        with self.refusals.of(self._object):
            if key is not None and len(key.columns) > 1:
                yield self._primary_key(key, inline=False)
        for unique in self.table.uniques:
            with self.refusals.of(self._object, column=_of(unique.columns)):
                yield self._unique(unique)
        for check in sorted(self.table.checks, key=lambda check: check.name is None):
            with self.refusals.of(self._object, column=check.column):
                yield self._check(check)

    def _primary_key(self, key: PrimaryKey, *, inline: bool) -> str:
        if key.on_conflict:
            raise Refused(f"PRIMARY KEY ON CONFLICT {key.on_conflict} has no equal")
        usual = f"{self.table.name}_pkey"
        name = self.relations.claim(key.name or usual, beside=self.constraints)
        named = "" if inline and name == usual else f"CONSTRAINT {identifier(name)} "
        columns = "" if inline else f" ({self._key_columns(key.columns)})"
        return f"{named}PRIMARY KEY{columns}"

    def _unique(self, unique: Unique) -> str:
        if unique.on_conflict:
            raise Refused(f"UNIQUE ON CONFLICT {unique.on_conflict} has no equal")
        columns = self._key_columns(unique.columns)
        usual = "_".join((self.table.name, *(column.expression for column in unique.columns), "key"))
        name = self.relations.claim(unique.name or usual, beside=self.constraints)
        return f"CONSTRAINT {identifier(name)} UNIQUE ({columns})"

    def _key_columns(self, columns: Sequence[IndexedColumn]) -> str:
        """The columns of a key, whose direction says nothing; each compares by its column's collation."""
        if len(columns) > MOST_KEYS:
            raise Refused(f"a key of more than {MOST_KEYS} columns")
        names = list(dict.fromkeys(self._key_column(column) for column in columns))
        return ", ".join(names)

    def _key_column(self, entry: IndexedColumn) -> str:
        column = named_column(self.table, entry.expression)
        found = self.types.of(self.table, column)
        if found.kind == "text" and entry.collation and collation_name(entry.collation) != found.collation:
            raise Refused(f"a key that compares {column.name} by another collation ({entry.collation})")
        return column_identifier(column.name)

    def _check(self, check: Check) -> str:
        condition = translated_condition(check.expression, TableScope(self.table, self.types))
        behind = (check.column, "check") if check.column else ("check",)
        name = self.constraints.claim(check.name or "_".join((self.table.name, *behind)))
        return f"CONSTRAINT {identifier(name)} CHECK ({condition})"


def default_value(text: str, found: ColumnType) -> Value:
    """What a column gets where a row says nothing.

    Raises:
        Refused: It has no equal of the column's type.
    """
    spelled = normalized(text)
    if spelled is None:
        return NULL
    if found.kind == "boolean" and spelled.lower() in _TRUTHS:
        return Value(sql=_TRUTHS[spelled.lower()], kind="boolean")
    return stored(translated(spelled, _NoColumns()), found)


_TRUTHS: Final = {"'true'": "true", "'false'": "false"}
"""Texts that SQLite keeps as texts in a BOOLEAN column, and everybody means otherwise."""


def _of(columns: Sequence[IndexedColumn]) -> str | None:
    """The one column that a constraint is about."""
    return columns[0].expression if len(columns) == 1 else None


def not_null(table: Table, name: str) -> bool:
    """Whether a column of a table holds no NULL in PostgreSQL."""
    column = table.column(name)
    key = table.primary_key
    in_key = key is not None and any(fold(each.expression) == fold(name) for each in key.columns)
    return in_key or (column is not None and column.not_null is not None)
