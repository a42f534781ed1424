"""Rule: a type is its text without case and needless spaces; synonyms stay apart, INT is not INTEGER."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from migrations_engine.model import fold
from migrations_engine.sql.lexer import unquote

_QUOTED: Final = re.compile(r"""(["'`])[^"'`\[]*\1|\[[^"'`\[\]]*\]""")
_SPACES: Final = re.compile(r"\s+")
_AROUND_MARKS: Final = re.compile(r" ?([(),]) ?")


@lru_cache(maxsize=4096)
def declared_type(text: str) -> str:
    """The canonical text of a declared type."""
    if _QUOTED.fullmatch(text):
        text = unquote(text)
    return fold(_AROUND_MARKS.sub(r"\1", _SPACES.sub(" ", text.strip())))
