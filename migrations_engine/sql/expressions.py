"""Expressions as texts of their own."""

from __future__ import annotations

from functools import lru_cache

from migrations_engine.sql.cursor import Cursor


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> str:
    """The text of exactly one expression, without white space and comments around it.

    Raises:
        Malformed: It is none, or more: a comma, a semicolon or an open parenthesis is in it.
    """
    cursor = Cursor(text)
    expression = cursor.expression(commas=False)
    if not expression or not cursor.done:
        cursor.fail(f"expected one expression, found {cursor.found()}")
    return expression
