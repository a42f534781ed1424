"""Columns, constraints and indexes as SQLAlchemy's arguments, and what it has no arguments for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.ddl import definitions
from migrations_engine.renderings import columns
from migrations_engine.renderings.python_source import call, listed, literal, sql
from migrations_engine.renderings.python_types import python_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.model import Column, Index, IndexedColumn, PrimaryKey, Table, Unique
    from migrations_engine.renderings.references import Reference


def column_arguments(column: Column, table: Table, references: Sequence[Reference]) -> Iterator[str]:
    """The arguments of a column behind its name, but for whether it takes NULL.

    Args:
        column: The column.
        table: Its table.
        references: The table's foreign keys.
    """
    yield python_type(column, table).expression
    for each in references:
        if each.key.columns == (column.name,):
            parent = literal(f"{each.parent.name}.{each.parent_columns[0]}")
            yield call("sa.ForeignKey", [parent, *_reference_options(each)])
    if column.generated:
        yield f"sa.Computed({sql(column.generated.expression)}, persisted={column.generated.stored})"
    if columns.in_primary_key(column, table) and _is_implied(table.primary_key, table):
        yield "primary_key=True"
    if column.not_null is not None and column.not_null.on_conflict:
        yield f"sqlite_on_conflict_not_null={literal(column.not_null.on_conflict)}"
    if any(unique.columns[0].expression == column.name for unique in _marks(table)):
        yield "unique=True"
    if column.default is not None:
        yield f"server_default=sa.text({sql(column.default)})"
    if column.comment:
        yield f"comment={literal(column.comment)}"


def table_arguments(table: Table, references: Sequence[Reference]) -> Iterator[str]:
    """The constraints and indexes of a table that do not stand with a column."""
    key = table.primary_key
    if key is not None and not _is_implied(key, table):
        yield _constraint("sa.PrimaryKeyConstraint", _names(key.columns), key)
    marked = [id(unique) for unique in _marks(table)]
    for unique in table.uniques:
        if id(unique) not in marked and not _says_more(unique.columns):
            yield _constraint("sa.UniqueConstraint", _names(unique.columns), unique)
    for check in table.checks:
        name = [f"name={literal(check.name)}"] if check.name else []
        yield call("sa.CheckConstraint", [sql(check.expression), *name], indent=8)
    for each in references:
        if len(each.key.columns) > 1:
            parents = [f"{each.parent.name}.{column}" for column in each.parent_columns]
            arguments = [listed(each.key.columns), listed(parents), *_reference_options(each)]
            yield call("sa.ForeignKeyConstraint", arguments, indent=8)
    yield from map(_index, table.indexes)


def table_options(table: Table) -> dict[str, str]:
    """The options of a table in SQLAlchemy's names, with their values as source."""
    options = {
        "sqlite_autoincrement": table.primary_key is not None and table.primary_key.autoincrement,
        "sqlite_strict": table.strict,
    }
    found = {name: "True" for name, value in options.items() if value}
    return {**found, "sqlite_with_rowid": "False"} if table.without_rowid else found


def losses_of(table: Table) -> Iterator[str]:
    """What SQLAlchemy has no words for in a table, its foreign keys apart."""
    key = table.primary_key
    if key is not None:
        yield from _losses_of_key(key, table)
    given = [rule.name for group in (table.uniques, table.checks, table.foreign_keys) for rule in group]
    if "" in (*given, key and key.name):
        yield "the name of a constraint, which is empty"
    yield from (
        f"UNIQUE ({definitions.columns(unique.columns)})"
        for unique in table.uniques
        if _says_more(unique.columns)
    )
    for column in table.columns:
        names = [name for _, name in column.constraint_names]
        names += [column.not_null.name] if column.not_null and column.not_null.name else []
        if names:
            yield f"the constraint names {definitions.names(names)} of {column.name}"


def _losses_of_key(key: PrimaryKey, table: Table) -> Iterator[str]:
    """What SQLAlchemy has no words for in a primary key."""
    if _says_more(key.columns):
        yield f"order or collation of PRIMARY KEY ({definitions.columns(key.columns)})"
    first = table.column(key.columns[0].expression)
    if key.is_rowid and first is not None and first.collation is not None:
        yield f"COLLATE {first.collation} of {first.name}"
    if key.autoincrement:
        referring = any(key.columns[0].expression in each.columns for each in table.foreign_keys)
        if key.name or key.on_conflict or referring:
            yield "AUTOINCREMENT, or what its primary key has beside it"


def _is_implied(key: PrimaryKey | None, table: Table) -> bool:
    """Whether marks on the columns say all of a primary key: no name, and the order of the columns."""
    if key is None or key.name or key.on_conflict:
        return False
    order = [column.name for column in table.columns if columns.in_primary_key(column, table)]
    return order == [column.expression for column in key.columns]


def _marks(table: Table) -> list[Unique]:
    """The UNIQUE constraints of which a mark on their column says all, one for each column."""
    plain = [unique for unique in table.uniques if len(unique.columns) == 1 and _names_columns(unique)]
    return list({unique.columns[0].expression: unique for unique in plain}.values())


def _names_columns(unique: Unique) -> bool:
    """Whether a UNIQUE says nothing but which columns it is about."""
    return not (unique.name or unique.on_conflict or _says_more(unique.columns))


def _says_more(entries: Sequence[IndexedColumn]) -> bool:
    """Whether an entry of a key says more than which column it is."""
    return any(entry.collation is not None or entry.descending for entry in entries)


def _names(entries: Sequence[IndexedColumn]) -> list[str]:
    return [literal(entry.expression) for entry in entries]


def _constraint(function: str, arguments: list[str], rule: PrimaryKey | Unique) -> str:
    """A constraint with its name and its conflict clause."""
    name = [f"name={literal(rule.name)}"] if rule.name else []
    conflict = [f"sqlite_on_conflict={literal(rule.on_conflict)}"] if rule.on_conflict else []
    return call(function, [*arguments, *name, *conflict], indent=8)


def _reference_options(reference: Reference) -> Iterator[str]:
    """The options of a foreign key."""
    key = reference.key
    given = {"name": key.name, "ondelete": key.on_delete, "onupdate": key.on_update, "match": key.match}
    yield from (f"{name}={literal(value)}" for name, value in given.items() if value)
    if key.deferred:
        yield 'deferrable=True, initially="DEFERRED"'


def _index(index: Index) -> str:
    """An index; whatever is more than a column's name goes as text."""
    entries = [
        literal(entry.expression)
        if entry.is_column and not _says_more([entry])
        else f"sa.text({sql(definitions.indexed_column(entry))})"
        for entry in index.columns
    ]
    unique = ["unique=True"] * index.unique
    where = [f"sqlite_where=sa.text({sql(index.where)})"] if index.where else []
    return call("sa.Index", [literal(index.name), *entries, *unique, *where], indent=8)
