"""Which rename hints of a document act on the schema before it, and which are spent.

A hint acts only where its old name is in the file and not in the target, so that a document may keep its
hints for ever. Names that are swapped are the one case where the old name is in both: there the definitions
decide which side of the swap the file is on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrations_engine.errors import Fault, SchemaError
from migrations_engine.model import Objects, Table, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """The renames that act: folded new name -> the old name as the file spells it."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def old_table(self, new: Table, old: Objects) -> Table | None:
        """The table that a new one was before: by its hint, else by its name unless another table took it."""
        if self.tables:
            if fold(new.name) in self.tables:
                return old.table(self.tables[fold(new.name)])
            if fold(new.name) in {fold(name) for name in self.tables.values()}:
                return None
        return old.table(new.name)

    def old_column(self, table: Table, column: str, before: Table) -> str | None:
        """The name that a column of a new table had in the old one; None for a column that is new."""
        if renames := self.columns.get(fold(table.name)):
            if fold(column) in renames:
                return renames[fold(column)]
            if fold(column) in {fold(name) for name in renames.values()}:
                return None
        found = before.column(column)
        return found.name if found else None


def acting(old: Objects, new: Objects) -> Renames:
    """Find the hints of ``new`` that act on ``old``.

    Raises:
        SchemaError: Two objects claim the same old name, or two swap their names that are equal, or alike
            both ways: nothing tells whether that has happened already.
    """
    hinted = {t.name: t.hints.renamed_from for t in new.tables if t.hints.renamed_from}
    tables = _Side(
        hints=hinted,
        old=[t.name for t in old.tables],
        new=[t.name for t in new.tables],
        alike=lambda a, b: _shared(new.table(a), old.table(b)),
        equal=lambda a, b: _alike_tables(new.table(a), new.table(b)),
        place=lambda name: Fault("", table=name),
    ).acting()
    renames = Renames(tables=tables)
    columns = {}
    for table in new.tables:
        before = renames.old_table(table, old)
        if before is not None and table.hints.renames:
            columns[fold(table.name)] = _columns(before, table)
    return Renames(tables=tables, columns=columns)


def _columns(old: Table, new: Table) -> Mapping[str, str]:
    return _Side(
        hints=new.hints.renames,
        old=[c.name for c in old.columns],
        new=[c.name for c in new.columns],
        alike=lambda a, b: _shared_parts(column_form(new, a), column_form(old, b)),
        equal=lambda a, b: column_form(new, a) == column_form(new, b),
        place=lambda name: Fault("", table=new.name, column=name),
    ).acting()


class _Side:
    """The hints of one kind of name, and how the definitions behind two names compare."""

    def __init__(
        self,
        *,
        hints: Mapping[str, str],
        old: Iterable[str],
        new: Iterable[str],
        alike: Callable[[str, str], int],
        equal: Callable[[str, str], bool],
        place: Callable[[str], Fault],
    ) -> None:
        self._spelled = {fold(name): name for name in old}
        self._new = {fold(name) for name in new}
        # A hint about a name that the target does not have says nothing; nor does one of a mere case change,
        # which is the same name.
        self._hints = {
            fold(name): fold(before)
            for name, before in hints.items()
            if fold(name) in self._new and fold(before) in self._spelled and fold(name) != fold(before)
        }
        self._alike, self._equal, self._place = alike, equal, place

    def acting(self) -> dict[str, str]:
        """Folded new name -> old name as spelled, of the hints that act."""
        found = {name: before for name, before in self._hints.items() if self._acts(name)}
        claims: dict[str, str] = {}
        for name, before in found.items():
            if before in claims:
                raise self._refusal(name, f"both {claims[before]} and {name} are renamed from {before}")
            claims[before] = name
        return {name: self._spelled[before] for name, before in found.items()}

    def _acts(self, name: str) -> bool:
        """Follow who takes whose name: the chain acts where its end leaves the target, or turns in a swap."""
        chain = [name]
        while (before := self._hints.get(chain[-1])) is not None:
            if before not in self._new:
                return True
            if before == name:
                return self._swap_is_due(chain)
            if before in chain:
                return False
            chain.append(before)
        return False

    def _swap_is_due(self, cycle: list[str]) -> bool:
        first, *others = cycle
        if all(self._equal(first, other) for other in others):
            raise self._refusal(
                first, "equal definitions cannot swap their names in one step: go through a third name"
            )
        # Other changes may come with the swap, so that nothing has to be quite what it was.
        swapped = sum(self._alike(name, self._hints[name]) for name in cycle)
        stayed = sum(self._alike(name, name) for name in cycle if name in self._spelled)
        if swapped == stayed:
            # Either guess may leave the rows of both under the wrong name, and no check would see it.
            raise self._refusal(
                first,
                f"{first} and {others[0]} change as they swap their names, so that nothing tells whether "
                "they have done so already: swap them in a step of its own, or take out the hints",
            )
        return swapped > stayed

    def _refusal(self, name: str, message: str) -> SchemaError:
        place = self._place(name)
        return SchemaError([Fault(message, table=place.table, column=place.column)])


def _shared(new: Table | None, old: Table | None) -> int:
    """How much of a table's definition another one has too; an equal one shares most."""
    if new is None or old is None:
        return 0
    columns = sum(column_form(new, c.name) == column_form(old, c.name) for c in new.columns)
    return columns + _alike_tables(new, old)


def _alike_tables(a: Table | None, b: Table | None) -> bool:
    """Whether two tables have equal definitions but for their names."""
    if a is None or b is None:
        return False
    return _table_form(a) == _table_form(b)


def _table_form(table: Table) -> object:
    columns = {fold(c.name): column_form(table, c.name) for c in table.columns}
    return (columns, len(table.checks), len(table.indexes), table.strict, table.without_rowid)


def _shared_parts(a: tuple[object, ...], b: tuple[object, ...]) -> int:
    """How much two forms of columns have in common; equal ones have most."""
    return sum(x == y for x, y in zip(a, b, strict=False)) + (a == b)


def column_form(table: Table, name: str) -> tuple[object, ...]:
    """What a column's definition says, whatever the column is called; empty where there is none."""
    column = table.column(name)
    if column is None:
        return ()
    key = fold(column.name)
    primary = table.primary_key
    return (
        column.type.upper(),
        column.not_null is not None,
        column.default,
        column.collation,
        column.generated,
        primary is not None and key in {fold(part.expression) for part in primary.columns},
        any([fold(part.expression) for part in unique.columns] == [key] for unique in table.uniques),
        tuple(
            sorted(
                (fold(f.parent), f.on_delete or "")
                for f in table.foreign_keys
                if [fold(c) for c in f.columns] == [key]
            )
        ),
    )
