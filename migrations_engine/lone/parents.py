"""Foreign keys that the change brings: every row has to have its parent, while both tables are written.

All rows are looked at once, in a snapshot. From then on only what is noted counts: a child that was written
is looked at again, and a parent that is there no more has all its children looked for. The live tables are
read, so the columns of such a key have to come through the change as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.changes.carry import rowid_column
from migrations_engine.checks.references import SAMPLE, Tie
from migrations_engine.errors import DataDoesNotFit, Misfit, Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.online.rewrite import KEYS
from migrations_engine.online.shape import literal, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import apsw

    from migrations_engine.model import ForeignKey, Table
    from migrations_engine.online.shape import TableShape
    from migrations_engine.planning.plan import Plan, TableAction


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A foreign key that is to hold, over the tables as they are now.

    Attributes:
        child: The live child.
        parent: The live parent.
        columns: (child's column, parent's column) of today, in the key's order.
        tie: What it is called afterwards.
    """

    child: TableShape
    parent: TableShape
    columns: tuple[tuple[str, str], ...]
    tie: Tie

    def require(self, conn: apsw.Connection) -> None:
        """Look at all rows of the child.

        Raises:
            DataDoesNotFit: Rows without parents: the rule, the count and some keys.
        """
        self._require(conn, "TRUE")

    def require_touched(self, conn: apsw.Connection) -> None:
        """Look at what the keys in the table of keys say was touched.

        Raises:
            DataDoesNotFit: As above.
        """
        if self._has_lost_parents(conn):
            self._require(conn, "TRUE")
        elif _is_touched(conn, self.child):
            self._require(conn, f"({', '.join(self.child.key_terms)}) IN ({_noted(self.child)})")

    def _require(self, conn: apsw.Connection, condition: str) -> None:
        names = [f"c.{quote(name)}" for name, _ in self.columns]
        # Without an affinity of its own (+) the child's value takes the parent's, as in SQLite's own check.
        same = " AND ".join(f"p.{quote(theirs)} = +c.{quote(ours)}" for ours, theirs in self.columns)
        tail = (
            f"FROM main.{quote(self.child.name)} AS c WHERE {condition} "
            f"AND {' AND '.join(f'{name} IS NOT NULL' for name in names)} "
            f"AND NOT EXISTS (SELECT 1 FROM main.{quote(self.parent.name)} AS p WHERE {same})"
        )
        count = int(sqlite.value(conn, f"SELECT count(*) {tail}"))
        if count:
            keys = ", ".join(f"c.{quote(name)}" for name in self.child.key)
            rows = sqlite.rows(conn, f"SELECT {keys} {tail} LIMIT {SAMPLE}")
            sample = tuple(row[0] if len(row) == 1 else row for row in rows)
            raise DataDoesNotFit(
                [Misfit(table=self.tie.table, rule=self.tie.rule, count=count, sample=sample)]
            )

    def _has_lost_parents(self, conn: apsw.Connection) -> bool:
        if not _is_touched(conn, self.parent):
            return False
        rowid = rowid_column(self.parent.table)
        if rowid is None or self.parent.key != (rowid,) or [theirs for _, theirs in self.columns] != [rowid]:
            return True  # nothing tells what the touched ones were called before
        lost = (
            f"SELECT EXISTS ({_noted(self.parent)} AND k0 NOT IN "
            f"(SELECT {quote(rowid)} FROM main.{quote(self.parent.name)}))"
        )
        return bool(sqlite.value(conn, lost))


def new_keys(plan: Plan) -> tuple[NewKey, ...]:
    """The foreign keys of a plan that rows have to be held against.

    Raises:
        Unsupported: One that cannot be held against rows while they are written.
    """
    actions = {fold(action.name): action for action in plan.tables if action.new is not None}
    for action in plan.going("rebuild"):
        _require_no_loss(action)
    return tuple(
        found
        for table in plan.new.tables
        for key in table.foreign_keys
        if (found := _new_key(plan, table, key, actions)) is not None
    )


