"""Which rows a new schema rejects: each rule, how many rows, and the keys of a few.

The rows are first brought into the form that they would have, so a mere cast is never a misfit, and a rule
sees exactly the values that it would see. The file itself is only read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.changes import carry
from migrations_engine.changes.steps import AddIndex
from migrations_engine.checks import forming
from migrations_engine.ddl.definitions import indexed_column
from migrations_engine.errors import Misfit
from migrations_engine.model import Column, Index, IndexedColumn, Table, Unique, fold, quote

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from migrations_engine.planning.plan import Plan, TableAction

SAMPLE = 5
"""How many keys an error shows."""

_STRICT_CLASSES = {"INT": "integer", "INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}


def misfits(conn: apsw.Connection, plan: Plan) -> list[Misfit]:
    """Find the rows of a file that a plan's tables would reject; foreign keys apart, which need both tables.

    Args:
        conn: The file, still in the structure of ``plan.old``.
        plan: What it is to become.
    """
    indexed = _newly_unique(plan)
    found: list[Misfit] = []
    for action in plan.tables:
        if _is_concerned(action, indexed):
            found += _table_misfits(conn, action)
    there = {fold(action.name) for action in plan.tables}
    for name, indexes in indexed.items():
        table = plan.new.table(name)
        if table is not None and name not in there:
            found += _index_misfits(conn, table, indexes)
    return found


def unexplained(error: Exception) -> Misfit:
    """A misfit in SQLite's words, where no rule that is known here explains its refusal."""
    return Misfit(table="?", rule=str(error), count=1, sample=())


def _table_misfits(conn: apsw.Connection, action: TableAction) -> list[Misfit]:
    if action.old is None or action.new is None or action.carry is None:
        return []
    try:
        return _rule_misfits(conn, action.old, action.new, action.carry)
    except apsw.SQLError:
        return _generated_misfits(conn, action.old, action.new, action.carry)


def _rule_misfits(conn: apsw.Connection, old: Table, new: Table, carried: carry.Carry) -> list[Misfit]:
    """The misfits of a table's rules and of the expressions of its indexes."""
    keys = _declared_key(old)
    found = []
    with forming.formed(conn, new, carried=carried, source=old.name, keys=keys) as place:
        for rule, condition, source in _rules(new, carried, place):
            found += _matching(conn, new.name, rule, forming.key_names(keys), source, condition)
        for index in new.indexes:
            for part in index.columns:
                rule = f"INDEX {index.name} ({part.expression})"
                if not part.is_column:
                    found += _uncomputable(conn, new, rule, keys, place, part.expression)
    return found


def _generated_misfits(conn: apsw.Connection, old: Table, new: Table, carried: carry.Carry) -> list[Misfit]:
    """The rows for which a generated column cannot be computed: no rule can be asked while it is there."""
    keys = _declared_key(old)
    stored = replace(new, columns=tuple(column for column in new.columns if column.generated is None))
    found = []
    with forming.formed(conn, stored, carried=carried, source=old.name, keys=keys) as place:
        for column in new.columns:
            if column.generated is not None:
                rule = f"GENERATED ({column.name})"
                found += _uncomputable(conn, new, rule, keys, place, column.generated.expression)
    return found


def _uncomputable(
    conn: apsw.Connection, table: Table, rule: str, keys: tuple[str, ...], place: str, expression: str
) -> list[Misfit]:
    """The rows for which an expression fails; they are asked one by one, as one failure ends a query."""
    try:
        sqlite.rows(conn, f"SELECT count({expression}) FROM {place}")
    except apsw.SQLError as error:
        reason = str(error)
    else:
        return []
    alias = next(name for name in carry.ROWID_NAMES if table.column(name) is None)
    shown = ", ".join([alias, *forming.key_names(keys)])
    broken = [
        row[1] if len(row) == 2 else row[1:]
        for row in sqlite.rows(conn, f"SELECT {shown} FROM {place}")
        if not _computes(conn, expression, place, f"{alias} = {row[0]}")
    ]
    sample = tuple(broken[:SAMPLE])
    return [Misfit(table=table.name, rule=f"{rule}: {reason}", count=len(broken), sample=sample)]


def _computes(conn: apsw.Connection, expression: str, place: str, condition: str) -> bool:
    try:
        sqlite.rows(conn, f"SELECT {expression} FROM {place} WHERE {condition}")
    except apsw.SQLError:
        return False
    return True


def _rules(new: Table, carried: carry.Carry, place: str) -> Iterator[tuple[str, str, str]]:
    """(the rule in words, the condition under which a row breaks it, where to look) of a new table."""
    for column in new.columns:
        if column.not_null or _is_implied(new, column):
            yield f"NOT NULL ({column.name})", f"{quote(column.name)} IS NULL", place
        wanted = _STRICT_CLASSES.get(column.type.upper()) if new.strict else None
        if wanted is not None:
            broken = f"typeof({quote(column.name)}) NOT IN ('{wanted}', 'null')"
            yield f"STRICT {column.type} ({column.name})", broken, place
    for check in new.checks:
        yield f"CHECK ({check.expression})", f"NOT ({check.expression})", place
    rowid = carry.rowid_column(new)
    if rowid is not None and rowid in dict(carried.values):
        # NULL would be taken, as a number that SQLite makes up: the row would get a key that nobody gave it.
        broken = f"typeof({quote(rowid)}) <> 'integer'"
        yield f"INTEGER PRIMARY KEY ({rowid})", broken, place
    for rule, columns, where in _unique_rules(new):
        yield rule, "twins > 1", _twins(place, columns, where)


