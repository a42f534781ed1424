"""One version back: old tables come back under their names, with the writes made since.

merge     writes since go into the old tables that are kept; what does not fit is listed
clear     the new tables go, or out of the way; what was altered in place is altered back
return    the kept tables take their names again; then indexes, views and triggers of before
orphans   rows that lost their parents to writes made since are listed too
reindex   full-text indexes of tables that other rows came back to
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from migrations_engine import sqlite, versions
from migrations_engine.changes import carry
from migrations_engine.checks import references
from migrations_engine.errors import NoWayBack, WayBackLossy
from migrations_engine.execution import execute, kept, statistics, virtual, virtual_return, wayback
from migrations_engine.execution.compiling import compiled
from migrations_engine.execution.merge import Merge, merge
from migrations_engine.execution.relabel import relabel
from migrations_engine.execution.virtual_return import Away
from migrations_engine.introspection import introspect
from migrations_engine.model import Hints, Table, VirtualTable, fold, quote
from migrations_engine.normalize import defaults
from migrations_engine.progress import Progress, unwatched
from migrations_engine.schema import Schema
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import apsw

    from migrations_engine.checks.references import Orphans
    from migrations_engine.execution.statistics import Statistics
    from migrations_engine.execution.wayback import Return
    from migrations_engine.progress import Watch
    from migrations_engine.versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The version that is there again, and what of the writes made since it could not hold."""

    version: Version
    losses: tuple[str, ...]


def roll_back_in(
    conn: apsw.Connection,
    *,
    discard_since: bool = False,
    aside: bool = False,
    after_ddl: Callable[[apsw.Connection], None] | None = None,
    watch: Watch = unwatched,
) -> Restored:
    """Go one version back inside the caller's transaction, on a connection that is ``execute.prepared``.

    Args:
        conn: The file, with its write lock held.
        discard_since: Leave out what the older schema cannot hold.
        aside: Leave the new tables in the file as ``wayback.garbage``: to drop big ones takes long.
        after_ddl: Called once all objects are there, to make guards complete.
        watch: Told how many of the rows written since are brought back.

    Raises:
        NoWayBack: The file has no earlier version, or what it would need is not kept.
        WayBackLossy: The older schema cannot hold everything; the caller has to roll its transaction back.
    """
    work = _Return(conn)
    losses = [*work.created(), *work.appended(), *work.unfed(), *work.merged(watch)]
    before = work.orphans()
    known = work.statistics()
    work.clear(aside=aside)
    work.bring_back()
    known.bring_across(conn)
    losses += work.orphaned(before)
    if losses and not discard_since:
        raise WayBackLossy(losses)
    work.reindex(lossy=bool(losses))
    end_way_back = wayback.let_go if aside else wayback.drop
    end_way_back(conn)
    if after_ddl is not None:
        after_ddl(conn)
    return Restored(version=work.target, losses=tuple(losses))


