"""The way back of the last change, in the file itself: which old tables are kept and what became of them.

It stands with the version that it leads back from. Only that of the last version is kept: the next change
drops it first.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migrations_engine import sqlite, versions
from migrations_engine.checks.references import Tie
from migrations_engine.errors import Unsupported
from migrations_engine.execution import kept
from migrations_engine.execution.kept import PREFIX, Kept
from migrations_engine.execution.virtual_return import feeders
from migrations_engine.model import fold, quote
from migrations_engine.online import capture
from migrations_engine.online.shape import shape_of
from migrations_engine.recent import derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import apsw

    from migrations_engine.checks.references import Orphans
    from migrations_engine.model import Table
    from migrations_engine.online.shape import TableShape
    from migrations_engine.planning.plan import Plan, TableAction, VirtualAction

LOG = "_tenantdb_since"
"""The log of keys written since: not an operation's, which comes and goes on its own."""

_VIRTUAL = "virtual-"
"""Begins the way of a virtual table."""

REINDEX = f"{_VIRTUAL}reindex"
"""The way of a full-text index that stayed as it is while the table that it indexes changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """How one table goes back.

    Attributes:
        way: What the change did with it, as in ``plan.TableAction``; before it ``virtual-`` for those of
            ``plan.VirtualAction``.
        old_name: What it was called; None for a table that was created.
        new_name: What it is called now; None for a table that was dropped.
        kept: The old table out of the way, where there is one.
        columns: Folded new column -> old column, of those that stayed.
        fills: Folded new column -> expression over the old row, where that filled it.
    """

    way: str
    old_name: str | None
    new_name: str | None
    kept: Kept | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    fills: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_virtual(self) -> bool:
        """Whether it is about a virtual table."""
        return self.way.startswith(_VIRTUAL)


def leave(conn: apsw.Connection, plan: Plan, kept: Sequence[Kept], *, orphans: Orphans) -> str:
    """Note all writes from now on, inside the transaction of a change; gives the way back from it.

    Args:
        conn: The file, changed.
        plan: What was done.
        kept: The old tables out of the way.
        orphans: The rows that lacked their parents before, by the foreign keys that are no more: they come
            back as they were.

    Returns:
        What ``versions.record`` is to write down.
    """
    if shapes := _shapes(plan):
        capture.install(conn, shapes, log=LOG)
    return _text(plan, kept, orphans) if orphans else _usual_text(plan, tuple(kept))


def read(conn: apsw.Connection) -> tuple[Return, ...] | None:
    """The way back that the file has; None where it has none."""
    text = versions.way_back(conn)
    return None if text is None else tuple(_return(entry) for entry in json.loads(text)["tables"])


def orphans(conn: apsw.Connection) -> Orphans:
    """The rows that lacked their parents before the change, by the foreign keys that it took away."""
    text = versions.way_back(conn)
    lost = json.loads(text)["orphans"] if text is not None else ()
    return {Tie.of(child, columns, parent): rowids for child, columns, parent, rowids in lost}


def drop(conn: apsw.Connection) -> None:
    """Drop the way back, inside the caller's transaction; also where there is none."""
    if not has_remains(name for (name,) in sqlite.rows(conn, "SELECT name FROM main.sqlite_schema")):
        return
    capture.remove(conn, log=LOG)
    # Virtual tables first: they take their shadow tables along.
    for name in _lying(conn):
        kept.drop(conn, name)


def let_go(conn: apsw.Connection) -> None:
    """End the way back at once, inside the caller's transaction; its tables stay, as ``garbage``."""
    if conn.table_exists("main", LOG):
        capture.remove_triggers(conn, log=LOG)
        last = versions.latest(conn)
        number = last.version if last else 0
        conn.execute(f"ALTER TABLE main.{LOG} RENAME TO {quote(f'{PREFIX}{number}_log')}")


def garbage(conn: apsw.Connection) -> tuple[str, ...]:
    """The tables that lie in the file for a way back which it has no more."""
    needed = {back.kept.kept_as for back in read(conn) or () if back.kept is not None}
    # The shadow tables of a virtual table look like any others where its module is not loaded.
    owned = tuple(f"{name}_" for name in needed)
    return tuple(name for name in _lying(conn) if name not in needed and not name.startswith(owned))


def _lying(conn: apsw.Connection) -> list[str]:
    found = sqlite.rows(
        conn,
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') "
        "AND substr(name, 1, ?) = ? ORDER BY type DESC",
        (len(PREFIX), PREFIX),
    )
    return [name for (name,) in found]


