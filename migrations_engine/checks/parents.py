"""Rows that would lose their parents, found before anything is changed.

A row compares with its parent as SQLite has it (https://sqlite.org/foreignkeys.html): with the collation and
the affinity of the parent's column. As in a change itself, orphans of before are no news.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migrations_engine import sqlite
from migrations_engine.changes import steps
from migrations_engine.checks import parent_keys, references
from migrations_engine.checks.references import Tie
from migrations_engine.model import ForeignKey, Table, fold, quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import apsw

    from migrations_engine.checks.places import Place, Places
    from migrations_engine.planning.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A foreign key under which more rows would lack their parents than do now.

    Attributes:
        columns: The columns of the foreign key.
        names: The columns that a row's key is made of.
        queries: Each gives the rows: their rowid of before, their key, and the values that find no parent.
        known: The rowids of those that lack their parents already.
    """

    table: str
    rule: str
    count: int
    columns: tuple[str, ...]
    names: tuple[str, ...]
    queries: tuple[str, ...]
    known: Collection[int]

    def rows(self, conn: apsw.Connection) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
        """Key and values of each row that would lose its parent."""
        keys = len(self.names)
        for query in self.queries:
            for rowid, *rest in conn.execute(query):
                if rowid is None or rowid not in self.known:
                    yield tuple(rest[:keys]), dict(zip(self.columns, rest[keys:], strict=True))


def lost(conn: apsw.Connection, plan: Plan, there: Places) -> Iterator[Lost]:
    """The foreign keys under which rows would lose their parents.

    Args:
        conn: The file, still in the structure of ``plan.old``.
        plan: What it is to become.
        there: Where its rows are seen as they would be.
    """
    mismatched = {fold(found.table.name) for found in parent_keys.mismatches(plan.new)}
    before: references.Orphans | None = None
    for table in plan.new.tables:
        # Where the parent of one key has no such key SQLite checks none of the table, nor does a change.
        endangered = [] if fold(table.name) in mismatched else _endangered(plan, table)
        child = there.of(table) if endangered else None
        if child is None:
            continue
        if before is None:
            before = references.before(conn, plan)
        for keys in endangered:
            if (found := _lost(conn, keys, child, plan, there, before)) is not None:
                yield found


def _endangered(plan: Plan, table: Table) -> list[list[ForeignKey]]:
    """The foreign keys of a table that its rows can lose their parents under, those of one tie together."""
    found: dict[Tie, list[ForeignKey]] = defaultdict(list)
    for key in table.foreign_keys:
        found[_tie(table, key)].append(key)
    return [keys for keys in found.values() if any(_can_lose(plan, table, key) for key in keys)]


def _lost(
    conn: apsw.Connection,
    keys: list[ForeignKey],
    child: Place,
    plan: Plan,
    there: Places,
    before: references.Orphans,
) -> Lost | None:
    tie = _tie(child.table, keys[0])
    queries = tuple(_query(key, child, plan, there) for key in keys)
    count = sum(int(sqlite.value(conn, f"SELECT count(*) FROM ({query})")) for query in queries)
    known = before.get(tie, [])
    if count <= len(known):
        return None
    return Lost(
        table=child.table.name,
        rule=tie.rule,
        count=count - len(known),
        columns=keys[0].columns,
        names=child.names,
        queries=queries,
        known=frozenset(rowid for rowid in known if rowid is not None),
    )


def _tie(table: Table, key: ForeignKey) -> Tie:
    return Tie.of(table.name, key.columns, key.parent)


def _can_lose(plan: Plan, table: Table, key: ForeignKey) -> bool:
    """Whether anything changes for a foreign key: itself, its columns, or those of its parent."""
    is_new = any(
        isinstance(step, steps.AddConstraint) and step.constraint is key for step in plan.change.steps
    )
    parent = plan.new.table(key.parent)
    if parent is None:
        return is_new or plan.old.table(key.parent) is not None
    return (
        is_new
        or not all(_stays(plan, table, name) for name in key.columns)
        or not all(_stays(plan, parent, name) for name in _parent_columns(key, parent))
    )


def _stays(plan: Plan, table: Table, name: str) -> bool:
    """Whether the values of a column stay as they are, and mean the same."""
    action = {fold(a.new.name): a for a in plan.tables if a.new is not None}.get(fold(table.name))
    if action is None:
        return True
    if action.old is None or action.carry is None:
        return False
    source = {fold(new): old for new, old in action.carry.exact}.get(fold(name))
    before, after = action.old.column(source or ""), table.column(name)
    if before is None or after is None:
        return False
    return (before.type, before.collation) == (after.type, after.collation)


def _parent_columns(key: ForeignKey, parent: Table) -> tuple[str, ...]:
    if key.parent_columns or parent.primary_key is None:
        return key.parent_columns
    return tuple(part.expression for part in parent.primary_key.columns)


def _query(key: ForeignKey, child: Place, plan: Plan, there: Places) -> str:
    """The rows without parents: rowid and key of before, then the values that find none."""
    columns = [f"c.{quote(name)}" for name in key.columns]
    rowid = "NULL" if child.rowid is None else f"c.{child.rowid}"
    chosen = ", ".join([rowid, *(f"c.{name}" for name in child.keys), *columns])
    bound = " AND ".join(f"{name} IS NOT NULL" for name in columns)
    table = plan.new.table(key.parent)
    parent = there.of(table) if table is not None else None
    if table is None or parent is None:
        return f"SELECT {chosen} FROM {child.origin} AS c WHERE {bound}"
    theirs = [f"p.{quote(name)}" for name in _parent_columns(key, table)]
    # The parent's column on the left gives its collation, the plus takes the child's affinity away.
    same = " AND ".join(f"{p} = +{c}" for p, c in zip(theirs, columns, strict=True))
    return (
        f"SELECT {chosen} FROM {child.origin} AS c LEFT JOIN {parent.origin} AS p ON {same} "
        f"WHERE {bound} AND {theirs[0]} IS NULL"
    )
