"""The expressions of ``_fill``: over the old row alone, and such as SQLite can read."""

from __future__ import annotations

import contextlib

import apsw

from migrations_engine import sqlite
from migrations_engine.sql.expressions import parse_expression
from migrations_engine.sql.lexer import Malformed, tokenize

_UNREADABLE = ("syntax error", "incomplete input")


def parse_fill(text: str) -> str:
    """The text of an expression over the old row.

    A subquery is refused: while rows go across, a table that is rebuilt is empty under its own name, and
    the values would be wrong without a word.

    Raises:
        Malformed: It is no single expression, or it reads other rows.
    """
    expression = parse_expression(text)
    tokens = tokenize(expression)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        word = token.text.upper()
        # IN without parentheses reads a table too.
        if word == "SELECT" or (word == "IN" and (following is None or following.text != "(")):
            message = "_fill is an expression over the old row; a subquery reads others"
            raise Malformed(message, position=token.start)
    _require_readable(expression)
    return expression


def _require_readable(expression: str) -> None:
    """Let SQLite read an expression; the columns in it are not known here, and need not be."""
    with contextlib.closing(sqlite.in_memory()) as conn:
        try:
            conn.execute(f"EXPLAIN SELECT ({expression})")
        except apsw.SQLError as error:
            if any(reason in str(error) for reason in _UNREADABLE):
                raise Malformed(f"SQLite cannot read it as an expression: {error}", position=0) from None