def _require_no_loss(action: TableAction) -> None:
    """Refuse foreign keys that go: the way back has to know which rows lacked their parents just then."""
    if action.old is None or action.new is None:
        return
    names = {new: fold(old) for new, old in action.columns.items()}
    stay = [{names.get(fold(name)) for name in key.columns} for key in action.new.foreign_keys]
    for key in action.old.foreign_keys:
        if {fold(name) for name in key.columns} not in stay:
            raise _unfollowed(action.old, key)


def _new_key(plan: Plan, table: Table, key: ForeignKey, actions: Mapping[str, TableAction]) -> NewKey | None:
    child = actions.get(fold(table.name))
    parent = actions.get(fold(key.parent))
    now = plan.new.table(key.parent)
    if (child is None and parent is None) or (child is not None and child.way == "create"):
        return None
    if now is None:  # it dangles; that it does not begin to do so is seen to elsewhere
        return None
    if child is not None and any(_is_new_and_empty(child, name) for name in key.columns):
        return None
    columns = list(zip(key.columns, key.parent_columns or _primary(now), strict=False))
    before = _before(child, table, [name for name, _ in columns])
    theirs = _before(parent, now, [name for _, name in columns])
    old_child = child.old if child is not None else table
    old_parent = parent.old if parent is not None else now
    if old_child is None or old_parent is None or before is None or theirs is None:
        raise _unfollowed(table, key)
    if _was_there(old_child, old_parent, before, theirs):
        return None
    return NewKey(
        child=_shape(child, old_child),
        parent=_shape(parent, old_parent),
        columns=tuple(zip(before, theirs, strict=True)),
        tie=Tie.of(table.name, key.columns, key.parent),
    )


def _before(action: TableAction | None, table: Table, names: Sequence[str]) -> list[str] | None:
    """What columns were called before, where all of them come through as they are."""
    if action is None:
        return list(names)
    if action.carry is None or action.old is None:
        return None
    exact = {fold(new): old for new, old in action.carry.exact}
    found = [exact.get(fold(name)) for name in names]
    pairs = zip(found, names, strict=True)
    alike = all(
        was is not None and _collation(action.old, was) == _collation(table, name) for was, name in pairs
    )
    return [was for was in found if was is not None] if alike else None


def _is_new_and_empty(child: TableAction, name: str) -> bool:
    """Whether a column of a key is NULL in all rows, which asks for no parent."""
    column = child.new.column(name) if child.new is not None else None
    known = fold(name) in child.columns or fold(name) in child.fills
    return (
        column is not None
        and not known
        and (column.default or "NULL").upper() == "NULL"
        and not column.generated
    )


def _was_there(child: Table, parent: Table, ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether the file has this very key already: then the same rows lack the same parents as before."""
    wanted = ([fold(name) for name in ours], [fold(name) for name in theirs])
    return any(
        fold(key.parent) == fold(parent.name)
        and ([fold(n) for n in key.columns], [fold(n) for n in key.parent_columns or _primary(parent)])
        == wanted
        for key in child.foreign_keys
    )


def _shape(action: TableAction | None, table: Table) -> TableShape:
    """A table as the change log notes it."""
    keys = [old for _, old in action.carry.match] if action is not None and action.carry is not None else []
    return shape_of(table, key=keys)


def _primary(table: Table) -> tuple[str, ...]:
    return tuple(part.expression for part in table.primary_key.columns) if table.primary_key else ()


def _collation(table: Table, name: str) -> str:
    column = table.column(name)
    return fold((column.collation if column else None) or "BINARY")


def _is_touched(conn: apsw.Connection, shape: TableShape) -> bool:
    return bool(sqlite.value(conn, f"SELECT EXISTS ({_noted(shape)})"))


def _noted(shape: TableShape) -> str:
    """The keys of one table that are in the table of keys."""
    return f"SELECT {', '.join(shape.noted)} FROM temp.{KEYS} WHERE tbl IS {literal(shape.name)}"


def _unfollowed(table: Table, key: ForeignKey) -> Unsupported:
    return Unsupported(
        f"the foreign key of {table.name} to {key.parent} cannot be held against rows while they are written",
        object_name=table.name,
    )


def captured(keys: Sequence[NewKey]) -> Iterator[TableShape]:
    """The parents, whose writes have to be noted too."""
    yield from {key.parent.name: key.parent for key in keys}.values()
