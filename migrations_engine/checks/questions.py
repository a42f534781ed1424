"""The rules of a changed table as questions: which rows break them, and by which values.

A question is a query over the rows as they would be, so a mere cast is never a misfit, and a rule sees
exactly the values that it would see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.changes import carry, steps
from migrations_engine.ddl.definitions import indexed_column
from migrations_engine.model import Check, Column, Index, IndexedColumn, Table, Unique, fold, quote
from migrations_engine.sql.lexer import Malformed, tokenize, unquote

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from migrations_engine.checks.places import Place
    from migrations_engine.planning.plan import Plan, TableAction

_STRICT_CLASSES = {"INT": "integer", "INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One rule of a table.

    Attributes:
        rule: The rule in the words that errors use.
        condition: What is true of a row that breaks it.
        values: (name, expression) of what breaks it.
        shared: The expressions that no two rows may share; empty for a rule about single rows.
    """

    rule: str
    condition: str
    values: tuple[tuple[str, str], ...]
    shared: tuple[str, ...] = ()

    def query(self, place: Place) -> str:
        """The rows that break the rule: their keys, then the values."""
        if self.shared:
            return self._twins(place)
        chosen = ", ".join([*place.keys, *(text for _, text in self.values)]) or "NULL"
        return f"SELECT {chosen} FROM {place.source} WHERE {self.condition}"

    def _twins(self, place: Place) -> str:
        keys = [f"{text} AS k{number}" for number, text in enumerate(place.keys)]
        values = [f"{text} AS v{number}" for number, (_, text) in enumerate(self.values)]
        twins = f"count(*) OVER (PARTITION BY {', '.join(self.shared)}) AS twins"
        rows = f"SELECT {', '.join([*keys, *values, twins])} FROM {place.source} WHERE {self.condition}"
        chosen = ", ".join(
            [f"k{n}" for n in range(len(place.keys))] + [f"v{n}" for n in range(len(self.values))]
        )
        return f"SELECT {chosen} FROM ({rows}) WHERE twins > 1"


def questions(plan: Plan) -> Iterator[tuple[Table, tuple[Question, ...]]]:
    """The tables whose rows a plan can reject, each with what is to be asked; foreign keys apart."""
    actions = {fold(action.name): action for action in plan.tables}
    for table in plan.new.tables:
        action = actions.get(fold(table.name))
        if action is not None and action.way == "create":
            continue
        found = (*_of_action(plan, table, action), *_of_indexes(plan, table, action))
        if found or (action is not None and action.way == "rebuild" and _computes(table, action)):
            yield table, found


def _computes(table: Table, action: TableAction) -> bool:
    """Whether bringing a row across computes anything, which can fail."""
    return bool(action.fills) or any(column.generated is not None for column in table.columns)


def _of_action(plan: Plan, table: Table, action: TableAction | None) -> tuple[Question, ...]:
    if action is None:
        return ()
    if action.way == "rebuild" or _is_tested_whole(plan, table, action):
        return tuple(_rules(table, action))
    return tuple(_tested(plan, table))


def _is_tested_whole(plan: Plan, table: Table, action: TableAction) -> bool:
    """Whether SQLite tests all rules of a table: it does where it appends a column with rules."""
    appends = any(isinstance(step, steps.AddColumn) for step in _steps_of(plan, table))
    return appends and action.way == "alter" and action.scans > 0


def _tested(plan: Plan, table: Table) -> Iterator[Question]:
    """The rules that are added to a table where it lies: SQLite tests no others."""
    for step in _steps_of(plan, table):
        if isinstance(step, steps.ChangeColumn) and step.after.not_null:
            yield _not_null(step.after)
        elif isinstance(step, steps.AddConstraint) and isinstance(step.constraint, Check):
            yield _check(table, step.constraint)


def _steps_of(plan: Plan, table: Table) -> Iterator[steps.Step]:
    tabled = (steps.AddColumn, steps.ChangeColumn, steps.AddConstraint)
    return (s for s in plan.change.steps if isinstance(s, tabled) and fold(s.table) == fold(table.name))


