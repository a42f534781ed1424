"""Virtual tables in a change: the old one out of the way, the new one made and filled by its own interface.

Nobody but the module knows what its shadow tables mean, so they are never copied: rows are read from the old
table and written to the new one, both by name. A rename takes the shadow tables along, whose names the
module makes from the table's: a table that is kept is hidden with all that belongs to it. What comes back
from an R-tree goes in again as it is: coordinates are rounded outwards only where they are no 32-bit floats.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.changes import steps
from migrations_engine.checks.verification import CopyDiffers
from migrations_engine.errors import Unsupported
from migrations_engine.execution.kept import Kept
from migrations_engine.model import VirtualTable, fold, quote
from migrations_engine.sql.virtual import Definition, definition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.planning.plan import Plan, VirtualAction


@contextlib.contextmanager
def named(name: str, module: str) -> Iterator[None]:
    """Say which virtual table a module refuses something for; SQLite's words alone do not.

    Raises:
        Unsupported: It does: a tokenizer, a function or the module itself is not loaded here.
    """
    try:
        yield
    except apsw.SQLError as error:
        raise Unsupported(
            f"virtual table {name} ({module}): {error}. Nothing was changed. Load what it needs, or leave "
            "it as it is",
            object_name=name,
        ) from error


def require_modules(conn: apsw.Connection, plan: Plan) -> None:
    """Refuse a change of virtual tables whose modules a connection does not have; others are left alone.

    Raises:
        Unsupported: It names the table and the module.
    """
    known = {fold(name) for (name,) in sqlite.rows(conn, "SELECT name FROM pragma_module_list")}
    for table in _touched(plan):
        if table.module not in known:
            raise Unsupported(
                f"virtual table {table.name} is of the module {table.module}, which is not loaded here: it "
                "can stay as it is, but not be created, changed or dropped. Load the module, or leave this "
                "table as it is",
                object_name=table.name,
            )


def require_fillable(conn: apsw.Connection, plan: Plan) -> None:
    """Refuse a change of a virtual table whose content nothing can bring across, unless it has none.

    Raises:
        Unsupported: It names the table and says why.
    """
    for action in plan.virtual:
        if action.old is None or action.filling is None or not action.filling.only_empty:
            continue
        with named(action.old.name, action.old.module):
            empty = is_empty(conn, action.old, action.old.name)
        if not empty:
            raise Unsupported(
                f"virtual table {action.name} cannot be changed: {action.filling.only_empty}. Add the new "
                "one under another name, fill it, and drop this one in a later change",
                object_name=action.name,
            )


def declare(conn: apsw.Connection, table: VirtualTable) -> None:
    """Write the statement of a virtual table into the schema without running its module."""
    conn.execute("PRAGMA writable_schema = ON")
    try:
        conn.execute(
            "INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql) "
            "VALUES ('table', ?, ?, 0, ?)",
            (table.name, table.name, table.sql),
        )
    finally:
        conn.execute("PRAGMA writable_schema = RESET")


def put_away(conn: apsw.Connection, table: VirtualTable, kept_as: str) -> Kept:
    """Rename a virtual table and its shadow tables to engine's names, inside the caller's transaction."""
    with named(table.name, table.module):
        conn.execute(f"ALTER TABLE main.{quote(table.name)} RENAME TO {quote(kept_as)}")
    return Kept(name=table.name, kept_as=kept_as, sql=table.sql, sequence=None)


def bring_back(conn: apsw.Connection, table: VirtualTable, kept_as: str) -> None:
    """Give a kept virtual table its name again, inside the caller's transaction."""
    with named(table.name, table.module):
        conn.execute(f"ALTER TABLE main.{quote(kept_as)} RENAME TO {quote(table.name)}")


def make(conn: apsw.Connection, action: VirtualAction, *, kept_as: str, content: str | None) -> int:
    """Make a new virtual table and bring rows to it, except those that its content table gives.

    Args:
        conn: The file, inside the caller's transaction; all tables have their new form.
        action: What to make.
        kept_as: Where the old one is.
        content: Where the old one's content table is, for one that takes it over.

    Returns:
        How many rows it got.

    Raises:
        Unsupported: The module refuses it.
        CopyDiffers: Rows did not arrive as they were.
    """
    if action.new is None or action.filling is None:
        return 0
    with named(action.new.name, action.new.module):
        conn.execute(action.new.sql)
        new = definition(action.new)
        if action.old is None:
            return 0
        old = definition(action.old)
        if old.module == new.module == "fts5":
            _carry_settings(conn, kept_as, new.name)
        if action.filling.source == "content" and content is not None:
            return _take_over(conn, old, new, content)
        if action.filling.source == "rows":
            return _copy(conn, action, old, new, kept_as)
    return 0


