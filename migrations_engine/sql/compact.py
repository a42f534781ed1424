"""SQL in as few characters as its tokens allow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from migrations_engine.sql.lexer import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDLIKE: Final = re.compile(r"[\w$.?:@#]")
_JOINING: Final = frozenset("-|<>=!/*")
_QUOTES: Final = frozenset("'\"`[")
_BEHIND: Final = frozenset("'\"`])")
_MARKS: Final = frozenset("(,;.+-*/%&|~<>=")
_CLOSING: Final = _MARKS | {")"}


def compact(sql: str) -> str:
    """The text with its tokens as close together as they stay the same and can be read; comments go."""
    return "".join(_spaced(texts(sql)))


def _spaced(tokens: list[str]) -> Iterator[str]:
    """Each token, with a space before it where it would merge with the one before."""
    before = ""
    for text in tokens:
        if before and _merge(before, text):
            yield " "
        yield text
        before = text


def _merge(before: str, behind: str) -> bool:
    """Whether two tokens would be read as others if nothing stood between them."""
    last, first = before[-1], behind[0]
    if first in _QUOTES or last in _BEHIND:
        # Two quotes are one quote inside a text, and x'00' is a blob; the rest is for people's eyes.
        return first not in _CLOSING and last not in _MARKS
    if "." in (before, behind):
        return last.isdigit() or first.isdigit()
    if last in _JOINING and first in _JOINING:
        return True
    return _WORDLIKE.match(last) is not None and _WORDLIKE.match(first) is not None
