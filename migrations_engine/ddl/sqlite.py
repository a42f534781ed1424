"""A schema as the SQL statements that build it in SQLite, in their authors' words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.ddl.definitions import arrange, columns, table_clauses
from migrations_engine.model import fold, quote

if TYPE_CHECKING:
    from migrations_engine.model import Column, Index, Objects, Table


def statements(schema: Objects) -> list[str]:
    """All statements in the order in which they succeed: what others stand on comes first.

    Triggers come last and in the order of their names, because SQLite fires them in the order of creation.
    """
    return [
        *(create_table(table) for table in schema.tables),
        *(create_index(index) for table in schema.tables for index in table.indexes),
        *(virtual.sql for virtual in schema.virtual_tables),
        *(view.sql for view in schema.views),
        *(trigger.sql for trigger in sorted(schema.triggers, key=lambda trigger: fold(trigger.name))),
    ]


def create_table(table: Table, *, name: str | None = None) -> str:
    """The CREATE TABLE statement of a table, without its indexes.

    Args:
        table: The table.
        name: Another name to make it under, as a rebuild does; its own by default.
    """
    arrangement = arrange(table)
    lines = [
        (f"{quote(column.name)} {text}".rstrip(), column.comment) for column, text in arrangement.definitions
    ]
    lines += [(clause, None) for clause in table_clauses(arrangement)]
    last = len(lines) - 1
    body = "\n".join(_line(text + ("," if at < last else ""), note) for at, (text, note) in enumerate(lines))
    head = f"CREATE TABLE {quote(name or table.name)} {_note(table.comment)}("
    return f"{head}\n{body}\n){_options(table)}"


def column_definition(table: Table, column: Column) -> str:
    """A column with its name and all that stands behind it, as ALTER TABLE ADD COLUMN takes it."""
    text = next(text for each, text in arrange(table).definitions if each.name == column.name)
    return f"{quote(column.name)} {text}".rstrip()


def create_index(index: Index, *, name: str | None = None, table: str | None = None) -> str:
    """The CREATE INDEX statement of an index.

    Args:
        index: The index.
        name: Another name to make it under; its own by default.
        table: Another table to make it on; its own by default.
    """
    unique = "UNIQUE " if index.unique else ""
    where = f" WHERE {index.where}" if index.where else ""
    head = f"CREATE {unique}INDEX {quote(name or index.name)} ON {quote(table or index.table)}"
    return f"{head} ({columns(index.columns)}){where}"


def _options(table: Table) -> str:
    """What stands behind the closing parenthesis."""
    options = ["WITHOUT ROWID"] * table.without_rowid + ["STRICT"] * table.strict
    return " " + ", ".join(options) if options else ""


def _line(text: str, comment: str | None) -> str:
    """One definition on its line: a short comment behind it, a long one above it."""
    if not comment:
        return f"  {text}"
    if "\n" in comment:
        return f"{_note(comment, indent='  ')}  {text}"
    return f"  {text} -- {comment}"


def _note(comment: str | None, *, indent: str = "") -> str:
    """A comment as lines of their own."""
    if not comment:
        return ""
    return "".join(f"{indent}-- {line}\n" for line in comment.split("\n"))
