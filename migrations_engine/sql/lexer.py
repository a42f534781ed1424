"""SQL text as SQLite's tokens, each with its place in the text."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, cast

Kind = Literal["word", "quoted", "string", "blob", "number", "parameter", "operator"]

_NAME = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*"

_GAP = r"(?:[ \t\n\f\r\ufeff]+|--[^\n]*|/\*(?s:.*?)(?:\*/|\Z))*+"

_TOKEN: Final = re.compile(
    rf"""{_GAP}(?:
      (?P<blob>[xX]'(?:[0-9a-fA-F]{{2}})*')
    | (?P<word>{_NAME})
    | (?P<operator>->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[(),;+\-*/%&|~<>=]|\.(?!\d))
    | (?P<number>(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)
                 (?![A-Za-z0-9_$\x80-\U0010ffff]))
    | (?P<string>'(?:[^']|'')*+')
    | (?P<quoted>"(?:[^"]|"")*+"|`(?:[^`]|``)*+`|\[[^\]]*\])
    | (?P<parameter>\?\d*|[:@$\#][A-Za-z0-9_$:\x80-\U0010ffff]+)
    | (?P<end>\Z)
    | (?P<bad>(?s:.))
    )""",
    re.VERBOSE,
)

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
    found: list[Token] = []
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        if kind == "end":
            break
        if kind == "bad":
            raise _unreadable(sql, match.start("bad"))
        start, end = match.span(kind)
        found.append(Token(cast("Kind", kind), sql[start:end], start, end))
    return found


def _unreadable(sql: str, at: int) -> Malformed:
    """Say what is wrong with the character that begins no token."""
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
