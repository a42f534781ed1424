"""What a query reads: tables, views and queries by the names that it gives them, and their columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from migrations_engine.ddl.postgres.names import identifier
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.relations import column_value, named_column
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from migrations_engine.ddl.postgres.expressions import Scope
    from migrations_engine.ddl.postgres.types import ColumnType
    from migrations_engine.ddl.postgres.values import Value
    from migrations_engine.model import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A column of a query's result; without a name where SQLite would make one up of its text."""

    name: str | None
    type: ColumnType


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Something that has rows: its name and its columns; the table where it is one."""

    name: str
    columns: tuple[Output, ...]
    table: Table | None = None


class Relations(Protocol):
    """Finds tables and views by name."""

    def find(self, name: str) -> Relation:
        """The relation of that name.

        Raises:
            Refused: There is none, or it has no equal.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A relation under the name that a query gives it; ``merged`` are columns that USING gave to another."""

    alias: str
    relation: Relation
    merged: frozenset[str] = frozenset()

    def column(self, name: str) -> Value | None:
        """The column of that name; the rowid of a table under its column's name."""
        wanted = fold(name)
        known = {fold(output.name) for output in self.relation.columns if output.name is not None}
        if wanted not in known and self.relation.table is not None:
            try:
                wanted = fold(named_column(self.relation.table, name).name)
            except Refused:
                return None
        for output in self.relation.columns:
            if output.name is not None and fold(output.name) == wanted:
                return self._value(output)
        return None

    def values(self) -> Iterator[tuple[str, Value]]:
        """All columns with their names, as ``*`` has them.

        Raises:
            Refused: One has no name.
        """
        for output in self.relation.columns:
            if output.name is None:
                raise Refused(f"a column of {self.alias} without a name")
            if fold(output.name) not in self.merged:
                yield output.name, self._value(output)

    def _value(self, output: Output) -> Value:
        return column_value(f"{identifier(self.alias)}.{identifier(output.name or '')}", output.type)


@dataclass(slots=True)
class Sources:
    """All sources of one SELECT; names that they do not know are the outer query's.

    Attributes:
        names: The folded names that can be meant.
        outer: What the outer query reads.
        listed: The sources.
        lent: The columns that queries inside this one take from it, by name and table.
    """

    names: Collection[str]
    outer: Scope | None = None
    listed: list[Source] = field(default_factory=list)
    lent: list[tuple[str, str | None]] = field(default_factory=list)

    def resolve(self, name: str, *, of: str | None) -> Value:
        """The column of that name.

        Raises:
            Refused: No source has it, or two have.
        """
        found = self._own(name, of)
        if found is not None:
            return found
        if self.outer is None:
            raise Refused(f"the unknown name {name if of is None else f'{of}.{name}'}")
        return self.outer.resolve(name, of=of)

    def lend(self, name: str, *, of: str | None) -> Value:
        """The same for a query inside this one.

        Raises:
            Refused: No source has it, or two have.
        """
        if self._own(name, of) is not None:
            self.lent.append((name, of))
        return self.resolve(name, of=of)

    def source(self, alias: str) -> Source:
        """The source of that name.

        Raises:
            Refused: There is none.
        """
        for source in self.listed:
            if fold(source.alias) == fold(alias):
                return source
        raise Refused(f"the unknown name {alias}")

    def _own(self, name: str, of: str | None) -> Value | None:
        found = [
            value
            for source in self.listed
            if (fold(source.alias) == fold(of) if of is not None else fold(name) not in source.merged)
            and (value := source.column(name)) is not None
        ]
        if len(found) > 1:
            raise Refused(f"the name {name} means two columns")
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Around:
    """What a query inside another finds of it."""

    sources: Sources

    @property
    def names(self) -> Collection[str]:
        """The folded names that can be meant."""
        return self.sources.names

    def resolve(self, name: str, *, of: str | None) -> Value:
        """The column of that name.

        Raises:
            Refused: No source has it, or two have.
        """
        return self.sources.lend(name, of=of)
