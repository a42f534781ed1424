"""Where the rows of a file are seen as they would be after a change.

A table that stays as it is, or that only gets other rules, is read where it lies; any other is brought into
its new form, in the connection's own TEMP database. The file itself is only read.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migrations_engine.changes import carry, steps
from migrations_engine.checks import filling, forming
from migrations_engine.model import Column, Table, fold, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import apsw

    from migrations_engine.checks.filling import Unformed
    from migrations_engine.planning.plan import Plan, TableAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The rows of one table as they would be.

    Attributes:
        table: The table as it would be.
        origin: The quoted name of where they are.
        names: What people know a row by: the columns of its primary key of before, else its rowid.
        keys: The expressions of the same.
        address: The expressions that find one row here; empty where nothing does.
        rowid: The expression of the rowid of before; None where there is none.
        before: Column -> the expression of the value of before, of those whose values are rewritten.
        unformed: The rows that are not here, because an expression fails for them.
    """

    table: Table
    origin: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    address: tuple[str, ...]
    rowid: str | None
    before: Mapping[str, str] = field(default_factory=dict)
    unformed: Unformed | None = None

    @property
    def source(self) -> str:
        """What stands behind FROM: the rows are called by the table's own name, as rules call them."""
        return f"{self.origin} AS {quote(self.table.name)}"


class Places:
    """The places of a plan's tables, each made when it is asked for and held until the block ends."""

    def __init__(self, conn: apsw.Connection, plan: Plan, stack: contextlib.ExitStack) -> None:
        self._conn, self._plan, self._stack = conn, plan, stack
        self._actions = {fold(action.name): action for action in plan.tables if action.new is not None}
        self._made: dict[str, Place | None] = {}

    def of(self, table: Table) -> Place | None:
        """The place of a table of the new schema; None for one that is created, which has no rows."""
        key = fold(table.name)
        if key not in self._made:
            self._made[key] = self._make(table, self._actions.get(key))
        return self._made[key]

    def _make(self, table: Table, action: TableAction | None) -> Place | None:
        if action is None:
            return _where_it_lies(table, table)
        if action.old is None or action.carry is None:
            return None
        if _is_as_it_was(action.old, table, action):
            return _where_it_lies(action.old, table)
        return self._formed(action, action.old, table, action.carry)

    def _formed(self, action: TableAction, old: Table, new: Table, carried: carry.Carry) -> Place:
        keys, rowid, rewritten = declared_key(old), carry.rowid_name(old), self._rewritten(new)
        extra = [*keys, *rewritten.values(), *([] if rowid is None else [rowid])]
        name = f"_tenantdb_fit_{len(self._made)}"
        form = self._stack.enter_context(
            forming.empty(self._conn, new, carried=carried, source=old.name, keys=extra, name=name)
        )
        fills = {c.name: action.fills[fold(c.name)] for c in new.columns if fold(c.name) in action.fills}
        unformed = filling.fill(form, old, keys=len(keys), fills=fills)
        if unformed is not None:
            self._stack.callback(self._conn.execute, f"DROP TABLE IF EXISTS {unformed.place}")
        names = forming.key_names(extra)
        return Place(
            table=new,
            origin=form.place,
            names=keys,
            keys=names[: len(keys)],
            address=(forming.NUMBER,),
            rowid=None if rowid is None else names[-1],
            before=dict(zip(rewritten, names[len(keys) :], strict=False)),
            unformed=unformed,
        )

    def _rewritten(self, table: Table) -> dict[str, str]:
        """New name -> old name, of the columns whose stored values can come out as others."""
        return {
            step.after.name: step.before.name
            for step in self._plan.change.steps
            if isinstance(step, steps.ChangeColumn) and step.rewrites and fold(step.table) == fold(table.name)
        }


@contextlib.contextmanager
def opened(conn: apsw.Connection, plan: Plan) -> Iterator[Places]:
    """Hold the places of a plan for the block.

    Args:
        conn: The file, still in the structure of ``plan.old``.
        plan: What it is to become.
    """
    with contextlib.ExitStack() as stack:
        yield Places(conn, plan, stack)


def declared_key(table: Table) -> tuple[str, ...]:
    """The columns by which people know a row: its primary key, else its rowid."""
    if table.primary_key is not None:
        return tuple(part.expression for part in table.primary_key.columns)
    return carry.key_columns(table)


def _where_it_lies(old: Table, new: Table) -> Place:
    rowid = carry.rowid_name(old)
    return Place(
        table=new,
        origin=f"main.{quote(old.name)}",
        names=declared_key(old),
        keys=tuple(quote(name) for name in declared_key(old)),
        address=tuple(quote(name) for name in carry.key_columns(old)),
        rowid=None if rowid is None else quote(rowid),
    )


def _is_as_it_was(old: Table, new: Table, action: TableAction) -> bool:
    """Whether every value of the new table is there already, under its name and with its meaning."""
    stays = all(_is_as_it_was_in(old, column, action) for column in new.columns)
    return stays and not action.fills and old.strict == new.strict


def _is_as_it_was_in(old: Table, column: Column, action: TableAction) -> bool:
    before = old.column(column.name)
    return (
        before is not None
        and fold(action.columns.get(fold(column.name), "")) == fold(column.name)
        and (before.type, before.collation) == (column.type, column.collation)
        and before.generated == column.generated
    )