def _unique_rules(table: Table) -> Iterator[tuple[str, tuple[IndexedColumn, ...], str | None]]:
    key = table.primary_key
    if key is not None:
        yield f"PRIMARY KEY ({_listed(key.columns)})", _collated(table, Unique(columns=key.columns)), None
    for unique in table.uniques:
        yield f"UNIQUE ({_listed(unique.columns)})", _collated(table, unique), None
    for index in table.indexes:
        if index.unique:
            yield f"UNIQUE INDEX {index.name} ({_listed(index.columns)})", index.columns, index.where


def _newly_unique(plan: Plan) -> dict[str, list[Index]]:
    """Folded table -> the unique indexes that come to it."""
    found: dict[str, list[Index]] = {}
    for step in plan.change.steps:
        if isinstance(step, AddIndex) and step.index.unique:
            found.setdefault(fold(step.index.table), []).append(step.index)
    return found


def _is_concerned(action: TableAction, indexed: Container[str]) -> bool:
    """Whether a change can reject rows of a table: a column that is appended without a CHECK cannot."""
    if action.way == "alter":
        checked = any(" CHECK " in statement for statement in action.statements)
        return checked or fold(action.name) in indexed
    return action.way == "rebuild"


def _index_misfits(conn: apsw.Connection, table: Table, indexes: list[Index]) -> list[Misfit]:
    """The misfits of unique indexes on a table that stays as it is."""
    found = []
    for index in indexes:
        rule = f"UNIQUE INDEX {index.name} ({_listed(index.columns)})"
        source = _twins(f"main.{quote(table.name)}", index.columns, index.where)
        found += _matching(conn, table.name, rule, _declared_key(table), source, "twins > 1")
    return found


def _twins(source: str, columns: tuple[IndexedColumn, ...], where: str | None) -> str:
    """The rows of a table, each with the number of rows that share its key; NULLs are never equal."""
    shared = ", ".join(indexed_column(_ascending(part)) for part in columns)
    terms = [f"{_operand(part)} IS NOT NULL" for part in columns]
    condition = " AND ".join([*terms, *([f"({where})"] if where else [])])
    return f"(SELECT *, count(*) OVER (PARTITION BY {shared}) AS twins FROM {source} WHERE {condition})"


def _matching(
    conn: apsw.Connection, table: str, rule: str, keys: tuple[str, ...], source: str, condition: str
) -> list[Misfit]:
    """The misfit of one rule, if there is any."""
    shown = ", ".join(quote(key) for key in keys) or "NULL"
    try:
        count: int = sqlite.value(conn, f"SELECT count(*) FROM {source} WHERE {condition}")
        sample = (
            sqlite.rows(conn, f"SELECT {shown} FROM {source} WHERE {condition} LIMIT {SAMPLE}")
            if count
            else []
        )
    except apsw.SQLError:
        return []  # a rule that cannot be asked in a query; SQLite's own words stand in for it
    if not count:
        return []
    values = tuple(row[0] if len(row) == 1 else row for row in sample)
    return [Misfit(table=table, rule=rule, count=count, sample=values)]


def _declared_key(table: Table) -> tuple[str, ...]:
    """The columns by which people know a row: its primary key, else its rowid."""
    if table.primary_key is not None:
        return tuple(part.expression for part in table.primary_key.columns)
    return carry.key_columns(table)


def _collated(table: Table, unique: Unique) -> tuple[IndexedColumn, ...]:
    """The columns of a constraint with their collations, which a table of its own would not know."""
    found = []
    for part in unique.columns:
        column = table.column(part.expression)
        collation = part.collation or (column.collation if column else None)
        found.append(IndexedColumn(expression=part.expression, is_column=part.is_column, collation=collation))
    return tuple(found)


def _ascending(part: IndexedColumn) -> IndexedColumn:
    return IndexedColumn(expression=part.expression, is_column=part.is_column, collation=part.collation)


def _operand(part: IndexedColumn) -> str:
    return quote(part.expression) if part.is_column else f"({part.expression})"


def _listed(columns: tuple[IndexedColumn, ...]) -> str:
    return ", ".join(part.expression for part in columns)


def _is_implied(table: Table, column: Column) -> bool:
    """Whether a key lets no NULL in although nothing says so: WITHOUT ROWID and STRICT do that."""
    key = table.primary_key
    if key is None or key.is_rowid or not (table.without_rowid or table.strict):
        return False
    return any(fold(part.expression) == fold(column.name) for part in key.columns)
