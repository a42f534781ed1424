"""Rule: an expression is its tokens; white space, comments and the case of words say nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from migrations_engine.model import fold
from migrations_engine.normalize import names
from migrations_engine.sql.lexer import tokenize, unquote
from migrations_engine.sql.parentheses import stripped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.sql.lexer import Token

_SYNONYMS: Final = {"==": "=", "!=": "<>"}


@lru_cache(maxsize=4096)
def expression(text: str, scope: frozenset[str] = frozenset()) -> str:
    """The canonical text of an expression.

    Args:
        text: The expression as written.
        scope: The folded names that a double-quoted word can mean; others are strings.
    """
    return joined(stripped(tokenize(text)), scope)


def joined(tokens: Sequence[Token], scope: frozenset[str]) -> str:
    """Canonical tokens with one space between them."""
    return " ".join(canonical_token(tokens, at, scope) for at in range(len(tokens)))


def canonical_token(tokens: Sequence[Token], at: int, scope: frozenset[str]) -> str:
    """One token of an expression in its canonical spelling; literals stay as written."""
    token = tokens[at]
    if token.kind == "word":
        return names.word(token.text, scope)
    if token.kind == "quoted":
        name = unquote(token.text)
        return names.spelled(fold(name)) if names.is_name(tokens, at, scope) else names.string(name)
    return _SYNONYMS.get(token.text, token.text)