def has_remains(own: Iterable[str]) -> bool:
    """Whether any of the engine's own objects in a file is, or was, part of a way back."""
    return any(name.startswith((LOG, PREFIX)) for name in own)


@derived
def _usual_text(plan: Plan, kept: tuple[Kept, ...]) -> str:
    """The way back of a file without orphans, which is that of many."""
    return _text(plan, kept, {})


def _text(plan: Plan, kept: Sequence[Kept], orphans: Orphans) -> str:
    by_name = {fold(table.name): table for table in kept}
    tables = [_entry(action, by_name) for action in plan.tables]
    tables += [_virtual_entry(action, by_name) for action in plan.virtual]
    lost = [(tie.table, tie.columns, tie.parent, rowids) for tie, rowids in orphans.items()]
    return json.dumps({"tables": tables, "orphans": lost})


def _entry(action: TableAction, kept: Mapping[str, Kept]) -> dict[str, object]:
    return {
        **_names(action, kept),
        "way": action.way,
        "columns": dict(action.columns),
        "fills": dict(action.fills),
    }


def _virtual_entry(action: VirtualAction, kept: Mapping[str, Kept]) -> dict[str, object]:
    entry = {**_names(action, kept), "way": f"{_VIRTUAL}{action.way}"}
    return entry | {"old_name": entry["new_name"]} if action.way == "reindex" else entry


def _names(action: TableAction | VirtualAction, kept: Mapping[str, Kept]) -> dict[str, object]:
    """What a table was called and is called, and the old one that is kept."""
    old_name = action.old.name if action.old else None
    away = kept.get(fold(old_name)) if old_name is not None else None
    return {
        "old_name": old_name,
        "new_name": action.new.name if action.new else None,
        "kept": dataclasses.asdict(away) if away else None,
    }


def _return(entry: dict[str, Any]) -> Return:
    away = entry.pop("kept")
    return Return(**entry, kept=Kept(**away) if away else None)


@derived
def _shapes(plan: Plan) -> list[TableShape]:
    """The tables whose writes are noted: those that are merged, and those that feed a virtual table."""
    found = {fold(a.name): shape for a in plan.going("rebuild") if (shape := _noted(a)) is not None}
    rebuilt = {fold(action.name) for action in plan.going("rebuild")}
    for table in _feeding(plan):
        shape = _followed(table) if fold(table.name) not in rebuilt else None
        if shape is not None:
            found[fold(table.name)] = shape
    return list(found.values())


def _feeding(plan: Plan) -> list[Table]:
    """The tables as they are now whose writes virtual tables showed that are out of the way."""
    now = {fold(a.old.name): a.new.name if a.new else "" for a in plan.tables if a.old is not None}
    away = [action.old for action in plan.virtual if action.old is not None]
    names = [now.get(fold(name), name) for table in away for name in feeders(table, plan.old)]
    return [table for table in map(plan.new.table, names) if table is not None]


def _noted(action: TableAction) -> TableShape | None:
    """The table as the log sees it: its rows named by what the old table knows too.

    None where triggers cannot see every change; the way back then compares all rows.
    """
    if action.new is None or action.carry is None or not action.carry.match:
        return None
    return _followed(action.new, key=[name for name, _ in action.carry.match])


def _followed(table: Table, *, key: Sequence[str] = ()) -> TableShape | None:
    """A table as the log sees it; None where triggers cannot see every change."""
    try:
        shape = shape_of(table, key=key)
    except Unsupported:
        return None
    return shape if capture.can_follow(shape, log=LOG) else None


def touched(conn: apsw.Connection, table: str) -> int | None:
    """How many rows of a table were written since; None where nothing notes it."""
    if fold(table) not in noted(conn):
        return None
    query = f"SELECT count(*) FROM (SELECT DISTINCT {{}} FROM main.{LOG} WHERE tbl = ?)"
    keys = [n for (n,) in sqlite.rows(conn, "SELECT name FROM pragma_table_info(?, 'main')", (LOG,))][2:]
    return int(sqlite.value(conn, query.format(", ".join(keys)), (table,)))


def noted(conn: apsw.Connection) -> set[str]:
    """The folded names of the tables whose writes are noted."""
    prefix = f"{LOG}_"
    found = sqlite.rows(
        conn,
        "SELECT DISTINCT tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND substr(name, 1, ?) = ?",
        (len(prefix), prefix),
    )
    return {fold(name) for (name,) in found}
