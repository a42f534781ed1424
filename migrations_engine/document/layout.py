"""The one layout of a document: its comments, its order and its words stay, white space becomes canonical.

A comment stays beside what it stood beside: on the line of an entry, on lines of its own above one, behind an
opening mark, or before a closing one. One blank line between entries stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from migrations_engine.document import jsonc
from migrations_engine.document.writer import fits_on_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*+")|(?P<comment>//[^\n]*|/\*(?s:.*?)\*/)|(?P<mark>[\[\]{},:])
        |(?P<word>[^\s"\[\]{},:/]+)""",
    re.VERBOSE,
)

_BLANK: Final = ""
"""Among the lines above an entry: an empty one."""


class _Piece(NamedTuple):
    """A piece of the text; ``breaks`` counts the line breaks before it."""

    kind: str
    text: str
    breaks: int


_END: Final = _Piece("end", "", 1)


@dataclass(slots=True)
class _Node:
    """A value: a word, or a container with the comments inside it that belong to no entry."""

    text: str
    entries: list[_Entry] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)

    @property
    def closing(self) -> str:
        return {"{": "}", "[": "]"}.get(self.text, "")


@dataclass(slots=True)
class _Entry:
    """A value in its place, with its key and its comments: lines above it, words behind it on its line."""

    above: list[str]
    key: str = ""
    node: _Node = field(default_factory=lambda: _Node(""))
    behind: list[str] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        """Whether a comment behind runs to the end of the line, so that no other can follow."""
        return any(comment.startswith("//") for comment in self.behind)


def layout(text: str) -> str:
    """A document in its canonical layout; what it says stays the same, comments included.

    Args:
        text: JSON with comments, of any layout.

    Raises:
        NotJSON: The text is none.
    """
    jsonc.decode(text)
    root, rest = _Reader(text).document()
    lines = [*_indented(_unled(root.above), ""), "".join(_lines(root.node, 0)) + _behind(root.behind), *rest]
    return "\n".join(lines) + "\n"


class _Reader:
    """Reads a valid document piece by piece."""

    def __init__(self, text: str) -> None:
        self._pieces = list(_pieces(text.removeprefix("\ufeff").replace("\r\n", "\n")))
        self._at = 0

    def document(self) -> tuple[_Entry, list[str]]:
        """The value of the document, and the comments that follow it on lines of their own."""
        root = self._entry([])
        rest = self._behind(root)
        return root, _indented(rest + self._comments(), "")

    @property
    def _next(self) -> _Piece:
        return self._pieces[self._at] if self._at < len(self._pieces) else _END

    def _take(self) -> _Piece:
        self._at += 1
        return self._pieces[self._at - 1]

    def _comments(self) -> list[str]:
        """The comments that come next, with a blank line where there was one."""
        found = []
        while self._next.kind == "comment":
            found += [_BLANK] * (self._next.breaks > 1)
            found.append(self._take().text)
        return found

    def _entry(self, above: list[str]) -> _Entry:
        """Read an entry: the comments above it, its key, its value."""
        entry = _Entry(above + self._comments())
        entry.above += [_BLANK] * (self._next.breaks > 1)
        first = self._take()
        if self._follows(":"):
            around = self._comments()
            self._take()
            entry.above += filter(None, around + self._comments())
            entry.key, first = f"{first.text}: ", self._take()
        entry.node = self._container(first.text) if first.text in ("{", "[") else _Node(first.text)
        return entry

    def _container(self, mark: str) -> _Node:
        """Read what is inside a container, behind its opening mark."""
        node = _Node(mark)
        self._take_line(node.head)
        above: list[str] = []
        while True:
            above += self._comments()
            if self._next.text == node.closing:
                self._take()
                node.last = above
                return node
            entry = self._entry(above)
            node.entries.append(entry)
            above = self._behind(entry)

    def _behind(self, entry: _Entry) -> list[str]:
        """Read the comments on the line of an entry, and the comma; what is too late there is returned."""
        self._take_line(entry.behind)
        late = self._comments() if self._follows(",") else []
        if self._next.text == ",":
            self._take()
            if not late and not entry.closed:
                self._take_line(entry.behind)
        return late

    def _take_line(self, into: list[str]) -> None:
        """Read the comments that end this line; one before more on the line belongs to what follows."""
        start = self._at
        found = []
        while self._next.kind == "comment" and not self._next.breaks:
            found.append(self._take().text)
        if found and not self._next.breaks and self._next.text not in (",", "}", "]"):
            self._at = start
        else:
            into += found

    def _follows(self, mark: str) -> bool:
        """Whether a mark is the next piece that is no comment."""
        at = self._at
        while at < len(self._pieces) and self._pieces[at].kind == "comment":
            at += 1
        return at < len(self._pieces) and self._pieces[at].text == mark


def _pieces(text: str) -> Iterator[_Piece]:
    """All pieces of a valid document."""
    behind = 0
    for match in _PIECE.finditer(text):
        yield _Piece(match.lastgroup or "", match.group(), text.count("\n", behind, match.start()))
        behind = match.end()


def _lines(node: _Node, depth: int) -> Iterator[str]:
    """A value as text: on one line where it fits and no comment is in it."""
    line = _line(node)
    if line is not None and (not node.entries or fits_on_line(line, depth)):
        yield line
        return
    indent = "  " * (depth + 1)
    yield node.text + _behind(node.head)
    for at, entry in enumerate(node.entries):
        above = entry.above if at else _unled(entry.above)
        comma = "," if at + 1 < len(node.entries) else ""
        yield "".join(f"\n{each}" for each in _indented(above, indent))
        yield f"\n{indent}{entry.key}"
        yield from _lines(entry.node, depth + 1)
        yield comma + _behind(entry.behind)
    last = node.last if node.entries else _unled(node.last)
    yield "".join(f"\n{each}" for each in _indented(last, indent))
    yield f"\n{'  ' * depth}{node.closing}"


def _line(node: _Node) -> str | None:
    """A value on one line; None where a comment stands in it."""
    if not node.closing:
        return node.text
    if node.head or any(node.last):
        return None
    parts = []
    for entry in node.entries:
        inner = None if entry.behind or any(entry.above) else _line(entry.node)
        if inner is None:
            return None
        parts.append(entry.key + inner)
    return f"{node.text}{', '.join(parts)}{node.closing}"


def _behind(comments: list[str]) -> str:
    return "".join(f" {_trimmed(comment, '')}" for comment in comments)


def _indented(lines: list[str], indent: str) -> list[str]:
    """Comments on lines of their own."""
    return [indent + _trimmed(line, indent) if line else _BLANK for line in lines]


def _trimmed(comment: str, indent: str) -> str:
    """A comment without spaces at the ends of its lines; a column of stars is kept straight."""
    first, *others = comment.split("\n")
    starred = [f"{indent} {each.strip()}" if each.lstrip().startswith("*") else each for each in others]
    return "\n".join(line.rstrip() for line in (first, *starred))


def _unled(lines: list[str]) -> list[str]:
    """Lines without blank ones at the beginning."""
    return lines[1:] if lines[:1] == [_BLANK] else lines
