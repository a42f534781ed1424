"""SQL text as SQLite's tokens, each with its place in the text."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final, Literal, NamedTuple

Kind = Literal["word", "quoted", "string", "blob", "number", "parameter", "operator"]

_INNER = r"[A-Za-z0-9_$\x80-\U0010ffff]"
"""What a word goes on with."""

_SPACE = r"[ \t\n\f\r\ufeff]*+"
_GAP = rf"{_SPACE}(?:(?:--[^\n]*|/\*(?s:.*?)(?:\*/|\Z)){_SPACE})*+"

# What is met most often comes first: words (not with an x, which may begin a blob), marks that begin nothing
# longer, strings; then operators, numbers, blobs, words with an x, quoted names, parameters, and the end of
# the text. What begins none of them takes all the rest with it and is left out of both groups.
_PIECES: Final = re.compile(
    rf"""({_GAP})(
      [A-WYZa-wyz_\x80-\U0010ffff]{_INNER}*+
    | [(),;+*%&~]
    | '[^']*+(?:''[^']*+)*+'
    | ->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[-/|<>=]|\.(?!\d)
    | (?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)(?!{_INNER})
    | [xX]'(?:[0-9a-fA-F]{{2}})*'
    | [xX]{_INNER}*+
    | "(?:[^"]|"")*+"|`(?:[^`]|``)*+`|\[[^\]]*\]
    | \?\d*|[:@$\#](?:{_INNER}|:)+
    | \Z
    )|(?s:.+)""",
    re.VERBOSE,
)

_BEGINS: Final[dict[str, Kind]] = {
    "'": "string",
    **dict.fromkeys('"`[', "quoted"),
    **dict.fromkeys("?:@$#", "parameter"),
    **dict.fromkeys("->|<=!(),;+*/%&~.", "operator"),
    **dict.fromkeys("0123456789", "number"),
}
"""The first character of a token and its kind, where that is enough; the others are words."""

_LEADING_GAP: Final = re.compile(_GAP)

_COMMENT: Final = re.compile(
    r"""'(?:[^']|'')*+'|"(?:[^"]|"")*+"|`(?:[^`]|``)*+`|\[[^\]]*\]|(?P<comment>--[^\n]*|/\*(?s:.*?)(?:\*/|\Z))"""
)


class Malformed(ValueError):
    """SQL that cannot be read; ``position`` is the offset in the text."""

    def __init__(self, message: str, *, position: int) -> None:
        self.position = position
        super().__init__(message)


class Token(NamedTuple):
    """One token: its text as written and its offsets in the whole."""

    kind: Kind
    text: str
    start: int
    end: int


class Comment(NamedTuple):
    """One comment without its marks, and its offsets in the whole."""

    text: str
    start: int
    end: int


def tokenize(sql: str) -> list[Token]:
    """Split SQL into tokens; white space and comments vanish.

    Raises:
        Malformed: A character that begins no token, such as an open quote.
    """
    found = pieces(sql)
    ends = accumulate(map(len, found))
    return [
        Token(kind(text), text, end - len(text), end)
        for at, (text, end) in enumerate(zip(found, ends, strict=True))
        if at % 2 and text
    ]


def texts(sql: str) -> list[str]:
    """The texts of all tokens, which take a fraction of the time of the tokens.

    Raises:
        Malformed: A character that begins no token, such as an open quote.
    """
    found = pieces(sql)[1::2]
    return found[: found.index("")]


def pieces(sql: str) -> list[str]:
    """All of a text: a gap, a token, a gap, a token and so on; empty tokens stand at the end.

    Raises:
        Malformed: A character that begins no token, such as an open quote.
    """
    found = _PIECES.split(sql)
    # Behind a rest without groups comes one more match, which is empty.
    if found[-5:-4] == [None]:
        raise _unreadable(sql, len("".join(found[:-6])))
    # What split leaves between matches is empty too.
    del found[::3]
    return found


def kind(token: str) -> Kind:
    """What a token is, by its text."""
    found = _BEGINS.get(token[0], "word")
    if found == "word" and token[1:2] == "'":
        return "blob"
    return "number" if found == "operator" and token[:1] == "." and len(token) > 1 else found


def _unreadable(sql: str, behind: int) -> Malformed:
    """Say what is wrong with the character that begins no token, behind all that is read before it."""
    gap = _LEADING_GAP.match(sql, behind)
    at = gap.end() if gap else behind
    if sql[at] in "'\"`[":
        return Malformed(f"the quote {sql[at]} is never closed", position=at)
    return Malformed(f"unrecognised {sql[at : at + 12]!r}", position=at)


def comments(sql: str) -> list[Comment]:
    """All comments of SQL text, in order."""
    if "--" not in sql and "/*" not in sql:
        return []
    return [
        Comment(_comment_text(match.group()), match.start(), match.end())
        for match in _COMMENT.finditer(sql)
        if match.lastgroup
    ]


def _comment_text(raw: str) -> str:
    """A comment without its marks; the stars and spaces that frame its lines go too."""
    if raw.startswith("--"):
        return raw[2:].strip()
    lines = [line.strip().removeprefix("*").strip() for line in raw[2:].removesuffix("*/").splitlines()]
    return "\n".join(lines).strip()


def unquote(text: str) -> str:
    """A name or a string literal as the text that it stands for."""
    mark = text[:1]
    if mark == "[":
        return text[1:-1]
    if mark and mark in "\"`'":
        return text[1:-1].replace(mark * 2, mark)
    return text
