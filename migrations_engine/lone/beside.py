"""The new tables beside the old ones: under the engine's names, with their indexes, without foreign keys.

Other processes have foreign keys on. A table that refers to theirs would make their deletes fail, or have
their cascades reach into it; so REFERENCES come with the statement that it gets in the cut-over.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.ddl.sqlite import create_index, create_table
from migrations_engine.errors import Unsupported
from migrations_engine.execution.relabel import Label
from migrations_engine.model import fold
from migrations_engine.online import capture, mapping
from migrations_engine.online.shape import may_be_null, shape_of
from migrations_engine.sql.foreign import without_foreign_keys
from migrations_engine.sql.lexer import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Table
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.planning.plan import Plan, TableAction

PREFIX = "_tenantdb_new_"
"""Begins the name of every table that is made beside an old one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One table that is rebuilt: what it was, what it becomes, and the mapping of its rows."""

    old: Table
    new: Table
    mapping: Mapping

    @property
    def name(self) -> str:
        """What the new table is called until the cut-over."""
        return self.mapping.target.name

    @property
    def statements(self) -> tuple[str, ...]:
        """What makes it, empty."""
        made = self.mapping.target.table
        table = without_foreign_keys(create_table(self.new, name=made.name))
        return table, *(create_index(index) for index in made.indexes)

    @property
    def label(self) -> Label:
        """How it gets its own name, statement and indexes, word for word as if it were made fresh."""
        made = self.mapping.target.table.indexes
        pairs = zip(made, self.new.indexes, strict=True)
        return Label(
            table=self.name,
            becomes=self.new.name,
            sql=create_table(self.new),
            indexes={was.name: (index.name, create_index(index)) for was, index in pairs},
        )


def tables(plan: Plan) -> tuple[Beside, ...]:
    """The new tables of a plan, and how the rows of the old ones go into them.

    Raises:
        Unsupported: A table whose rows cannot be followed while they are written.
    """
    made = tuple(_beside(action, number) for number, action in enumerate(plan.going("rebuild"), 1))
    _require_capture(made)
    return made


def _beside(action: TableAction, number: int) -> Beside:
    old, new = action.old, action.new
    if old is None or new is None:
        raise LookupError(f"{action.name} is rebuilt from nothing")
    for table in (old, new):
        _require_own_words(table)
    target = _engine_named(new, f"{PREFIX}{number}")
    rows = mapping.onto(old, target, columns=dict(action.columns), fills=dict(action.fills))
    for side in (rows.source, rows.target):
        _require_indexed(side.table, side.key)
    return Beside(old=old, new=new, mapping=rows)


def _engine_named(table: Table, name: str) -> Table:
    indexes = tuple(
        replace(index, table=name, name=f"{name}_{number}") for number, index in enumerate(table.indexes, 1)
    )
    return replace(table, name=name, foreign_keys=(), indexes=indexes)


def _require_own_words(table: Table) -> None:
    """Refuse expressions that name their table (``t.a > 0``): it is called otherwise for a while."""
    for text in _expressions(table):
        if any(token.text == "." for token in tokenize(text)):
            raise _unfollowed(table, "an expression of it names a table")


def _expressions(table: Table) -> Iterator[str]:
    yield from (check.expression for check in table.checks)
    yield from (column.generated.expression for column in table.columns if column.generated is not None)


def _require_indexed(table: Table, key: tuple[str, ...]) -> None:
    """Refuse keys that no index serves, each batch would read the whole table; and those that may be NULL."""
    if any(may_be_null(table, name) for name in key):
        raise _unfollowed(table, "the key that its rows keep may be NULL")
    if shape_of(table).key == key:
        return
    wanted = {fold(name) for name in key}
    keys = [unique.columns for unique in table.uniques]
    keys += [table.primary_key.columns] if table.primary_key is not None else []
    if not any({fold(part.expression) for part in columns} == wanted for columns in keys):
        raise _unfollowed(table, "no index finds its rows by the key that they keep")


def _require_capture(made: tuple[Beside, ...]) -> None:
    """Refuse what triggers cannot note, before anything is made."""
    with contextlib.closing(sqlite.in_memory()) as conn:
        capture.installed(conn, [each.mapping.source for each in made])


def _unfollowed(table: Table, reason: str) -> Unsupported:
    return Unsupported(
        f"{table.name} cannot be followed while it is written: {reason}", object_name=table.name
    )
