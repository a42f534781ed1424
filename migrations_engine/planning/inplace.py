"""What ALTER TABLE can do where the table lies, and the statements for it.

The limits are SQLite's (https://sqlite.org/lang_altertable.html): a column is only ever appended, without
PRIMARY KEY or UNIQUE, with a constant default, not stored as generated. Whether the statements lead to the
wanted table is proved elsewhere, by running them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.changes import steps
from migrations_engine.ddl import sqlite as ddl
from migrations_engine.model import Check, Column, ForeignKey, PrimaryKey, Table, fold, quote
from migrations_engine.normalize.texts import strings
from migrations_engine.sql.affinity import Affinity, affinity
from migrations_engine.sql.lexer import Malformed, tokenize, unquote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.changes.steps import Step

_INTEGER = re.compile(r"[+-]?\s*(?:0[xX][0-9a-fA-F]+|\d{1,18})")
_NUMBER = re.compile(r"[+-]?\s*(?:\d|\.\d)")

_MOVING = frozenset({"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"})


class NotInPlace(Exception):
    """A step that ALTER TABLE cannot do; its text says which and why."""


def statements(old: Table, new: Table, changes: Sequence[Step]) -> tuple[str, ...]:
    """The ALTER TABLE statements that make one table of another.

    Args:
        old: The table as it is.
        new: The table as it is to be.
        changes: The steps about this table.

    Raises:
        NotInPlace: One of the steps needs a rebuild.
    """
    name = old.name
    renames, additions = [], []
    for step in changes:
        if isinstance(step, steps.RenameTable):
            renames.append(f"ALTER TABLE {quote(name)} RENAME TO {quote(step.name)}")
            name = step.name
        elif isinstance(step, steps.RenameColumn):
            renames.append(
                f"ALTER TABLE {quote(name)} RENAME COLUMN {quote(step.old_name)} TO {quote(step.name)}"
            )
        elif isinstance(step, steps.AddColumn):
            _refuse_capture(old, step)
            additions.append(step)
        elif not isinstance(step, steps.AddConstraint):
            raise NotInPlace(step.text)
    ruled = _constraints_by_column(changes, [step.column for step in additions])
    return (*renames, *(_add(name, new, step, ruled[fold(step.column.name)]) for step in additions))


def _constraints_by_column(
    changes: Sequence[Step], added: Sequence[Column]
) -> dict[str, list[Check | ForeignKey]]:
    """The new constraints, each with the added column behind which it can be written."""
    found: dict[str, list[Check | ForeignKey]] = {fold(column.name): [] for column in added}
    for step in changes:
        if not isinstance(step, steps.AddConstraint):
            continue
        owner = _owner(step.constraint, found)
        if owner is None or not isinstance(step.constraint, (Check, ForeignKey)):
            raise NotInPlace(step.text)
        found[owner].append(step.constraint)
    return found


def _owner(constraint: steps.Constraint, added: dict[str, list[Check | ForeignKey]]) -> str | None:
    """The folded name of the one added column that a constraint is about; None where there is none."""
    if isinstance(constraint, ForeignKey):
        names = {fold(name) for name in constraint.columns}
    elif isinstance(constraint, Check):
        names = _words(constraint.expression) & added.keys()
    elif isinstance(constraint, PrimaryKey):
        return None
    else:
        return None
    return next(iter(names)) if len(names) == 1 and names <= added.keys() else None


def _words(expression: str) -> set[str]:
    try:
        return {fold(unquote(token.text)) for token in tokenize(expression)}
    except Malformed:
        return set()


def _add(table: str, new: Table, step: steps.AddColumn, rules: list[Check | ForeignKey]) -> str:
    """The statement that appends a column, with the rules that are about it alone."""
    column = step.column
    if (reason := _refused(column, strict=new.strict)) or step.fill is not None:
        raise NotInPlace(f"{step.text} ({reason or 'its fill is computed for every row'})")
    alone = Table(
        name=table,
        columns=(column,),
        checks=tuple(replace(r, column=column.name) for r in rules if isinstance(r, Check)),
        foreign_keys=tuple(r for r in rules if isinstance(r, ForeignKey)),
        strict=new.strict,
    )
    return f"ALTER TABLE {quote(table)} ADD COLUMN {ddl.column_definition(alone, column)}"


def _refuse_capture(old: Table, step: steps.AddColumn) -> None:
    """Refuse to append a column whose name is a string of the table.

    The file may have that string in double quotes, which would mean the column from then on.
    """
    if fold(step.column.name) in strings(old):
        raise NotInPlace(f"{step.text} (the table has a string of that name, perhaps in double quotes)")


def _refused(column: Column, *, strict: bool) -> str | None:
    """Why ALTER TABLE cannot append a column; None where it can."""
    default = column.default
    if column.generated is not None and column.generated.stored:
        return "a stored generated column is computed for every row"
    if default is not None and (default.startswith("(") or default.upper() in _MOVING):
        return "its default is no constant"
    if default is not None and _reads_otherwise(default, affinity(column.type, strict=strict)):
        return "present rows would read its default in another form than new ones"
    if column.not_null and column.generated is None and (default is None or default.upper() == "NULL"):
        return "NOT NULL without a default"
    return None


def _reads_otherwise(default: str, kind: Affinity) -> bool:
    """Whether SQLite reads a default from rows that were there before in another form than it stores it.

    An appended column is not written: in TEXT such rows read ``DEFAULT 1.50`` as '1.50', new ones get '1.5';
    versions before 3.41 read TRUE as 1 there, and 1.0 without a type as 1.
    """
    if kind not in ("TEXT", "BLOB"):
        return False
    if default.upper() in ("TRUE", "FALSE"):
        return kind == "TEXT"
    return _NUMBER.match(default) is not None and _INTEGER.fullmatch(default) is None
