"""Writes made since a change, brought back into the old table.

Of each row that was touched the old table gets what the new one holds now; columns that only the old schema
knows keep the old row's value, and so do columns that nobody changed: a cast is undone, not cast back. What
the old table cannot hold shows by the way forward: a merged row that does not come out as the row of now has
lost something.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.changes.carry import key_columns
from migrations_engine.checks import forming
from migrations_engine.ddl import sqlite as ddl
from migrations_engine.execution.kept import has_index
from migrations_engine.model import Column, Table, fold, quote
from migrations_engine.normalize import defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migrations_engine.changes.carry import Carry

_TOUCHED = "temp._tenantdb_touched"
_MERGED = "temp._tenantdb_merged"
_IN_OLD = "_tenantdb_in_old"
"""Marks a merged row that was in the old table."""

_N = "_tenantdb_n"
"""Numbers the merged rows; among their columns there may be one that is called rowid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One table's way back.

    Attributes:
        old: The definition of before.
        new: The definition of now; the table stands under its own name.
        kept_as: Where the old table is.
        carry: How its rows came across.
        columns: Folded new column -> old column, of those that stayed.
    """

    old: Table
    new: Table
    kept_as: str
    carry: Carry
    columns: dict[str, str]


def merge(conn: apsw.Connection, work: Merge, *, log: str | None, say: Callable[[int], object]) -> list[str]:
    """Bring the writes since into the kept table, inside the caller's transaction.

    Args:
        conn: The file.
        work: The table.
        log: The change log with the keys that were touched; None where there is none: all rows count then.
        say: Told for how many rows that is done.

    Returns:
        What the old table cannot hold, one sentence each; it is left out.
    """
    if not work.carry.match:
        return _without_key(conn, work)
    with _touched(conn, work, log) as count:
        if not count:
            return []
        with _merged(conn, work):
            say(count // 3)
            with _old_unique_indexes(conn, work):
                _replace(conn, work)
        say(2 * count // 3)
        losses = _losses(conn, work)
        say(count)
        return losses


@contextlib.contextmanager
def _touched(conn: apsw.Connection, work: Merge, log: str | None) -> Iterator[int]:
    """Hold the keys of the rows that were touched for the block; gives their number."""
    keys = _numbered(len(work.carry.match))
    bindings: list[str] = []
    if log is not None:
        source = f"SELECT DISTINCT {keys} FROM main.{log} WHERE tbl = ?"
        bindings.append(work.new.name)
    else:
        ours, theirs = (", ".join(map(quote, names)) for names in zip(*work.carry.match, strict=True))
        now, before = quote(work.new.name), quote(work.kept_as)
        source = f"SELECT {ours} FROM main.{now} UNION SELECT {theirs} FROM main.{before}"
    with _temporary(conn, _TOUCHED, keys):
        conn.execute(f"INSERT INTO {_TOUCHED} {source}", bindings)
        yield int(sqlite.value(conn, f"SELECT count(*) FROM {_TOUCHED}"))


@contextlib.contextmanager
def _merged(conn: apsw.Connection, work: Merge) -> Iterator[None]:
    """Hold the rows that the old table is to get for the block."""
    columns = _stored(work.old)
    names = ", ".join([f"{_N} INTEGER PRIMARY KEY", *(quote(name) for name in columns), _IN_OLD])
    with (
        _formed(conn, work, name="_tenantdb_before") as before,
        _temporary(conn, _MERGED, names),
    ):
        values = ", ".join(["NULL", *(_value(work, name) for name in columns), _was_there(work)])
        conn.execute(
            f"INSERT INTO {_MERGED} SELECT {values} FROM {_TOUCHED} AS t "
            f"JOIN main.{quote(work.new.name)} AS n ON {_on_touched(work, 'n', new=True)} "
            f"{_with_old(work, before)}"
        )
        yield


def _value(work: Merge, name: str) -> str:
    """What a merged row has in one column of the old table, or in its rowid."""
    there = _was_there(work)
    column = work.old.column(name)
    if column is None:
        ours = next((new for new, old in work.carry.match if old == name), None)
        fresh = "NULL" if ours is None else f"n.{quote(ours)}"
        return f"CASE WHEN {there} THEN o.{quote(name)} ELSE {fresh} END"
    ours = next((c.name for c in work.new.columns if _was(work, c) == fold(name)), None)
    if ours is None:
        return f"CASE WHEN {there} THEN o.{quote(name)} ELSE {defaults.value(column.default)} END"
    same = _same(f"n.{quote(ours)}", f"f.{quote(ours)}")
    return f"CASE WHEN {there} AND {same} THEN o.{quote(name)} ELSE n.{quote(ours)} END"


def _was_there(work: Merge) -> str:
    """Whether the old table had the row; a key that finds rows is never NULL."""
    return f"o.{quote(work.carry.match[0][1])} IS NOT NULL"


def _replace(conn: apsw.Connection, work: Merge) -> None:
    """Put the merged rows in place of the touched ones, those that the old rules refuse excepted."""
    names = ", ".join(quote(name) for name in _stored(work.old))
    kept = f"main.{quote(work.kept_as)}"
    touched = _is_touched(work, new=False)
    with _temporary(conn, "temp._tenantdb_gone", names):
        conn.execute(f"INSERT INTO temp._tenantdb_gone SELECT {names} FROM {kept} WHERE {touched}")
        conn.execute(f"DELETE FROM {kept} WHERE {touched}")
        insert = f"INSERT OR ABORT INTO {kept} ({names}) SELECT {names} FROM {_MERGED}"
        if _accepted(conn, insert):
            return
        refused = [
            number
            for (number,) in sqlite.rows(conn, f"SELECT {_N} FROM {_MERGED}")
            if not _accepted(conn, f"{insert} WHERE {_N} = {number}")
        ]
        _restore(conn, work, kept, names, refused)


def _restore(conn: apsw.Connection, work: Merge, kept: str, names: str, refused: list[int]) -> None:
    """Give the rows back that were there before, where their newer form was refused."""
    keys = ", ".join(quote(old) for _, old in work.carry.match)
    conn.execute(f"CREATE INDEX temp._tenantdb_gone_keys ON _tenantdb_gone ({keys})")
    for number in refused:
        row = f"SELECT {keys} FROM {_MERGED} WHERE {_N} = {number} AND {_IN_OLD}"
        before = f"SELECT {names} FROM temp._tenantdb_gone WHERE ({keys}) IN ({row})"
        _accepted(conn, f"INSERT OR ABORT INTO {kept} ({names}) {before}")


def _accepted(conn: apsw.Connection, statement: str) -> bool:
    """Run a statement unless a rule refuses a row of it."""
    conn.execute("SAVEPOINT merge")
    try:
        conn.execute(statement)
    except (apsw.ConstraintError, apsw.MismatchError):
        conn.execute("ROLLBACK TO merge")
        return False
    finally:
        conn.execute("RELEASE merge")
    return True


@contextlib.contextmanager
def _old_unique_indexes(conn: apsw.Connection, work: Merge) -> Iterator[None]:
    """Let the old table's unique indexes stand for the block: they are rules too; they come again later."""
    made = []
    unique = [index for index in work.old.indexes if index.unique]
    missing = [index for index in unique if not has_index(conn, work.kept_as, index)]
    for number, index in enumerate(missing):
        name = f"{work.kept_as}_u{number}"
        conn.execute(ddl.create_index(index, name=name, table=work.kept_as))
        made.append(name)
    yield
    for name in made:
        conn.execute(f"DROP INDEX main.{quote(name)}")


