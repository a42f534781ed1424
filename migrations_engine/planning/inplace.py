"""What ALTER TABLE can do where the table lies, and the statements for it.

The limits are SQLite's (https://sqlite.org/lang_altertable.html): a column is only ever appended, without
PRIMARY KEY or UNIQUE, with a constant default, not stored as generated; NOT NULL and CHECK come and go, and
SQLite tests the rows that are there. DROP COLUMN writes the whole table, as a rebuild does. Whether the
statements lead to the wanted table is proved elsewhere, by running them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrations_engine.changes import steps
from migrations_engine.ddl import sqlite as ddl
from migrations_engine.ddl.definitions import check_clause, conflict
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """The ALTER TABLE statements for a table, and how many of them read every row to test it."""

    statements: tuple[str, ...]
    scans: int


def alteration(old: Table, new: Table, changes: Sequence[Step], *, back: bool = False) -> Alteration:
    """How ALTER TABLE makes one table of another.

    Args:
        old: The table as it is.
        new: The table as it is to be.
        changes: The steps about this table.
        back: Whether this leads back to what was before. Only then rules are taken away in place: forward, a
            copy of the table stays as it was, for the day when rows that broke the rule have to be left out.

    Raises:
        NotInPlace: One of the steps needs a rebuild.
    """
    work = _Alteration(old, new, changes, back=back)
    return work.made()


class _Alteration:
    """The statements for one table, in the order in which they can run."""

    def __init__(self, old: Table, new: Table, changes: Sequence[Step], *, back: bool) -> None:
        self._old, self._new, self._changes, self._back = old, new, changes, back
        self._name = old.name
        self._taken = {fold(column.name) for column in old.columns}
        self._renames: list[str] = []
        self._loosened: list[str] = []
        self._added: list[steps.AddColumn] = []
        self._tests: list[str] = []

    def made(self) -> Alteration:
        """Look at every step; what tests rows comes last, when all columns have their names."""
        for step in self._changes:
            self._take(step)
        ruled, left = self._constraints()
        appended = [_add(self._name, self._new, s, ruled[fold(s.column.name)]) for s in self._added]
        self._tests += [f"{self._alter} ADD {check_clause(check)}" for check in left]
        tested = [step for step in self._added if self._is_tested(step, ruled[fold(step.column.name)])]
        found = (*self._renames, *self._loosened, *appended, *self._tests)
        return Alteration(statements=found, scans=len(self._tests) + len(tested))

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {quote(self._name)}"

    def _take(self, step: Step) -> None:
        if isinstance(step, steps.RenameTable):
            self._renames.append(f"{self._alter} RENAME TO {quote(step.name)}")
            self._name = step.name
        elif isinstance(step, steps.RenameColumn):
            self._rename(step)
        elif isinstance(step, steps.AddColumn):
            _refuse_capture(self._old, step)
            self._added.append(step)
        elif isinstance(step, steps.ChangeColumn):
            self._change(step)
        elif isinstance(step, steps.DropConstraint):
            self._drop(step)
        elif not isinstance(step, steps.AddConstraint):
            raise NotInPlace(step.text)

    def _rename(self, step: steps.RenameColumn) -> None:
        """A column that gets a name which no other has at that moment."""
        self._taken.discard(fold(step.old_name))
        if fold(step.name) in self._taken:
            raise NotInPlace(f"{step.text} (another column has that name)")
        self._taken.add(fold(step.name))
        self._renames.append(f"{self._alter} RENAME COLUMN {quote(step.old_name)} TO {quote(step.name)}")

    def _change(self, step: steps.ChangeColumn) -> None:
        """NOT NULL that comes or goes, where nothing else changes."""
        before, after = step.before, step.after
        same = replace(before, name=after.name, not_null=after.not_null, comment=after.comment) == after
        if not same or step.fill is not None or (before.not_null and after.not_null):
            raise NotInPlace(step.text)
        column = f"{self._alter} ALTER COLUMN {quote(after.name)}"
        if after.not_null is None:
            self._require_back(step)
            self._loosened.append(f"{column} DROP NOT NULL")
        elif after.not_null.name is not None:
            raise NotInPlace(f"{step.text} (a NOT NULL that is added gets no name)")
        else:
            self._tests.append(f"{column} SET NOT NULL{conflict(after.not_null)}")

    def _drop(self, step: steps.DropConstraint) -> None:
        """A CHECK or FOREIGN KEY that goes, by its name: nothing else finds it."""
        self._require_back(step)
        name = step.constraint.name
        if name is None or not isinstance(step.constraint, (Check, ForeignKey)):
            raise NotInPlace(step.text)
        if sum(fold(other) == fold(name) for other in _constraint_names(self._old)) > 1:
            raise NotInPlace(f"{step.text} (its name is not its own)")
        self._loosened.append(f"{self._alter} DROP CONSTRAINT {quote(name)}")

    def _require_back(self, step: Step) -> None:
        if not self._back:
            raise NotInPlace(f"{step.text} (the way back needs the rows as they are)")

    def _constraints(self) -> tuple[dict[str, list[Check | ForeignKey]], list[Check]]:
        """The new constraints: by the added column behind which they are written, and CHECKs of their own."""
        found: dict[str, list[Check | ForeignKey]] = {fold(step.column.name): [] for step in self._added}
        left = []
        for step in self._changes:
            if not isinstance(step, steps.AddConstraint):
                continue
            constraint, owner = step.constraint, _owner(step.constraint, found)
            if owner is not None and isinstance(constraint, (Check, ForeignKey)):
                found[owner].append(constraint)
            elif isinstance(constraint, Check):
                left.append(constraint)
            else:
                raise NotInPlace(step.text)
        return found, left

    def _is_tested(self, step: steps.AddColumn, rules: Sequence[Check | ForeignKey]) -> bool:
        """Whether SQLite reads all rows to append a column."""
        computed = step.column.generated is not None and step.column.not_null is not None
        return computed or self._new.strict or any(isinstance(each, Check) for each in rules)


def _constraint_names(table: Table) -> list[str]:
    """All names that a table gives to its rules."""
    rules: list[steps.Constraint] = [*table.checks, *table.foreign_keys, *table.uniques]
    rules += [table.primary_key] if table.primary_key else []
    found = [each.name for each in rules if each.name is not None]
    for column in table.columns:
        found += [name for _, name in column.constraint_names]
        if column.not_null is not None and column.not_null.name is not None:
            found.append(column.not_null.name)
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
