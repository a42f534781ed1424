"""A fresh file: the new schema, and every row of the old file written into it, where most would be anyway.

A copy of all pages is the better beginning while few tables change. But what is rebuilt inside of a copy is
written twice, to the log and to the file, and leaves its old pages behind.

structure   the old schema without its rows, the engine's own tables, counters, what ANALYZE knew; in that
            the plan is carried out, which proves where it leads; then the file is made its owner's
rows        of each table in the order of their keys, with no index to keep up, from one snapshot
indexes     after the rows, which halves the work; then what is known of them, and triggers last of all
references  more rows without parents than before are refused

At no moment does the file take a write of anybody else: whoever makes it may die at any time.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import apsw

from migrations_engine import sqlite
from migrations_engine.changes import carry
from migrations_engine.checks import references
from migrations_engine.errors import DataDoesNotFit, Unsupported
from migrations_engine.execution import execute, kept, statistics, wayback
from migrations_engine.model import fold, is_engine_name, quote
from migrations_engine.online import capture, copy, unwritable
from migrations_engine.online.link import linked
from migrations_engine.planning.ties import at_risk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from migrations_engine.changes.carry import Carry
    from migrations_engine.model import Table
    from migrations_engine.planning.plan import Plan

_PART = 0.6
"""How much of a file has to be rebuilt for rows to be quicker than pages.

Pages are copied seven times as fast as rows, but what is then rebuilt among them costs half as much again.
"""

_HEADER = ("page_size", "auto_vacuum", "user_version", "application_id")

_LEFT = (capture.LOG, wayback.LOG, kept.PREFIX)
"""Begin the names of what belongs to the file that is left: its change log, its way back."""

_COUNTERS = "sqlite_sequence"

_MADE = (_COUNTERS, *statistics.TABLES)
"""SQLite's own tables that can be made in a fresh file."""

_REFUSED = (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError)
"""What SQLite says of a value or a statement, not of the file or the disk."""

_STEPS = 1_000_000
"""Of SQLite's virtual machine, between two calls of the progress callback: some 20 ms."""

_OBJECTS = """SELECT type, name, tbl_name, sql FROM main.sqlite_schema
    WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_'
    ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 WHEN 'view' THEN 3 ELSE 4 END, rowid"""
"""In an order in which they can be made. Triggers stay in theirs: SQLite fires what was made last first."""


class _Object(NamedTuple):
    """One row of sqlite_schema."""

    kind: str
    name: str
    table: str
    sql: str


def is_quicker(conn: apsw.Connection, plan: Plan) -> bool:
    """Whether a fresh file is the quicker way to a new schema, and one at all.

    Args:
        conn: The old file, which is only read.
        plan: What is to be done, with its costs on that file.
    """
    if plan.old.virtual_tables or plan.new.virtual_tables:  # only pages have all that modules keep
        return False
    query = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) = 'sqlite_'"
    if any(name not in _MADE for (name,) in sqlite.rows(conn, query)):
        return False
    used = _used_pages(conn, "main") * int(sqlite.value(conn, "PRAGMA main.page_size"))
    return plan.strategy == "rebuild" and plan.bytes >= used * _PART


def rows(
    source: apsw.Connection,
    target: Path,
    plan: Plan,
    *,
    progress: Callable[[int, int], None] | None = None,
    own: Callable[[apsw.Connection], None] | None = None,
) -> copy.CopyReport:
    """Write the file of a plan's new schema, with all rows of a consistent snapshot of the old one.

    The counterpart of ``copy.pages`` with the plan carried out in what that leaves.

    Args:
        source: A connection to the old file, outside of any transaction.
        target: A file that the caller has created exclusively; what it holds is overwritten.
        plan: What the old file becomes; ``is_quicker`` says whether this is a way.
        progress: Told (pages written, of about how many) from time to time; what it raises ends the copy.
        own: Called with a connection to the new file, outside of any transaction, before anybody else may
            write; no row of the old schema's tables is in it yet.

    Raises:
        Unsupported: Something cannot be made here, or rows do not fit: a copy of all pages, with the plan in
            that, either can or says best what is wrong.
        MigrationError: The plan leads elsewhere.
    """
    began = time.monotonic()
    try:
        _make_structure(source, target, plan, own)
        with (
            sqlite.mapped_errors(target),
            unwritable.shut(target) as shut,
            contextlib.closing(sqlite.connect(target)) as conn,
        ):
            watermark = _fill(source, conn, plan, progress, shut)
            copy.settle(conn)
            return copy.report(conn, watermark=watermark, began=began)
    except (*_REFUSED, DataDoesNotFit) as error:
        raise Unsupported(f"a fresh file is not to be had: {error}", object_name="") from error


def _make_structure(
    source: apsw.Connection, target: Path, plan: Plan, own: Callable[[apsw.Connection], None] | None
) -> None:
    """Make the file of the new schema, with what belongs to the file as such, and have it owned."""

    def fill(conn: apsw.Connection) -> int:
        with execute.prepared(conn), sqlite.snapshot(source):
            conn.execute(f"PRAGMA encoding = '{sqlite.value(source, 'PRAGMA encoding')}'")
            for name in _HEADER:
                conn.execute(f"PRAGMA {name} = {sqlite.value(source, f'PRAGMA {name}')}").fetchall()
            with sqlite.immediate(conn):
                _make_old_structure(source, conn)
                execute.change_in(conn, plan)
        return 0

    os.truncate(target, 0)  # an attempt before this one may have left something
    copy.written(target, fill, own=own)