def _losses(conn: apsw.Connection, work: Merge) -> list[str]:
    """Compare the merged rows, brought forward again, with the rows of now."""
    new = work.new
    with _formed(conn, work, name="_tenantdb_after") as after:
        rows = (
            f"FROM {_TOUCHED} AS t JOIN main.{quote(new.name)} AS n ON {_on_touched(work, 'n', new=True)} "
            f"{_with_old(work, after)}"
        )
        missing = f"f.{forming.KEY}0 IS NULL"
        found = _loss(conn, work, rows, missing, f"{new.name}: {{}} that the older schema refuses")
        for column in new.columns:
            if column.generated is None:
                name = quote(column.name)
                differs = f"NOT ({missing}) AND NOT ({_same(f'n.{name}', f'f.{name}')})"
                words = f"{new.name}.{column.name}: {{}} with values that the older schema cannot hold"
                found += _loss(conn, work, rows, differs, words)
    return found


def _loss(conn: apsw.Connection, work: Merge, rows: str, condition: str, words: str) -> list[str]:
    keys = ", ".join(f"n.{quote(name)}" for name in (key_columns(work.new) or [work.carry.match[0][0]]))
    count = int(sqlite.value(conn, f"SELECT count(*) {rows} WHERE {condition}"))
    if not count:
        return []
    sample = sqlite.rows(conn, f"SELECT {keys} {rows} WHERE {condition} LIMIT 5")
    shown = ", ".join(repr(row[0] if len(row) == 1 else row) for row in sample)
    return [f"{words.format('1 row' if count == 1 else f'{count} rows')} (keys {shown})"]


