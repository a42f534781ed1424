"""Rule: parentheses around a whole expression say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.sql.lexer import Token


def stripped(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens without parentheses that enclose all of them."""
    while len(tokens) > 2 and tokens[0].text == "(" and _encloses(tokens):
        tokens = tokens[1:-1]
    return tokens


def _encloses(tokens: Sequence[Token]) -> bool:
    """Whether the first parenthesis is closed by the last token."""
    depth = 0
    for token in tokens[:-1]:
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
            if depth == 0:
                return False
    return tokens[-1].text == ")"