def _of_indexes(plan: Plan, table: Table, action: TableAction | None) -> Iterator[Question]:
    """The questions of the indexes that are made: all of a rebuilt table, the new ones of any other."""
    if action is not None and action.way == "rebuild":
        made: Iterable[Index] = table.indexes
    else:
        names = {fold(s.index.name) for s in plan.change.steps if isinstance(s, steps.AddIndex)}
        made = [index for index in table.indexes if fold(index.name) in names]
    for index in made:
        yield from _index(index)


def _rules(table: Table, action: TableAction) -> Iterator[Question]:
    for column in table.columns:
        if column.not_null or _is_implied(table, column):
            yield _not_null(column)
        wanted = _STRICT_CLASSES.get(column.type.upper()) if table.strict else None
        if wanted is not None:
            condition = f"typeof({quote(column.name)}) NOT IN ('{wanted}', 'null')"
            yield Question(
                rule=f"STRICT {column.type} ({column.name})",
                condition=condition,
                values=_values([column.name]),
            )
    yield from (_check(table, check) for check in table.checks)
    yield from _rowid(table, action)
    yield from _keys(table)


def _not_null(column: Column) -> Question:
    return Question(
        rule=f"NOT NULL ({column.name})",
        condition=f"{quote(column.name)} IS NULL",
        values=_values([column.name]),
    )


def _check(table: Table, check: Check) -> Question:
    return Question(
        rule=f"CHECK ({check.expression})",
        condition=f"NOT ({check.expression})",
        values=_values(_mentioned(table, check.expression)),
    )


def _rowid(table: Table, action: TableAction) -> Iterator[Question]:
    """The rowid's own rule: integers alone."""
    name = carry.rowid_column(table)
    if name is None or action.carry is None or name not in dict(action.carry.values):
        return
    # NULL is taken as "give me a number". Where a fill says so that is meant; a row that has lost its key
    # on the way would get one that nobody gave it.
    allowed = "'integer', 'null'" if fold(name) in action.fills else "'integer'"
    yield Question(
        rule=f"INTEGER PRIMARY KEY ({name})",
        condition=f"typeof({quote(name)}) NOT IN ({allowed})",
        values=_values([name]),
    )


def _keys(table: Table) -> Iterator[Question]:
    key = table.primary_key
    if key is not None:
        yield _unique(f"PRIMARY KEY ({_listed(key.columns)})", _collated(table, Unique(columns=key.columns)))
    for unique in table.uniques:
        yield _unique(f"UNIQUE ({_listed(unique.columns)})", _collated(table, unique))


def _index(index: Index) -> Iterator[Question]:
    """What an index asks of rows: that its expressions can be computed, and that its keys differ."""
    if index.where is not None:
        condition = f"typeof({index.where}) = ''"
        yield Question(rule=f"INDEX {index.name} WHERE {index.where}", condition=condition, values=())
    for part in index.columns:
        if not part.is_column:
            # Nothing breaks this rule but a row that the expression fails for; it is asked as all others are.
            computed = f"typeof({part.expression}) = ''"
            condition = computed if index.where is None else f"({index.where}) AND {computed}"
            yield Question(rule=f"INDEX {index.name} ({part.expression})", condition=condition, values=())
    if index.unique:
        rule = f"UNIQUE INDEX {index.name} ({_listed(index.columns)})"
        yield _unique(rule, index.columns, where=index.where)


def _unique(rule: str, columns: tuple[IndexedColumn, ...], *, where: str | None = None) -> Question:
    """The rows that share a key with another; NULLs are never equal."""
    terms = [f"{_operand(part)} IS NOT NULL" for part in columns]
    return Question(
        rule=rule,
        condition=" AND ".join([*terms, *([f"({where})"] if where else [])]),
        values=tuple((part.expression, _operand(part)) for part in columns),
        shared=tuple(indexed_column(_ascending(part)) for part in columns),
    )


def _values(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, quote(name)) for name in names)


def _mentioned(table: Table, expression: str) -> list[str]:
    """The columns that an expression is about, in the table's order."""
    try:
        words: Container[str] = {fold(unquote(token.text)) for token in tokenize(expression)}
    except Malformed:
        return []
    return [column.name for column in table.columns if fold(column.name) in words]


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
