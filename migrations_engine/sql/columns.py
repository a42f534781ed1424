"""The grammar of one column definition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

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
from migrations_engine.recent import Recent
from migrations_engine.sql import clauses
from migrations_engine.sql.affinity import affinity
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.lexer import Malformed, comments, kind, texts

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDS_DEFINITION: Final = frozenset(("", ",", ")", ";"))

_ENDS_TYPE: Final = frozenset(
    (
        "",
        "CONSTRAINT",
        "PRIMARY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "AS",
        "DEFERRABLE",
    )
)

_TYPE_KINDS: Final = frozenset(("word", "quoted", "string"))


class ColumnParts(NamedTuple):
    """One column definition: the column itself, and its constraints as the table will hold them."""

    column: Column
    primary_key: PrimaryKey | None = None
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    def commented(self, comment: str | None) -> ColumnParts:
        """The same column with a comment."""
        return self._replace(column=replace(self.column, comment=comment))

    def renamed(self, name: str) -> ColumnParts:
        """A column of the same definition and another name."""
        column = self.column
        if column.name == name:
            return self
        key = self.primary_key
        return ColumnParts(
            Column(
                name=name,
                type=column.type,
                not_null=column.not_null,
                default=column.default,
                collation=column.collation,
                generated=column.generated,
                constraint_names=column.constraint_names,
            ),
            key and replace(key, columns=_only(name, key.columns)),
            tuple([replace(unique, columns=_only(name, unique.columns)) for unique in self.uniques]),
            tuple(
                [Check(expression=check.expression, name=check.name, column=name) for check in self.checks]
            ),
            tuple([replace(key, columns=(name,)) for key in self.foreign_keys]),
        )


def _only(name: str, columns: tuple[IndexedColumn, ...]) -> tuple[IndexedColumn, ...]:
    """The columns of a key that stands behind a column: that column alone."""
    return tuple(replace(column, expression=name) for column in columns)


_ALIKE: Recent[ColumnParts] = Recent(4096)
"""A column of each definition: most columns of a schema share theirs with others of any name."""


@lru_cache(maxsize=4096)
def parse_column(name: str, definition: str) -> ColumnParts:
    """A column from its name and the text of its definition alone; the tables of a schema share many.

    Raises:
        Malformed: It is not exactly one definition: a comma, a semicolon or a comment ends it, say.
    """
    return _ALIKE.get(definition, lambda: _read_alone(definition, name)).renamed(name)


def _read_alone(definition: str, name: str) -> ColumnParts:
    """A whole definition."""
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
    """Read a definition behind its name, up to a comma or a closing parenthesis: a type, constraints."""
    draft = _Draft(name=name, type=_type(cursor))
    while cursor.word() not in _ENDS_DEFINITION:
        _constraint(cursor, draft)
    return draft.parts()


def _type(cursor: Cursor) -> str:
    """Read a declared type: any words, then up to two numbers in parentheses."""
    start = cursor.mark
    while (word := cursor.word()) not in _ENDS_TYPE and kind(word) in _TYPE_KINDS:
        # GENERATED ALWAYS AS begins with words that could be a type's.
        if word == "GENERATED" and cursor.word(1) == "ALWAYS":
            break
        cursor.advance()
    if cursor.mark == start:
        return ""
    if cursor.accept("("):
        _signed_number(cursor)
        if cursor.accept(","):
            _signed_number(cursor)
        cursor.expect(")")
    return _without_comments(cursor.since(start))


def _without_comments(text: str) -> str:
    """A type without comments in it, unless SQLite finds in one the word that decides the affinity."""
    if "--" not in text and "/*" not in text:
        return text
    bare = " ".join(texts(text))
    return bare if affinity(bare) == affinity(text) else text


def _signed_number(cursor: Cursor) -> None:
    """Read a number with an optional sign."""
    if not cursor.accept("+"):
        cursor.accept("-")
    if cursor.done or kind(cursor.peek()) != "number":
        cursor.fail(f"expected a number, found {cursor.found()}")
    cursor.advance()


@dataclass(slots=True)
class _Draft:
    """A column while its constraints are read."""

    name: str
    type: str
    constraint: str | None = None
    """The name of the constraint that is being read."""
    not_null: NotNull | None = None
    default: str | None = None
    collation: str | None = None
    generated: Generated | None = None
    constraint_names: tuple[tuple[str, str], ...] = ()
    primary_key: PrimaryKey | None = None
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    def keep_name(self, kind: str) -> None:
        """Keep the constraint's name where nothing else holds it."""
        if self.constraint is not None:
            names = dict(self.constraint_names) | {kind: self.constraint}
            self.constraint_names = tuple(sorted(names.items()))

    def parts(self) -> ColumnParts:
        """The column and its constraints."""
        column = Column(
            name=self.name,
            type=self.type,
            not_null=self.not_null,
            default=self.default,
            collation=self.collation,
            generated=self.generated,
            constraint_names=self.constraint_names,
        )
        return ColumnParts(column, self.primary_key, self.uniques, self.checks, self.foreign_keys)


