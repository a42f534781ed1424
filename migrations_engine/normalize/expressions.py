"""Rule: an expression is its tokens; white space, comments and the case of words say nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from migrations_engine.model import fold
from migrations_engine.normalize import names
from migrations_engine.sql.lexer import kind, texts, unquote
from migrations_engine.sql.parentheses import stripped

if TYPE_CHECKING:
    from collections.abc import Sequence

_SYNONYMS: Final = {"==": "=", "!=": "<>"}


def expression(text: str, scope: frozenset[str] = frozenset()) -> str:
    """The canonical text of an expression.

    Args:
        text: The expression as written.
        scope: The folded names that a double-quoted word can mean; others are strings.
    """
    return joined(stripped(texts(text)), scope)


def joined(tokens: Sequence[str], scope: frozenset[str]) -> str:
    """Canonical tokens with one space between them."""
    return " ".join(
        [_anywhere(token) or canonical_token(tokens, at, scope) for at, token in enumerate(tokens)]
    )


@lru_cache(maxsize=4096)
def _anywhere(token: str) -> str | None:
    """The canonical spelling of a token where it is the same in any place; literals stay as written."""
    of_kind = kind(token)
    if of_kind == "word":
        return None if names.is_contextual(token) else names.word(token, ())
    return None if of_kind == "quoted" else _SYNONYMS.get(token, token)


def canonical_token(tokens: Sequence[str], at: int, scope: frozenset[str]) -> str:
    """One token of an expression in its canonical spelling."""
    token = tokens[at]
    if kind(token) != "quoted":
        return _anywhere(token) or names.word(token, scope)
    name = unquote(token)
    return names.spelled(fold(name)) if names.is_name(tokens, at, scope) else names.string(name)
