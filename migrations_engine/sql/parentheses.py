"""Parentheses in a list of tokens: which belong together, which say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.sql.lexer import Token


def stripped(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens without parentheses that enclose all of them."""
    while len(tokens) > 2 and closing(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def closing(tokens: Sequence[Token], opens: int) -> int | None:
    """The index of the parenthesis that closes the one at ``opens``; None where none opens there."""
    if tokens[opens].text != "(":
        return None
    depth = 0
    for at in range(opens, len(tokens)):
        if tokens[at].text == "(":
            depth += 1
        elif tokens[at].text == ")":
            depth -= 1
            if depth == 0:
                return at
    return None