def _without_key(conn: apsw.Connection, work: Merge) -> list[str]:
    """Where nothing tells which row was which, any write since is lost; values tell if there was one."""
    old = ", ".join(f"{quote(name)} COLLATE BINARY" for _, name in work.carry.exact) or "1"
    new = ", ".join(f"{quote(name)} COLLATE BINARY" for name, _ in work.carry.exact) or "1"
    before = f"SELECT {old}, count(*) FROM main.{quote(work.kept_as)} GROUP BY {old}"
    now = f"SELECT {new}, count(*) FROM main.{quote(work.new.name)} GROUP BY {new}"
    changed = sqlite.value(conn, f"SELECT EXISTS ({before} EXCEPT {now}) OR EXISTS ({now} EXCEPT {before})")
    if not changed:
        return []
    return [f"{work.new.name}: all writes since, because the older schema names its rows by another key"]


@contextlib.contextmanager
def _formed(conn: apsw.Connection, work: Merge, *, name: str) -> Iterator[str]:
    """Hold the touched rows of the old table in their new form for the block."""
    keys = [old for _, old in work.carry.match]
    where = f" WHERE {_is_touched(work, new=False)}"
    with forming.formed(
        conn, work.new, carried=work.carry, source=work.kept_as, keys=keys, where=where, name=name
    ) as place:
        # SQLite makes none of its own for a comparison in which it may have to turn text into numbers.
        conn.execute(f"CREATE INDEX temp.{name}_keys ON {name} ({', '.join(forming.key_names(keys))})")
        yield place


@contextlib.contextmanager
def _temporary(conn: apsw.Connection, name: str, columns: str) -> Iterator[None]:
    conn.execute(f"DROP TABLE IF EXISTS {name}")
    conn.execute(f"CREATE TABLE {name} ({columns})")
    yield
    conn.execute(f"DROP TABLE {name}")


def _stored(table: Table) -> list[str]:
    """The columns that a row brings along, its rowid included where no column is it."""
    names = [column.name for column in table.columns if column.generated is None]
    rowid = key_columns(table) if not table.without_rowid else ()
    return [*names, *(name for name in rowid if table.column(name) is None)]


def _was(work: Merge, column: Column) -> str | None:
    before = work.columns.get(fold(column.name))
    return None if before is None else fold(before)


def _same(left: str, right: str) -> str:
    """Equal in storage class and in every byte."""
    return f"({left} COLLATE BINARY IS {right} AND typeof({left}) = typeof({right}))"


def _on_touched(work: Merge, row: str, *, new: bool) -> str:
    names = [ours if new else theirs for ours, theirs in work.carry.match]
    return " AND ".join(f"{row}.{quote(name)} = t.k{number}" for number, name in enumerate(names))


def _is_touched(work: Merge, *, new: bool) -> str:
    names = ", ".join(quote(ours if new else theirs) for ours, theirs in work.carry.match)
    return f"({names}) IN (SELECT {_numbered(len(work.carry.match))} FROM {_TOUCHED})"


def _with_old(work: Merge, formed: str) -> str:
    """Joins the old row of a touched one, and that row's form.

    Both keys are the same value of the old table. The plus keeps it as it is: only so does the index serve.
    """
    keys = " AND ".join(
        f"f.{forming.KEY}{n} = +o.{quote(old)}" for n, (_, old) in enumerate(work.carry.match)
    )
    return (
        f"LEFT JOIN main.{quote(work.kept_as)} AS o ON {_on_touched(work, 'o', new=False)} "
        f"LEFT JOIN {formed} AS f ON {keys}"
    )


def _numbered(count: int) -> str:
    return ", ".join(f"k{number}" for number in range(count))
