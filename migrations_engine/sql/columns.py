"""The grammar of one column definition."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from migrations_engine.model import (
    Check,
    Column,
    ForeignKey,
    Generated,
    IndexedColumn,
    NotNull,
    PrimaryKey,
    Unique,
)
from migrations_engine.sql import clauses
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.lexer import Malformed, comments

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDS_TYPE: Final = frozenset(
    ("CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "AS", "DEFERRABLE")
)


@dataclass(slots=True)
class ColumnParts:
    """One column definition: the column itself, and its constraints as the table will hold them."""

    column: Column
    primary_key: PrimaryKey | None = None
    uniques: list[Unique] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)


def parse_column(name: str, definition: str) -> ColumnParts:
    """A column from its name and the text of its definition alone.

    Raises:
        Malformed: It is not exactly one definition: a comma, a semicolon or a comment ends it, say.
    """
    cursor = Cursor(definition)
    parts = read_column(cursor, name)
    if not cursor.done:
        cursor.fail(f"more follows behind the definition: {cursor.found()}")
    # A comment at the end would swallow what is written behind it wherever the text is shown in a statement.
    trailing = [comment for comment in comments(definition) if comment.end > cursor.behind]
    if trailing:
        raise Malformed("a definition may not end in an SQL comment", position=trailing[0].start)
    return parts


def read_column(cursor: Cursor, name: str) -> ColumnParts:
    """Read a column definition behind its name, up to a comma or a closing parenthesis."""
    parts = ColumnParts(Column(name=name, type=_type(cursor)))
    reader = _Constraints(cursor, parts)
    while not cursor.done and cursor.word() not in (",", ")", ";"):
        reader.read()
    return parts


def _type(cursor: Cursor) -> str:
    """Read a declared type: any words, then up to two numbers in parentheses."""
    start = cursor.position
    while (token := cursor.peek()) is not None:
        named = token.kind in ("quoted", "string") or (
            token.kind == "word" and cursor.word() not in _ENDS_TYPE and not _starts_generated(cursor)
        )
        if not named:
            break
        cursor.advance()
    if cursor.position == start:
        return ""
    if cursor.accept("("):
        _signed_number(cursor)
        if cursor.accept(","):
            _signed_number(cursor)
        cursor.expect(")")
    return cursor.sql[start : cursor.behind]


def _starts_generated(cursor: Cursor) -> bool:
    """Whether GENERATED ALWAYS AS comes next, whose first words could be a type's."""
    return cursor.word() == "GENERATED" and cursor.word(1) == "ALWAYS"


def _signed_number(cursor: Cursor) -> None:
    """Read a number with an optional sign."""
    if not cursor.accept("+"):
        cursor.accept("-")
    token = cursor.peek()
    if token is None or token.kind != "number":
        cursor.fail(f"expected a number, found {cursor.found()}")
    cursor.advance()


class _Constraints:
    """The constraints of one column, read into its parts."""

    def __init__(self, cursor: Cursor, parts: ColumnParts) -> None:
        self._cursor = cursor
        self._parts = parts
        self._name: str | None = None

    def read(self) -> None:
        """Read one constraint with its name."""
        cursor = self._cursor
        self._name = cursor.name() if cursor.accept("CONSTRAINT") else None
        if clauses.starts_deferral(cursor):
            self._deferral()
            return
        for word, reader in _READERS.items():
            if cursor.accept(*word.split()):
                reader(self)
                return
        # SQLite takes a name without a constraint; it names nothing.
        if self._name is None:
            cursor.fail(f"expected a constraint, found {cursor.found()}")

    def _indexed(self, *, descending: bool = False) -> tuple[IndexedColumn, ...]:
        """This column as the only one of a key."""
        return (IndexedColumn(expression=self._parts.column.name, descending=descending),)

    def _change(self, kind: str, column: Column) -> None:
        """Take over a changed column, with the constraint's name where it has one."""
        if self._name is not None:
            column = replace(column, constraint_names=(*column.constraint_names, (kind, self._name)))
        self._parts.column = column

    def _primary_key(self) -> None:
        cursor = self._cursor
        if self._parts.primary_key is not None:
            cursor.fail("a table has one PRIMARY KEY only")
        descending = cursor.accept("DESC")
        if not descending:
            cursor.accept("ASC")
        resolution = clauses.conflict(cursor)
        self._parts.primary_key = PrimaryKey(
            columns=self._indexed(descending=descending),
            autoincrement=cursor.accept("AUTOINCREMENT"),
            name=self._name,
            on_conflict=resolution,
        )

    def _not_null(self) -> None:
        rule = NotNull(name=self._name, on_conflict=clauses.conflict(self._cursor))
        self._parts.column = replace(self._parts.column, not_null=rule)

    def _null(self) -> None:
        clauses.conflict(self._cursor)
        self._change("NULL", self._parts.column)

    def _unique(self) -> None:
        resolution = clauses.conflict(self._cursor)
        self._parts.uniques.append(Unique(columns=self._indexed(), name=self._name, on_conflict=resolution))

    def _check(self) -> None:
        expression = self._cursor.group()
        self._parts.checks.append(
            Check(expression=expression, name=self._name, column=self._parts.column.name)
        )

    def _default(self) -> None:
        cursor = self._cursor
        start = cursor.position
        if cursor.word() == "(":
            cursor.group()
        elif cursor.accept("+") or cursor.accept("-"):
            _literal(cursor)
        else:
            _literal(cursor)
        self._change("DEFAULT", replace(self._parts.column, default=cursor.sql[start : cursor.behind]))

    def _collate(self) -> None:
        collation = self._cursor.name()
        self._change("COLLATE", replace(self._parts.column, collation=collation))

    def _generated(self) -> None:
        expression = self._cursor.group()
        stored = self._cursor.accept("STORED")
        if not stored:
            self._cursor.accept("VIRTUAL")
        rule = Generated(expression=expression, stored=stored)
        self._change("GENERATED", replace(self._parts.column, generated=rule))

    def _references(self) -> None:
        key = clauses.references(self._cursor, (self._parts.column.name,), name=self._name)
        if len(key.parent_columns) > 1:
            self._cursor.fail("one column refers to one column; name more in _foreign_keys")
        self._parts.foreign_keys.append(key)

    def _deferral(self) -> None:
        keys = self._parts.foreign_keys
        if not keys:
            self._cursor.fail("DEFERRABLE belongs behind REFERENCES")
        keys[-1] = clauses.deferral(self._cursor, keys[-1])


_READERS: Final[dict[str, Callable[[_Constraints], None]]] = {
    "PRIMARY KEY": _Constraints._primary_key,
    "NOT NULL": _Constraints._not_null,
    "NULL": _Constraints._null,
    "UNIQUE": _Constraints._unique,
    "CHECK": _Constraints._check,
    "DEFAULT": _Constraints._default,
    "COLLATE": _Constraints._collate,
    "GENERATED ALWAYS AS": _Constraints._generated,
    "AS": _Constraints._generated,
    "REFERENCES": _Constraints._references,
}


def _literal(cursor: Cursor) -> None:
    """Read a literal, a keyword such as CURRENT_TIMESTAMP, or a name that stands for a string."""
    token = cursor.peek()
    if token is None or token.kind in ("operator", "parameter"):
        cursor.fail(f"expected a value behind DEFAULT, found {cursor.found()}")
    cursor.advance()
