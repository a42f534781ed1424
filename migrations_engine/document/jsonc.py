"""JSON with comments: its values, and the line of every key and entry."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

from migrations_engine.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"
Path: TypeAlias = tuple[str | int, ...]

_STRING: Final = r'"(?:[^"\\]|\\.)*+"'
_COMMENT: Final = re.compile(rf"{_STRING}|(//[^\n]*|/\*(?s:.*?)\*/|/\*)")
_TRAILING_COMMA: Final = re.compile(rf"{_STRING}|(,)(?=\s*[}}\]])")
_PIECE: Final = re.compile(rf"({_STRING})|([\[\]{{}},:])|[^\s\"\[\]{{}},:]+")


class NotJSON(ValueError):
    """A text that is no JSON with comments; ``faults`` lists what is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


def decode(text: str) -> Value:
    """The value of a document.

    Raises:
        NotJSON: It is no JSON, has trailing commas, or one key twice.
    """
    bare = blanked(text)
    repeats: list[bool] = []

    def unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
        found = dict(pairs)
        repeats.append(len(found) != len(pairs))
        return found

    try:
        # Numbers have no meaning here; as floats they may be of any length.
        value: Value = json.loads(bare, object_pairs_hook=unique, parse_constant=_refuse, parse_int=float)
    except json.JSONDecodeError as error:
        commas = [match.start() for match in _TRAILING_COMMA.finditer(bare) if match.lastindex]
        faults = [_fault(bare, at, "a comma with nothing behind it") for at in commas]
        raise NotJSON(faults or [_fault(bare, error.pos, _reason(bare, error))]) from None
    except RecursionError:
        raise NotJSON([Fault("the document is nested too deeply")]) from None
    if any(repeats):
        raise NotJSON(_repeated(bare))
    return value


def blanked(text: str) -> str:
    """The text with comments turned into spaces, so that every place in it stays where it was.

    Raises:
        NotJSON: A comment is never closed.
    """
    text = text.removeprefix("\ufeff")
    if "//" not in text and "/*" not in text:
        return text
    for match in _COMMENT.finditer(text):
        if match.group() == "/*":
            raise NotJSON([_fault(text, match.start(), "the comment is never closed")])
    return _COMMENT.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    """A comment as spaces; its line breaks stay."""
    return re.sub(r"[^\n]", " ", match.group()) if match.group(1) else match.group()


def _reason(text: str, error: json.JSONDecodeError) -> str:
    """What is wrong, where the JSON module's own words lead astray."""
    if error.msg.startswith("Expecting ',' delimiter") and text[error.pos : error.pos + 1] == '"':
        return "a comma is missing before this"
    if not text.strip():
        return "the document is empty; one without tables is {}"
    return error.msg


def _refuse(constant: str) -> NoReturn:
    raise NotJSON([Fault(f"{constant} is no JSON")])


def _fault(text: str, at: int, message: str) -> Fault:
    """A fault at an offset; its message ends with the column."""
    line = text.count("\n", 0, at) + 1
    return Fault(f"{message} (column {at - text.rfind(chr(10), 0, at)})", line=line)


def _repeated(bare: str) -> list[Fault]:
    """A fault for every key that stands in its object before."""
    first: dict[Path, int] = {}
    faults = []
    for path, at in _places(bare):
        if path in first and isinstance(path[-1], str):
            line = bare.count("\n", 0, first[path]) + 1
            faults.append(_fault(bare, at, f"the key {path[-1]!r} is there already, on line {line}"))
        first.setdefault(path, at)
    return faults


class Lines:
    """The line of each key and list entry of a document, looked for when the first is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _places(self) -> dict[Path, int]:
        bare = blanked(self._text)
        breaks = [match.start() for match in re.finditer("\n", bare)]
        return {path: bisect_left(breaks, at) + 1 for path, at in _places(bare)}

    def of(self, path: Path) -> int | None:
        """The line of a key or an entry, or of the nearest one around it."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path)


def _places(bare: str) -> Iterator[tuple[Path, int]]:
    """Every key and list entry of a valid document with its offset, in order."""
    labels: list[str | int] = []
    awaits_key = False
    for match in _PIECE.finditer(bare):
        piece = match.group()
        if piece == ":":
            awaits_key = False
        elif piece == ",":
            awaits_key = isinstance(labels[-1], str)
            if not awaits_key:
                labels[-1] = int(labels[-1]) + 1
        elif piece in ("}", "]"):
            labels.pop()
        elif awaits_key:
            labels[-1] = json.loads(piece)
            yield tuple(labels), match.start()
        else:
            if labels and isinstance(labels[-1], int):
                yield tuple(labels), match.start()
            if piece in ("{", "["):
                awaits_key = piece == "{"
                labels.append("" if awaits_key else 0)