def reindex(conn: apsw.Connection, table: VirtualTable) -> None:
    """Make an index of another table again from what that table has now, inside the caller's transaction.

    Raises:
        Unsupported: The content cannot be read, or its tokenizer is not loaded here.
    """
    with named(table.name, table.module):
        name = quote(table.name)
        conn.execute(f"INSERT INTO main.{name} ({name}) VALUES ('rebuild')")


def is_empty(conn: apsw.Connection, table: VirtualTable, name: str) -> bool:
    """Whether a virtual table holds nothing; a contentless one is asked for its index.

    Args:
        conn: The file.
        table: Its definition.
        name: What it is called now.
    """
    if definition(table).content != "contentless":
        return not sqlite.value(conn, f"SELECT EXISTS (SELECT 1 FROM main.{quote(name)})")
    # Where no document sizes are kept nothing lists the rows; segments show that there were some.
    segments = f"{name}_idx" if table.module == "fts5" else f"{name}_segdir"
    listed = f"{name}_docsize" if conn.table_exists("main", f"{name}_docsize") else segments
    return not sqlite.value(conn, f"SELECT EXISTS (SELECT 1 FROM main.{quote(listed)})")


def count(conn: apsw.Connection, table: VirtualTable, name: str) -> int:
    """How many rows a virtual table has of its own; what cannot be counted counts as one."""
    if not definition(table).keeps:
        return 0
    try:
        return int(sqlite.value(conn, f"SELECT count(*) FROM main.{quote(name)}"))
    except apsw.SQLError:
        with named(table.name, table.module):
            return 0 if is_empty(conn, table, name) else 1


def _touched(plan: Plan) -> Iterator[VirtualTable]:
    for step in plan.change.steps:
        if isinstance(step, (steps.AddVirtualTable, steps.DropVirtualTable)):
            yield step.table
        elif isinstance(step, steps.ChangeVirtualTable):
            yield from (step.before, step.after)


def _carry_settings(conn: apsw.Connection, source: str, target: str) -> None:
    """Set what an FTS5 table was told to remember: its ranking, how it merges."""
    name = quote(target)
    query = f"SELECT k, v FROM main.{quote(f'{source}_config')} WHERE k <> 'version'"
    for key, setting in sqlite.rows(conn, query):
        conn.execute(f"INSERT INTO main.{name} ({name}, rank) VALUES (?, ?)", (key, setting))


def _copy(conn: apsw.Connection, action: VirtualAction, old: Definition, new: Definition, source: str) -> int:
    pairs = action.filling.columns if action.filling else ()
    names = ", ".join(map(quote, (new.key, *(after for after, _ in pairs))))
    values = ", ".join((quote(old.key), *(_read(old, new, before, source) for _, before in pairs)))
    conn.execute(f"INSERT INTO main.{quote(new.name)} ({names}) SELECT {values} FROM main.{quote(source)}")
    return _verified(conn, old, new, pairs, source)


def _read(old: Definition, new: Definition, column: str, source: str) -> str:
    """A value of the old table; with its locale, where both tables keep one with each value."""
    if not (old.options.get("locale") == new.options.get("locale") == "1"):
        return quote(column)
    place = [fold(name) for name in old.columns].index(fold(column))
    return f"fts5_locale(fts5_get_locale({quote(source)}, {place}), {quote(column)})"


def _verified(
    conn: apsw.Connection, old: Definition, new: Definition, pairs: tuple[tuple[str, str], ...], source: str
) -> int:
    """Compare every value that was carried; how many rows there are."""
    rows = int(sqlite.value(conn, f"SELECT count(*) FROM main.{quote(source)}"))
    if new.content == "contentless":
        return rows  # nothing can be read back
    changed = [f"n.{quote(after)} COLLATE BINARY IS NOT o.{quote(before)}" for after, before in pairs]
    missing = f"n.{quote(new.key)} IS NULL"
    different = sqlite.value(
        conn,
        f"SELECT count(*) FROM main.{quote(source)} AS o LEFT JOIN main.{quote(new.name)} AS n "
        f"ON n.{quote(new.key)} = o.{quote(old.key)} WHERE {' OR '.join([missing, *changed])}",
    )
    if different:
        raise CopyDiffers(f"{new.name}: {different} rows differ after the copy; nothing was changed")
    return rows


def _take_over(conn: apsw.Connection, old: Definition, new: Definition, content: str) -> int:
    """Bring the rows of what was the content table, by the names of the columns."""
    query = "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1"
    there = {fold(name) for (name,) in sqlite.rows(conn, query, (content,))}
    columns = [name for name in new.columns if fold(name) in there]
    names = ", ".join(map(quote, (new.key, *columns)))
    values = ", ".join(map(quote, (old.source_key, *columns)))
    conn.execute(f"INSERT INTO main.{quote(new.name)} ({names}) SELECT {values} FROM main.{quote(content)}")
    return conn.changes()
