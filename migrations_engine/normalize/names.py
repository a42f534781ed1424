"""Rule: a reference to a name says the same in any case and in any quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import fold, quote
from migrations_engine.sql.keywords import CONTEXTUAL, RESERVED
from migrations_engine.sql.lexer import unquote
from migrations_engine.sql.spelling import is_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def spelled(name: str) -> str:
    """A name among other tokens: in quotes where it would be taken for something else without."""
    return name if is_plain(name) else quote(name)


def word(text: str, scope: Collection[str]) -> str:
    """An unquoted word: a name that the scope knows, a keyword, or the name of a function or a type.

    Args:
        text: The word as written.
        scope: The folded names that can be meant here.
    """
    folded, upper = fold(text), text.upper()
    if upper in RESERVED or (upper in CONTEXTUAL and folded not in scope):
        return folded
    return spelled(folded)


def is_contextual(word: str) -> bool:
    """Whether an unquoted word is a keyword or a name, as the scope has it."""
    return word.upper() in CONTEXTUAL


def is_name(tokens: Sequence[str], at: int, scope: Collection[str]) -> bool:
    """Whether a double-quoted token is a name.

    To SQLite it is a string where no such name is in scope, a habit of its youth that real schemas rest on.
    """
    token = tokens[at]
    if token[0] != '"' or fold(unquote(token)) in scope:
        return True
    before = tokens[at - 1].upper() if at else ""
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    return before in (".", "COLLATE") or after in (".", "(")


def string(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"
