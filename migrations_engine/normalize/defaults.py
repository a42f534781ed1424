"""Rule: a default is its value; quotes of any kind, a bare word and parentheses around it say nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from migrations_engine.normalize import names
from migrations_engine.normalize.expressions import joined
from migrations_engine.sql.lexer import kind, texts, unquote
from migrations_engine.sql.parentheses import stripped

_VALUES: Final = frozenset(("TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"))


def value(text: str | None) -> str:
    """A default as an expression that means the same in any place, where a bare word would be a column."""
    return (None if text is None else default(text)) or "NULL"


@lru_cache(maxsize=4096)
def default(text: str) -> str | None:
    """The canonical text of what follows DEFAULT; None for NULL, which is what no default gives."""
    tokens = stripped(texts(text))
    if len(tokens) != 1:
        return joined(tokens, frozenset())
    word = tokens[0]
    if word.upper() == "NULL":
        return None
    # A name in this place is a string: DEFAULT user, DEFAULT "user" and DEFAULT 'user' are one.
    if kind(word) == "quoted" or (kind(word) == "word" and word.upper() not in _VALUES):
        return names.string(unquote(word))
    return joined(tokens, frozenset())
