"""Carrying a plan out inside one transaction: old tables out of the way, new ones beside them, rows across.

prelude     triggers, views and indexes that go
put away    what is rebuilt or dropped keeps its pages under one of the engine's names; virtual tables first
alter       what SQLite can do where the table lies
create      new tables under their own names
copy        rows, rowids and counters; then the proof that all of them are there
index       after the rows, which halves the work
virtual     new virtual tables, filled through their own interface
finale      indexes, views and triggers that come: last, so that no trigger fires for a copied row
reindex     full-text indexes of other tables, whose rows and views are all there now
statistics  what ANALYZE knew of tables and indexes that stay
references  more rows without parents than before are refused
proof       the structure that came out is the one that was wanted
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from migrations_engine.checks import misfits as checks
from migrations_engine.checks import references
from migrations_engine.checks.verification import CopyDiffers, verify
from migrations_engine.ddl import sqlite as ddl
from migrations_engine.errors import DataDoesNotFit, Fault, MigrationError, Misfit, SchemaError
from migrations_engine.execution import kept, statistics, virtual
from migrations_engine.introspection import introspect
from migrations_engine.model import fold
from migrations_engine.planning.ties import at_risk
from migrations_engine.recent import derived
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from migrations_engine.execution.kept import Kept
    from migrations_engine.model import Table
    from migrations_engine.planning.plan import Plan, TableAction, VirtualAction


class LostParents(DataDoesNotFit):
    """Rows lack their parents after a change that did not before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done.

    Attributes:
        rows: How many were copied.
        kept: The old tables that still lie in the file.
        orphans: The rows that lacked their parents before, by the foreign keys that are no more.
        verify_seconds: How long comparing the copied rows took.
    """

    rows: int
    kept: tuple[Kept, ...]
    orphans: references.Orphans = field(default_factory=dict)
    verify_seconds: float = 0.0


_SETTINGS = {apsw.SQLITE_DBCONFIG_ENABLE_FKEY: 0, apsw.SQLITE_DBCONFIG_LEGACY_ALTER_TABLE: 1}
"""With foreign keys on, a DROP TABLE would delete the rows of other tables (ON DELETE CASCADE)."""

_CACHE_KILOBYTES = 16_000
"""With SQLite's own 2 MB, a large table's pages are written out and read again while they are made."""


@contextlib.contextmanager
def prepared(conn: apsw.Connection, *, is_small: bool = False) -> Iterator[None]:
    """Set a connection up for a change, outside of any transaction, and set it back whatever happens.

    Args:
        conn: The connection.
        is_small: The file fits in SQLite's own cache as it is.

    Raises:
        MigrationError: It is inside a transaction, which began under other settings.
    """
    if conn.in_transaction:
        raise MigrationError("a schema cannot be changed inside a transaction that began before")
    before = {setting: conn.config(setting, -1) for setting in _SETTINGS}
    try:
        for setting, value in _SETTINGS.items():
            conn.config(setting, value)
        with contextlib.nullcontext() if is_small else _large_cache(conn):
            yield
    finally:
        for setting, value in before.items():
            conn.config(setting, value)


@contextlib.contextmanager
def _large_cache(conn: apsw.Connection) -> Iterator[None]:
    """Keep more pages in memory for the block."""
    before = conn.pragma("cache_size")
    conn.pragma("cache_size", -_CACHE_KILOBYTES)
    try:
        yield
    finally:
        conn.pragma("cache_size", before)


def change_in(
    conn: apsw.Connection,
    plan: Plan,
    *,
    version: int = 0,
    keep: bool = False,
    after_ddl: Callable[[apsw.Connection], None] | None = None,
) -> Outcome:
    """Carry a plan out inside the caller's transaction, on a ``prepared`` connection.

    Args:
        conn: The file, whose structure is ``plan.old``, with its write lock held.
        plan: What to do.
        version: Goes into the names of the tables that are kept.
        keep: Leave the old tables in the file as way back; else they are dropped.
        after_ddl: Called once all objects are there, to make guards complete.

    Raises:
        DataDoesNotFit: Rows that the new schema rejects; the caller's transaction has to be rolled back.
        MigrationError: The result is not what was wanted; the same.
    """
    work = _Work(conn=conn, plan=plan, version=version)
    try:
        work.run()
    except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError, CopyDiffers, LostParents) as error:
        # SQLError too: the statements are proved, so it is a value that an expression cannot take.
        raise DataDoesNotFit(work.misfits(error)) from error
    if not keep:
        work.drop_old()
    if after_ddl is not None:
        after_ddl(conn)
    prove(conn, plan)
    lasting = references.ruled_no_more(work.orphans, plan.new) if keep else {}
    away = tuple(work.away.values()) if keep else ()
    return Outcome(rows=work.rows, kept=away, orphans=lasting, verify_seconds=work.verify_seconds)


def prove_in(conn: apsw.Connection, plan: Plan) -> None:
    """Carry a plan out on an empty database, inside the caller's transaction, to see where it leads.

    Raises:
        apsw.Error: SQLite refuses one of its statements.
        MigrationError: The result is not what was wanted.
    """
    work = _Work(conn=conn, plan=plan, version=0)
    work.run()
    work.drop_old()
    prove(conn, plan)


def refuse_dangling(plan: Plan) -> None:
    """Refuse references whose table this very change drops; what dangled before may go on doing so.

    Raises:
        SchemaError: The new schema has such references.
    """
    dropped = {fold(action.name) for action in plan.going("drop")}
    if not dropped:
        return
    faults = [
        Fault(f"it refers to {key.parent}, which this change drops", table=table.name)
        for table in plan.new.tables
        for key in table.foreign_keys
        if fold(key.parent) in dropped and plan.new.table(key.parent) is None
    ]
    if faults:
        raise SchemaError(faults, source="the new schema")


def run_all(conn: apsw.Connection, statements: Iterable[str]) -> None:
    """Execute statements one after the other."""
    for statement in statements:
        conn.execute(statement)


def alter(conn: apsw.Connection, plan: Plan) -> None:
    """Alter the tables of a plan that can be altered where they lie."""
    if not plan.going("alter"):
        return
    # Here, and only here, SQLite is to rewrite what refers to a renamed table.
    conn.config(apsw.SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0)
    try:
        for action in plan.going("alter"):
            run_all(conn, action.statements)
    finally:
        conn.config(apsw.SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1)


def prove(conn: apsw.Connection, plan: Plan) -> None:
    """Make sure that the structure which came out is the one that was wanted.

    Raises:
        MigrationError: It is not; the caller has to roll back.
    """
    found = introspect(conn)
    if found.hash != plan.new.hash:
        raise MigrationError(
            f"the change led to schema {found.hash[:12]} instead of {plan.new.hash[:12]}; nothing was changed"
        )


@derived
def _creation(table: Table) -> str:
    return ddl.create_table(table)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One run of a plan; ``away`` has the old tables by folded name, virtual ones too.

    ``orphans`` has the rows that lacked their parents before.
    """

    conn: apsw.Connection
    plan: Plan
    version: int
    rows: int = 0
    verify_seconds: float = 0.0
    away: dict[str, Kept] = field(default_factory=dict)
    orphans: references.Orphans = field(default_factory=dict)

    def run(self) -> None:
        """All stages, in the order of the module's docstring."""
        virtual.require_fillable(self.conn, self.plan)
        self.orphans = references.before(self.conn, self.plan)
        known = statistics.remember(self.conn, statistics.moved(self.plan))
        self.conn.execute("SAVEPOINT change")
        run_all(self.conn, self.plan.prelude)
        self._put_away()
        alter(self.conn, self.plan)
        self._create()
        self._copy()
        self._index()
        self._fill_virtual()
        run_all(self.conn, self.plan.finale)
        self._reindex()
        known.bring_across(self.conn)
        self._check_references()
        self.conn.execute("RELEASE change")

    def misfits(self, error: Exception) -> list[Misfit]:
        """Which rows do not fit, found in the old tables; the error itself where nothing else explains it."""
        self.conn.execute("ROLLBACK TO change")
        told = error.misfits if isinstance(error, LostParents) else [checks.unexplained(error)]
        return checks.misfits(self.conn, self.plan) or told

    def drop_old(self) -> None:
        """Drop the old tables: nobody needs them as way back."""
        for old in self.away.values():
            kept.drop(self.conn, old.kept_as)

    def _put_away(self) -> None:
        for number, virtual_action in enumerate(self.plan.virtual, 1):
            old = virtual_action.old
            if old is not None:
                name = f"{kept.PREFIX}{self.version}_v{number}"
                self.away[fold(old.name)] = virtual.put_away(self.conn, old, name)
        for number, action in enumerate((*self.plan.going("rebuild"), *self.plan.going("drop")), 1):
            if action.old is not None:
                name = f"{kept.PREFIX}{self.version}_{number}"
                self.away[fold(action.old.name)] = kept.put_away(self.conn, action.old.name, name)

    def _create(self) -> None:
        for action in (*self.plan.going("rebuild"), *self.plan.going("create")):
            if action.new is not None:
                self.conn.execute(_creation(action.new))

    def _copy(self) -> None:
        for action in self.plan.going("rebuild"):
            old = self._old(action)
            if action.carry is not None and action.new is not None:
                self.conn.execute(action.carry.insert(old.kept_as, action.new.name))
                began = time.monotonic()
                self.rows += verify(self.conn, action.carry, old.kept_as, action.new.name)
                self.verify_seconds += time.monotonic() - began
                if action.new.primary_key is not None and action.new.primary_key.autoincrement:
                    kept.raise_counter(self.conn, action.new.name, old.sequence)

    def _index(self) -> None:
        for action in (*self.plan.going("rebuild"), *self.plan.going("create")):
            if action.new is not None:
                run_all(self.conn, (ddl.create_index(index) for index in action.new.indexes))

    def _fill_virtual(self) -> None:
        for action in self.plan.virtual:
            if action.way in ("create", "rebuild"):
                away = self.away.get(fold(action.old.name)) if action.old else None
                kept_as = away.kept_as if away else ""
                self.rows += virtual.make(self.conn, action, kept_as=kept_as, content=self._content(action))

    def _reindex(self) -> None:
        for action in self.plan.virtual:
            if action.new is not None and action.filling is not None and action.filling.source == "index":
                virtual.reindex(self.conn, action.new)

    def _content(self, action: VirtualAction) -> str | None:
        """Where the table is now that a virtual table had its content in."""
        source = definition(action.old).source if action.old else None
        if source is None:
            return None
        stays = (a.new.name for a in self.plan.tables if a.new and a.old and fold(a.old.name) == fold(source))
        away = self.away.get(fold(source))
        return next(stays, away.kept_as if away else source)

    def _old(self, action: TableAction) -> Kept:
        if action.old is None:
            raise LookupError(f"{action.name} is rebuilt from nothing")
        return self.away[fold(action.old.name)]

    def _check_references(self) -> None:
        after = references.orphans(self.conn, at_risk(self.plan).after)
        if misfits := references.newly_lost(self.orphans, after):
            raise LostParents(misfits)