def _constraint(cursor: Cursor, draft: _Draft) -> None:
    """Read one constraint with its name."""
    draft.constraint = cursor.name() if cursor.accept("CONSTRAINT") else None
    read = _READERS.get(cursor.word())
    if read is not None:
        read(cursor, draft)
    elif draft.constraint is None:
        cursor.fail(f"expected a constraint, found {cursor.found()}")
    else:
        # SQLite takes a name without a constraint; NULL is one that does nothing.
        draft.keep_name("NULL")


def _primary_key(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("PRIMARY", "KEY")
    if draft.primary_key is not None:
        cursor.fail("a table has one PRIMARY KEY only")
    descending = clauses.direction(cursor)
    resolution = clauses.conflict(cursor)
    draft.primary_key = PrimaryKey(
        columns=(IndexedColumn(expression=draft.name, descending=descending),),
        autoincrement=cursor.accept("AUTOINCREMENT"),
        name=draft.constraint,
        on_conflict=resolution,
    )


def _not(cursor: Cursor, draft: _Draft) -> None:
    if clauses.starts_deferral(cursor):
        _deferral(cursor, draft)
        return
    cursor.expect("NOT", "NULL")
    draft.not_null = NotNull(name=draft.constraint, on_conflict=clauses.conflict(cursor))


def _null(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("NULL")
    clauses.conflict(cursor)
    draft.keep_name("NULL")


def _unique(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("UNIQUE")
    columns = (IndexedColumn(expression=draft.name),)
    unique = Unique(columns=columns, name=draft.constraint, on_conflict=clauses.conflict(cursor))
    draft.uniques += (unique,)


def _check(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("CHECK")
    draft.checks += (Check(expression=cursor.group(), name=draft.constraint, column=draft.name),)


def _default(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("DEFAULT")
    start = cursor.mark
    if cursor.word() == "(":
        cursor.group()
    else:
        if not cursor.accept("+"):
            cursor.accept("-")
        _literal(cursor)
    draft.default = cursor.since(start)
    draft.keep_name("DEFAULT")


def _literal(cursor: Cursor) -> None:
    """Read a literal, a keyword such as CURRENT_TIMESTAMP, or a name that stands for a string."""
    if cursor.done or kind(cursor.peek()) in ("operator", "parameter"):
        cursor.fail(f"expected a value behind DEFAULT, found {cursor.found()}")
    cursor.advance()


def _collate(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("COLLATE")
    draft.collation = cursor.name()
    draft.keep_name("COLLATE")


def _generated(cursor: Cursor, draft: _Draft) -> None:
    cursor.accept("GENERATED", "ALWAYS")
    cursor.expect("AS")
    expression = cursor.group()
    stored = cursor.accept("STORED")
    if not stored:
        cursor.accept("VIRTUAL")
    draft.generated = Generated(expression=expression, stored=stored)
    draft.keep_name("GENERATED")


def _references(cursor: Cursor, draft: _Draft) -> None:
    cursor.expect("REFERENCES")
    key = clauses.references(cursor, (draft.name,), name=draft.constraint)
    if len(key.parent_columns) > 1:
        cursor.fail("one column refers to one column; name more in _foreign_keys")
    draft.foreign_keys += (key,)


def _deferral(cursor: Cursor, draft: _Draft) -> None:
    if not draft.foreign_keys:
        cursor.fail("DEFERRABLE belongs behind REFERENCES")
    *others, last = draft.foreign_keys
    draft.foreign_keys = (*others, clauses.deferral(cursor, last))


_READERS: Final[dict[str, Callable[[Cursor, _Draft], None]]] = {
    "PRIMARY": _primary_key,
    "NOT": _not,
    "NULL": _null,
    "UNIQUE": _unique,
    "CHECK": _check,
    "DEFAULT": _default,
    "COLLATE": _collate,
    "GENERATED": _generated,
    "AS": _generated,
    "REFERENCES": _references,
    "DEFERRABLE": _deferral,
}