def _make_old_structure(source: apsw.Connection, conn: apsw.Connection) -> None:
    """The old schema, the engine's own rows, the counters, and what ANALYZE knew."""
    objects = [each for each in _objects(source) if not _is_left(each)]
    execute.run_all(conn, (each.sql for each in objects))
    statistics.make(conn, statistics.everything(source))
    for each in objects:
        if each.kind == "table" and is_engine_name(each.name):
            _insert(conn, each.name, sqlite.rows(source, f"SELECT * FROM main.{quote(each.name)}"))
    if conn.table_exists("main", _COUNTERS):
        there = {each.name for each in objects}
        counters = sqlite.rows(source, f"SELECT name, seq FROM main.{_COUNTERS}")
        _insert(conn, _COUNTERS, [row for row in counters if row[0] in there])


def _is_left(each: _Object) -> bool:
    """Whether an object stays behind: triggers of the engine are made in each file anew."""
    return each.name.startswith(_LEFT) or (each.kind == "trigger" and is_engine_name(each.name))


def _fill(
    source: apsw.Connection,
    conn: apsw.Connection,
    plan: Plan,
    progress: Callable[[int, int], None] | None,
    shut: Callable[[], None],
) -> int:
    """Write the rows, in one transaction that reads one snapshot; gives its watermark."""
    for setting in ("journal_mode = OFF", "synchronous = OFF"):  # a file that is not done is thrown away
        conn.execute(f"PRAGMA main.{setting}").fetchall()
    with execute.prepared(conn), linked(source, conn) as schema:
        work = _Rows(conn=conn, schema=schema, plan=plan, progress=_Progress(conn, progress))
        with work.progress.told(schema), sqlite.immediate(conn):
            shut()  # the guards are laid aside with all triggers, and pages are written as they come
            return work.write()


@dataclass(slots=True, kw_only=True)
class _Rows:
    """The rows of one fresh file; ``schema`` is the old file's name in its connection."""

    conn: apsw.Connection
    schema: str
    plan: Plan
    progress: _Progress

    def write(self) -> int:
        """All of them; gives the watermark of the snapshot that they are of."""
        watermark = self._watermark()
        known = statistics.everything(self.conn)
        objects = _objects(self.conn)
        triggers = self._laid_aside([each for each in objects if each.kind == "trigger"])
        indexes = self._laid_aside([each for each in objects if each.kind == "index"])
        for before, table, way in self._ways():
            self.conn.execute(way.insert(before.name, table.name, schema=self.schema))
            self.progress.tell()
        for sql in indexes:
            self.conn.execute(sql)
            self.progress.tell()
        statistics.make(self.conn, known)
        execute.run_all(self.conn, triggers)
        self._require_parents()
        return watermark

    def _watermark(self) -> int:
        if not self.conn.table_exists(self.schema, capture.LOG):
            return 0
        return capture.watermark(self.conn, schema=self.schema)

    def _laid_aside(self, objects: Sequence[_Object]) -> list[str]:
        """Drop some objects; gives the statements that make them again."""
        for each in objects:
            self.conn.execute(f"DROP {each.kind} main.{quote(each.name)}")
        return [each.sql for each in objects]

    def _ways(self) -> Iterator[tuple[Table, Table, Carry]]:
        """(old table, new table, how rows go from one into the other) of all tables that live on."""
        actions = {fold(action.new.name): action for action in self.plan.tables if action.new is not None}
        for table in self.plan.new.tables:
            action, before = actions.get(fold(table.name)), self.plan.old.table(table.name)
            if action is None and before is not None:
                columns = {fold(column.name): column.name for column in before.columns}
                yield before, table, carry.between(before, table, columns=columns, fills={})
            elif action is not None and action.old is not None and action.carry is not None:
                yield action.old, table, action.carry

    def _require_parents(self) -> None:
        before = references.before(self.conn, self.plan, schema=self.schema)
        after = references.orphans(self.conn, at_risk(self.plan).after)
        if misfits := references.newly_lost(before, after):
            raise DataDoesNotFit(misfits)


def _objects(conn: apsw.Connection) -> list[_Object]:
    return [_Object(*row) for row in sqlite.rows(conn, _OBJECTS)]


def _insert(conn: apsw.Connection, table: str, found: Sequence[tuple[object, ...]]) -> None:
    for row in found:
        conn.execute(f"INSERT INTO main.{quote(table)} VALUES ({', '.join('?' * len(row))})", row)


def _used_pages(conn: apsw.Connection, schema: str) -> int:
    """The pages of one of a connection's files that are not free."""
    pages, free = (sqlite.value(conn, f"PRAGMA {schema}.{of}") for of in ("page_count", "freelist_count"))
    return int(pages) - int(free)


class _Progress:
    """Tells how many pages are written, of about how many, also in the middle of a long statement."""

    def __init__(self, conn: apsw.Connection, tell: Callable[[int, int], None] | None) -> None:
        self._conn, self._tell = conn, tell
        self._done = self._total = 0

    @contextlib.contextmanager
    def told(self, schema: str) -> Iterator[None]:
        """Tell it while the block runs, in which ``schema`` is read."""
        self._total = _used_pages(self._conn, schema)
        self._conn.set_progress_handler(self._again, _STEPS)
        try:
            yield
        finally:
            self._conn.set_progress_handler(None)

    def tell(self) -> None:
        """Look how far it is, and tell."""
        self._done = min(int(sqlite.value(self._conn, "PRAGMA main.page_count")), self._total)
        self._again()

    def _again(self) -> bool:
        """Tell what was known last: the connection is in use. Going on is False."""
        if self._tell is not None:
            self._tell(self._done, self._total)
        return False
