"""Clauses that stand in more than one statement: conflict, indexed columns, references."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from migrations_engine.model import Conflict, ForeignKey, IndexedColumn
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.keywords import RESERVED
from migrations_engine.sql.lexer import kind, unquote
from migrations_engine.sql.parentheses import closing, layers

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONFLICTS: Final[dict[str, Conflict | None]] = {
    "ROLLBACK": "ROLLBACK",
    "ABORT": None,
    "FAIL": "FAIL",
    "IGNORE": "IGNORE",
    "REPLACE": "REPLACE",
}

_ACTIONS: Final[dict[tuple[str, ...], str | None]] = {
    ("SET", "NULL"): "SET NULL",
    ("SET", "DEFAULT"): "SET DEFAULT",
    ("CASCADE",): "CASCADE",
    ("RESTRICT",): "RESTRICT",
    ("NO", "ACTION"): None,
}


def conflict(cursor: Cursor) -> Conflict | None:
    """Read an ON CONFLICT clause if one comes next; ABORT is the default and None."""
    if not cursor.accept("ON", "CONFLICT"):
        return None
    word = cursor.word()
    if word not in _CONFLICTS:
        cursor.fail(f"expected {', '.join(_CONFLICTS)}, found {cursor.found()}")
    cursor.advance()
    return _CONFLICTS[word]


def direction(cursor: Cursor) -> bool:
    """Read ASC or DESC if one comes next; whether it was DESC."""
    if cursor.accept("ASC"):
        return False
    return cursor.accept("DESC")


def entries(cursor: Cursor) -> list[list[str]]:
    """Read the parenthesised list of a key or an index: each entry's tokens, and the gaps between them."""
    cursor.expect("(")
    found = [cursor.entry()]
    while cursor.accept(","):
        found.append(cursor.entry())
    cursor.expect(")")
    return found


def indexed_columns(cursor: Cursor) -> tuple[IndexedColumn, ...]:
    """Read the parenthesised list of a key or an index."""
    return tuple(indexed_column(entry) for entry in entries(cursor))


@lru_cache(maxsize=4096)
def parse_indexed_column(text: str) -> IndexedColumn:
    """One entry of a key or an index from a text of its own; the tables of a schema share many.

    Raises:
        Malformed: It is no single entry.
    """
    cursor = Cursor(text)
    entry = cursor.entry()
    if not cursor.done:
        cursor.fail(f"more follows behind the end: {cursor.found()}")
    return indexed_column(entry)


def indexed_column(entry: Sequence[str]) -> IndexedColumn:
    """One entry of a key or an index from its pieces; the text of an expression stays as written.

    A last COLLATE belongs to the entry only behind a whole operand: in ``a || b COLLATE NOCASE`` it is b's.
    """
    written, descending, collation = list(entry), False, None
    if len(written) > 1 and written[-1].upper() in ("ASC", "DESC"):
        descending = written[-1].upper() == "DESC"
        del written[-2:]
    bare = _bare(written)
    while _ends_with_collation(bare[::2]):
        # The outermost of several is the one that SQLite takes.
        collation = collation or unquote(bare[-1])
        written = bare[:-4]
        bare = _bare(written)
    single = len(bare) == 1 and _is_name(bare[0])
    return IndexedColumn(
        expression=unquote(bare[0]) if single else "".join(written),
        is_column=single,
        collation=collation,
        descending=descending,
        as_string=single and kind(bare[0]) == "string",
    )


def _bare(entry: list[str]) -> list[str]:
    """The pieces without parentheses that enclose all of them."""
    outer = 2 * layers(entry[::2])
    return entry[outer : len(entry) - outer]


def _ends_with_collation(tokens: Sequence[str]) -> bool:
    """Whether COLLATE and a name stand behind exactly one operand: a name, a call, a parenthesis, another."""
    if len(tokens) < 3 or tokens[-2].upper() != "COLLATE":
        return False
    operand = tokens[:-2]
    opens = 0 if tokens[0] == "(" else 1
    return len(operand) == 1 or closing(operand, opens) == len(operand) - 1 or _ends_with_collation(operand)


def _is_name(token: str) -> bool:
    """Whether a token alone is a name; SQLite takes string literals for names here."""
    return kind(token) in ("quoted", "string") or (kind(token) == "word" and token.upper() not in RESERVED)


def references(cursor: Cursor, columns: tuple[str, ...], *, name: str | None) -> ForeignKey:
    """Read what follows the word REFERENCES, but for DEFERRABLE."""
    parent = cursor.name()
    parent_columns = cursor.names() if cursor.word() == "(" else ()
    actions: dict[str, str | None] = {}
    match: str | None = None
    while True:
        if cursor.accept("MATCH"):
            match = cursor.name().upper()
        elif cursor.word() == "ON" and cursor.word(1) in ("DELETE", "UPDATE", "INSERT"):
            cursor.accept("ON")
            event = cursor.advance().upper()
            actions[event] = _action(cursor)
        else:
            break
    return ForeignKey(
        columns=columns,
        parent=parent,
        parent_columns=parent_columns,
        on_delete=actions.get("DELETE"),
        on_update=actions.get("UPDATE"),
        match=None if match == "SIMPLE" else match,
        name=name,
    )


def _action(cursor: Cursor) -> str | None:
    """Read a foreign key's action; NO ACTION is the default and None."""
    words = next((words for words in _ACTIONS if cursor.accept(*words)), None)
    if words is None:
        cursor.fail(f"expected SET NULL, SET DEFAULT, CASCADE, RESTRICT or NO ACTION, found {cursor.found()}")
    return _ACTIONS[words]


def starts_deferral(cursor: Cursor) -> bool:
    """Whether DEFERRABLE or NOT DEFERRABLE comes next."""
    return cursor.word() == "DEFERRABLE" or (cursor.word() == "NOT" and cursor.word(1) == "DEFERRABLE")


def deferral(cursor: Cursor, key: ForeignKey) -> ForeignKey:
    """Read a DEFERRABLE clause; only DEFERRABLE INITIALLY DEFERRED differs from the default."""
    refused = cursor.accept("NOT")
    cursor.expect("DEFERRABLE")
    deferred = False
    if cursor.accept("INITIALLY"):
        deferred = cursor.accept("DEFERRED")
        if not deferred:
            cursor.expect("IMMEDIATE")
    return replace(key, deferred=deferred and not refused)
