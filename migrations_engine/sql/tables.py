"""The grammar of CREATE TABLE."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from migrations_engine.model import Check, PrimaryKey, Table, Unique
from migrations_engine.sql import clauses, heads
from migrations_engine.sql.assembly import TableParts, assemble
from migrations_engine.sql.columns import read_column
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.lexer import Comment, comments, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLE_CONSTRAINTS: Final = frozenset(("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"))


def parse_table(sql: str) -> Table:
    """The table that a CREATE TABLE statement makes, without its indexes.

    Raises:
        Malformed: It is no single CREATE TABLE with a list of columns.
        Contradiction: Its parts make no table.
    """
    cursor = Cursor(sql)
    cursor.expect("CREATE")
    cursor.expect("TABLE")
    parts = TableParts(name=heads.object_name(cursor))
    body = _Body(parts, opens=cursor.position)
    cursor.expect("(")
    _columns(cursor, body)
    cursor.expect(")")
    _options(cursor, parts)
    cursor.finish()
    body.place(comments(sql), sql)
    return assemble(parts)


@dataclass(slots=True)
class _Body:
    """The parts of a table, and where each definition begins and ends."""

    parts: TableParts
    opens: int
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def place(self, found: Sequence[Comment], sql: str) -> None:
        """Give each comment to the table or to the column that it stands beside."""
        owned: dict[int | None, list[str]] = {}
        for comment in found:
            owner = self._owner(comment, sql)
            if owner is None or not self._in_expression(comment, sql):
                # What stands beside a constraint of the table is about the table.
                of_column = owner is not None and owner < len(self.parts.columns)
                owned.setdefault(owner if of_column else None, []).append(comment.text)
        for owner, notes in owned.items():
            text = "\n".join(filter(None, notes)) or None
            if owner is None:
                self.parts.comment = text
            else:
                self.parts.columns[owner] = self.parts.columns[owner].commented(text)

    def _owner(self, comment: Comment, sql: str) -> int | None:
        """The definition of a comment: the one before it on its line, else the next; None is the table."""
        if comment.start < self.opens:
            return None
        before = bisect_right(self.starts, comment.start) - 1
        if before < 0:
            return None if "\n" not in sql[self.opens : comment.start] else 0
        inside = comment.start < self.ends[before]
        return before if inside or "\n" not in sql[self.ends[before] : comment.start] else before + 1

    def _in_expression(self, comment: Comment, sql: str) -> bool:
        """Whether a comment stands inside parentheses of a definition, whose text keeps it."""
        before = bisect_right(self.starts, comment.start) - 1
        if before < 0 or comment.start >= self.ends[before]:
            return False
        marks = texts(sql[self.starts[before] : comment.start])
        return marks.count("(") > marks.count(")")


def _columns(cursor: Cursor, body: _Body) -> None:
    """Read all definitions between the outer parentheses."""
    while cursor.word() not in _TABLE_CONSTRAINTS:
        body.starts.append(cursor.position)
        body.parts.columns.append(read_column(cursor, cursor.name()))
        body.ends.append(cursor.behind)
        if not cursor.accept(","):
            return
    while cursor.word() in _TABLE_CONSTRAINTS:
        body.starts.append(cursor.position)
        _constraint(cursor, body.parts)
        body.ends.append(cursor.behind)
        # SQLite wants no comma between the constraints of a table.
        cursor.accept(",")


def _constraint(cursor: Cursor, parts: TableParts) -> None:
    """Read one constraint of the table."""
    name = cursor.name() if cursor.accept("CONSTRAINT") else None
    if cursor.accept("PRIMARY", "KEY"):
        _primary_key(cursor, parts, name)
    elif cursor.accept("UNIQUE"):
        columns = clauses.indexed_columns(cursor)
        parts.uniques.append(Unique(columns=columns, name=name, on_conflict=clauses.conflict(cursor)))
    elif cursor.accept("CHECK"):
        parts.checks.append(Check(expression=cursor.group(), name=name))
        clauses.conflict(cursor)
    elif cursor.accept("FOREIGN", "KEY"):
        _foreign_key(cursor, parts, name)
    elif name is None:
        cursor.fail(f"expected a constraint, found {cursor.found()}")


def _primary_key(cursor: Cursor, parts: TableParts, name: str | None) -> None:
    """Read a PRIMARY KEY of the table."""
    if parts.primary_key is not None:
        cursor.fail("a table has one PRIMARY KEY only")
    listed = clauses.entries(cursor)
    autoincrement = len(listed[-1]) > 1 and listed[-1][-1].upper() == "AUTOINCREMENT"
    if autoincrement:
        del listed[-1][-2:]
    parts.primary_key = PrimaryKey(
        columns=tuple(clauses.indexed_column(entry) for entry in listed),
        autoincrement=autoincrement,
        name=name,
        on_conflict=clauses.conflict(cursor),
    )


def _foreign_key(cursor: Cursor, parts: TableParts, name: str | None) -> None:
    """Read a FOREIGN KEY of the table."""
    columns = cursor.names()
    cursor.expect("REFERENCES")
    key = clauses.references(cursor, columns, name=name)
    while clauses.starts_deferral(cursor):
        key = clauses.deferral(cursor, key)
    parts.foreign_keys.append(key)


def _options(cursor: Cursor, parts: TableParts) -> None:
    """Read WITHOUT ROWID and STRICT behind the closing parenthesis."""
    while not cursor.done and cursor.word() != ";":
        if cursor.accept("WITHOUT", "ROWID"):
            parts.without_rowid = True
        elif cursor.accept("STRICT"):
            parts.strict = True
        else:
            cursor.fail(f"expected WITHOUT ROWID or STRICT, found {cursor.found()}")
        if not cursor.accept(","):
            return
