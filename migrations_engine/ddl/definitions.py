"""A table as texts: the definition of each column, and what does not fit behind a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.normalize.names import string
from migrations_engine.sql.spelling import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from migrations_engine.model import (
        Check,
        Column,
        ForeignKey,
        IndexedColumn,
        NotNull,
        PrimaryKey,
        Table,
        Unique,
    )

    _Constraint = TypeVar("_Constraint", Unique, Check, ForeignKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Where each part of a table is written.

    ``definitions`` has the text of each column behind its name, in the table's order; the other fields have
    what is written as a constraint of the table.
    """

    definitions: tuple[tuple[Column, str], ...]
    primary_key: PrimaryKey | None
    uniques: tuple[Unique, ...]
    checks: tuple[Check, ...]
    foreign_keys: tuple[ForeignKey, ...]


def arrange(table: Table) -> Arrangement:
    """Write behind its column whatever fits there; reading the texts again gives an equal table."""
    order: dict[str | None, int] = {column.name: index for index, column in enumerate(table.columns)}
    clauses: dict[str, list[str]] = {column.name: [] for column in table.columns}
    key = table.primary_key
    inline_key = key if key is not None and _fits_behind(key.columns, descending=True) else None
    uniques = _leading(table.uniques, _unique_column, order)
    checks = _leading(table.checks, lambda check: check.column, order)
    keys = _leading(table.foreign_keys, _key_column, order)
    for unique in table.uniques[:uniques]:
        clauses[unique.columns[0].expression].append(named(unique.name, "UNIQUE" + conflict(unique)))
    for check in table.checks[:checks]:
        clauses[check.column or ""].append(check_clause(check))
    for foreign in table.foreign_keys[:keys]:
        clauses[foreign.columns[0]].append(named(foreign.name, references(foreign)))
    return Arrangement(
        definitions=tuple(
            (column, _definition(column, inline_key, clauses[column.name])) for column in table.columns
        ),
        primary_key=None if inline_key else key,
        uniques=table.uniques[uniques:],
        checks=table.checks[checks:],
        foreign_keys=table.foreign_keys[keys:],
    )


def _leading(
    constraints: Sequence[_Constraint],
    column_of: Callable[[_Constraint], str | None],
    order: Mapping[str | None, int],
) -> int:
    """How many constraints from the first on fit behind columns without changing their order."""
    last = -1
    for count, constraint in enumerate(constraints):
        at = order.get(column_of(constraint), -1)
        if at < last or at < 0:
            return count
        last = at
    return len(constraints)


def _fits_behind(columns: Sequence[IndexedColumn], *, descending: bool = False) -> bool:
    """Whether a key of these columns can be written behind its column."""
    first = columns[0]
    return len(columns) == 1 and not first.collation and (descending or not first.descending)


def _unique_column(unique: Unique) -> str | None:
    return unique.columns[0].expression if _fits_behind(unique.columns) else None


def _key_column(key: ForeignKey) -> str | None:
    return key.columns[0] if len(key.columns) == 1 else None


def _definition(column: Column, key: PrimaryKey | None, constraints: list[str]) -> str:
    """The text behind a column's name."""
    words = [column.type] if column.type else []
    if key is not None and key.columns[0].expression == column.name:
        words.append(_inline_primary_key(key))
    words += column_clauses(column)
    return " ".join(words + constraints)


def column_clauses(column: Column) -> list[str]:
    """The clauses that only a column has, behind its type."""
    names = dict(column.constraint_names)
    found: list[str] = []
    if "NULL" in names:
        found.append(named(names["NULL"], "NULL"))
    if column.not_null:
        found.append(named(column.not_null.name, "NOT NULL" + conflict(column.not_null)))
    if column.collation is not None:
        found.append(named(names.get("COLLATE"), f"COLLATE {identifier(column.collation)}"))
    if column.default is not None:
        found.append(named(names.get("DEFAULT"), f"DEFAULT {column.default}"))
    if column.generated:
        stored = " STORED" if column.generated.stored else ""
        clause = f"GENERATED ALWAYS AS ({column.generated.expression}){stored}"
        found.append(named(names.get("GENERATED"), clause))
    return found


def _inline_primary_key(key: PrimaryKey) -> str:
    """A primary key as it stands behind its column."""
    clause = "PRIMARY KEY" + (" DESC" if key.columns[0].descending else "") + conflict(key)
    return named(key.name, clause + (" AUTOINCREMENT" if key.autoincrement else ""))


def table_clauses(arrangement: Arrangement) -> list[str]:
    """The constraints that stand behind the columns of a table, each as its clause."""
    found: list[str] = []
    key = arrangement.primary_key
    if key is not None:
        found.append(named(key.name, f"PRIMARY KEY ({columns(key.columns)}){conflict(key)}"))
    found += [
        named(unique.name, f"UNIQUE ({columns(unique.columns)}){conflict(unique)}")
        for unique in arrangement.uniques
    ]
    found += [check_clause(check) for check in arrangement.checks]
    found += [
        named(foreign.name, f"FOREIGN KEY ({names(foreign.columns)}) {references(foreign)}")
        for foreign in arrangement.foreign_keys
    ]
    return found


def named(name: str | None, clause: str) -> str:
    """A clause behind its constraint's name, where it has one."""
    return clause if name is None else f"CONSTRAINT {identifier(name)} {clause}"


def conflict(rule: NotNull | PrimaryKey | Unique) -> str:
    """The ON CONFLICT clause of a rule; empty for the default."""
    return f" ON CONFLICT {rule.on_conflict}" if rule.on_conflict else ""


def check_clause(check: Check) -> str:
    """A CHECK with its name."""
    return named(check.name, f"CHECK ({check.expression})")


def references(key: ForeignKey) -> str:
    """The REFERENCES clause of a foreign key."""
    words = [f"REFERENCES {identifier(key.parent)}"]
    if key.parent_columns:
        words[0] += f"({names(key.parent_columns)})"
    if key.on_delete:
        words.append(f"ON DELETE {key.on_delete}")
    if key.on_update:
        words.append(f"ON UPDATE {key.on_update}")
    if key.match:
        words.append(f"MATCH {identifier(key.match)}")
    if key.deferred:
        words.append("DEFERRABLE INITIALLY DEFERRED")
    return " ".join(words)


def names(listed: Sequence[str]) -> str:
    """Names in one list."""
    return ", ".join(identifier(name) for name in listed)


def columns(listed: Sequence[IndexedColumn]) -> str:
    """The entries of a key or an index in one list."""
    return ", ".join(indexed_column(column) for column in listed)


def _entry(column: IndexedColumn) -> str:
    if not column.is_column:
        return column.expression
    return string(column.expression) if column.as_string else identifier(column.expression)


def indexed_column(column: IndexedColumn) -> str:
    """One entry of a key or an index."""
    words = [_entry(column)]
    if column.collation is not None:
        words.append(f"COLLATE {identifier(column.collation)}")
    if column.descending:
        words.append("DESC")
    return " ".join(words)