class _Return:
    """The way back of one file."""

    def __init__(self, conn: apsw.Connection) -> None:
        self._conn = conn
        history = versions.history(conn)
        returns = wayback.read(conn)
        if returns is None or len(history) < 2:
            raise NoWayBack(_no_way(history))
        self.target = history[-2]
        self._old, self._new = self.target.schema, history[-1].schema
        if introspect(conn).hash != self._new.hash:
            raise NoWayBack(
                f"the structure was changed by other means since version {history[-1].version}: "
                "apply the wanted schema instead"
            )
        self._returns = tuple(back for back in returns if not back.is_virtual)
        self._away = tuple(self._kept_virtual(back) for back in returns if back.is_virtual and back.kept)
        again = {fold(back.old_name or "") for back in returns if back.way == wayback.REINDEX}
        # Now: the log that tells it goes with the tables that it stands on.
        self._stale = again | {fold(t.old.name) for t in self._away if self._is_stale(t.old)}

    def created(self) -> list[str]:
        """What is lost with the tables that the change made."""
        names = [back.new_name or "" for back in self._going("create")]
        counts = {n: int(sqlite.value(self._conn, f"SELECT count(*) FROM main.{quote(n)}")) for n in names}
        counts |= {table.name: virtual.count(self._conn, table, table.name) for table in self._new_virtual()}
        words = "of a table that the older schema does not have"
        return [f"{name}: {_rows(rows)} {words}" for name, rows in counts.items() if rows]

    def appended(self) -> list[str]:
        """What is lost with the columns that were appended in place: values other than their default."""
        found = []
        for back in self._going("alter"):
            table = self._table(self._new, back.new_name)
            for column in table.columns:
                if fold(column.name) in back.columns or column.generated is not None:
                    continue
                rows = int(
                    sqlite.value(
                        self._conn,
                        f"SELECT count(*) FROM main.{quote(table.name)} "
                        f"WHERE {quote(column.name)} IS NOT {defaults.value(column.default)}",
                    )
                )
                if rows:
                    words = "with values that the older schema cannot hold"
                    found.append(f"{table.name}.{column.name}: {_rows(rows)} {words}")
        return found

    def merged(self, watch: Watch) -> list[str]:
        """Bring writes since into the kept tables; what they cannot hold."""
        tables = self._going("rebuild")
        written = [wayback.touched(self._conn, back.new_name or "") for back in tables]
        total, done = sum(filter(None, written)), 0
        found = []
        for back, rows in zip(tables, written, strict=True):
            work = self._merge(back)
            log = None if rows is None else wayback.LOG
            say = partial(_say_merged, watch, done=done, total=total)
            found += merge(self._conn, work, log=log, say=say)
            done += rows or 0
            if back.kept is not None and work.old.primary_key and work.old.primary_key.autoincrement:
                kept.raise_counter(self._conn, work.kept_as, kept.counter(self._conn, work.new.name))
        for table in self._away:
            found += virtual_return.merge(self._conn, table)
        return found

    def unfed(self) -> list[str]:
        """What is not in the virtual tables that were out of the way, because nothing put it there."""
        return [
            f"{table.old.name}: {_rows(rows)} of {feeder} written since are not in it"
            for table in self._away
            if not table.merges and definition(table.old).keeps
            for feeder in self._feeders(table.old)
            if (rows := wayback.touched(self._conn, feeder))
        ]

    def clear(self, *, aside: bool) -> None:
        """Drop what the change made and alter back what it altered; kept tables are not in the way yet."""
        rebuilt, created = self._going("rebuild"), self._going("create")
        if aside:
            self._put_aside(rebuilt)
        names = [back.new_name or "" for back in (*(() if aside else rebuilt), *created)]
        names = [*(table.name for table in self._new_virtual()), *names]
        for name in (*(table.new.name for table in self._away if table.new is not None), *names):
            self._conn.execute(f"DROP TABLE main.{quote(name)}")
        altered = {fold(back.old_name or ""): back for back in self._going("alter")}
        away = {fold(back.kept.name) for back in self._returns if back.kept is not None}
        away |= {fold(table.old.name) for table in self._away}
        tables = [t for t in self._old.tables if fold(t.name) not in away]
        self._become(
            Schema(
                tables=tuple(_hinted(table, altered.get(fold(table.name))) for table in tables),
                virtual_tables=tuple(t for t in self._old.virtual_tables if fold(t.name) not in away),
            )
        )

    def bring_back(self) -> None:
        """Give the kept tables their names again, then make what stands on them."""
        for back in self._returns:
            if back.kept is not None:
                kept.bring_back(self._conn, back.kept)
        for table in self._away:
            virtual.bring_back(self._conn, table.old, table.kept_as)
        self._become(self._old)

    def reindex(self, *, lossy: bool) -> None:
        """Index again what other rows came back to than an index was made of.

        Args:
            lossy: Rows were left out, of which no trigger told an index.
        """
        for table in self._old.virtual_tables:
            if definition(table).content == "external" and (lossy or fold(table.name) in self._stale):
                virtual.reindex(self._conn, table)

    def orphans(self) -> Orphans:
        """Rows without parents as the file is now, under the older schema's names."""
        found = wayback.orphans(self._conn)
        found |= references.orphans(self._conn, (table.name for table in self._new.tables))
        stays = [back for back in self._returns if back.old_name is not None and back.new_name is not None]
        return references.translated(
            found,
            tables={fold(back.new_name or ""): back.old_name or "" for back in stays},
            columns={fold(back.new_name or ""): dict(back.columns) for back in stays},
        )

    def statistics(self) -> Statistics:
        """What ANALYZE knows of the tables that take the place of kept ones."""
        return statistics.remember(
            self._conn,
            (
                statistics.Moved(before=back.new_name, after=back.old_name, columns=back.columns)
                for back in self._going("rebuild")
                if back.new_name is not None and back.old_name is not None
            ),
        )

    def orphaned(self, before: Orphans) -> list[str]:
        """Remove the rows whose parents were deleted since, parents first; what they were."""
        found: list[str] = []
        while misfits := references.newly_lost(before, after := self._orphans_of_old()):
            found += [f"{m.table}: {_rows(m.count)} without parents ({m.rule})" for m in misfits]
            if not references.remove(self._conn, before, after):
                break
        return found

    def _put_aside(self, rebuilt: Iterable[Return]) -> None:
        """Give the new tables names of the engine's, as they lie."""
        labels = []
        for back in rebuilt:
            if back.kept is not None:
                table = self._table(self._new, back.new_name)
                _, label = kept.away(self._conn, table, f"{back.kept.kept_as}_new")
                labels.append(label)
        relabel(self._conn, labels)

    def _kept_virtual(self, back: Return) -> Away:
        old, new = (
            next((t for t in schema.virtual_tables if fold(t.name) == fold(name or "")), None)
            for schema, name in ((self._old, back.old_name), (self._new, back.new_name))
        )
        if old is None or back.kept is None:
            raise NoWayBack(f"the record of the way back names the unknown table {back.old_name}")
        return Away(old=old, new=new, kept_as=back.kept.kept_as)

    def _is_stale(self, table: VirtualTable) -> bool:
        """Whether what a kept index reads was written since, or may have been."""
        source = definition(table).source or ""
        if self._old.table(source) is None:
            return any(fold(view.name) == fold(source) for view in self._old.views)
        return any(wayback.touched(self._conn, feeder) != 0 for feeder in self._feeders(table))

    def _feeders(self, table: VirtualTable) -> list[str]:
        """What the tables are called now that fed a virtual table; those that the change dropped did not."""
        now = {fold(b.old_name): b.new_name for b in self._returns if b.old_name}
        names = (now.get(fold(name), name) for name in virtual_return.feeders(table, self._old))
        return [name for name in names if name is not None]

    def _new_virtual(self) -> list[VirtualTable]:
        known = {fold(table.name) for table in self._old.virtual_tables}
        return [table for table in self._new.virtual_tables if fold(table.name) not in known]

    def _orphans_of_old(self) -> Orphans:
        return references.orphans(self._conn, (table.name for table in self._old.tables))

    def _become(self, wanted: Schema) -> None:
        plan = compiled(introspect(self._conn), wanted, back=True)
        execute.change_in(self._conn, plan)

    def _merge(self, back: Return) -> Merge:
        old, new = self._table(self._old, back.old_name), self._table(self._new, back.new_name)
        way = carry.between(old, new, columns=back.columns, fills=back.fills)
        kept_as = back.kept.kept_as if back.kept else ""
        return Merge(old=old, new=new, kept_as=kept_as, carry=way, columns=dict(back.columns))

    def _going(self, way: str) -> list[Return]:
        return [back for back in self._returns if back.way == way]

    def _table(self, schema: Schema, name: str | None) -> Table:
        table = schema.table(name or "")
        if table is None:
            raise NoWayBack(f"the record of the way back names the unknown table {name}")
        return table


def _hinted(table: Table, back: Return | None) -> Table:
    """A table with the hints that lead from its altered form back to it."""
    if back is None:
        return replace(table, hints=Hints())
    names = {fold(before): after for after, before in back.columns.items()}
    renames = {c.name: names[fold(c.name)] for c in table.columns if fold(c.name) in names}
    return replace(table, hints=Hints(renamed_from=back.new_name, renames=renames))


def _say_merged(watch: Watch, rows: int, *, done: int, total: int) -> None:
    watch(Progress(phase="merge", rows=done + rows, total=total, bytes=0))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _no_way(history: Sequence[Version]) -> str:
    if len(history) < 2:
        return "the file has no earlier version"
    reasons = {
        "used": "the last change was a rollback, and only one version back is kept",
        "dropped": "what was kept for the way back has been cleaned up",
    }
    return reasons.get(history[-1].way_back, "nothing is kept for the way back of the last change")
