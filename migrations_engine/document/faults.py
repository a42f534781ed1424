"""Faults as they are found: all of them, each with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from migrations_engine.document.jsonc import Lines, Path
from migrations_engine.errors import Fault
from migrations_engine.sql.assembly import Contradiction
from migrations_engine.sql.lexer import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class _Noted:
    """A fault before its line is looked up."""

    message: str
    path: Path
    table: str | None
    column: str | None


class Faults:
    """The faults of a document, or of a part of it that is read alone."""

    def __init__(self) -> None:
        self._noted: list[_Noted] = []

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._noted)

    def add(self, message: str, path: Path, *, table: str | None = None, column: str | None = None) -> None:
        """Note a fault at a key or an entry of the document."""
        self._noted.append(_Noted(message, path, table, column))

    def join(self, part: Faults) -> None:
        """Note the faults of a part."""
        self._noted += part._noted

    def noted(self, path: Path, *, table: str | None = None, column: str | None = None) -> _Block:
        """Note what cannot be read in the block as a fault; the block ends there."""
        return _Block(self, path, table, column)

    def found(self, text: str) -> list[Fault]:
        """All faults in the order of the document, each with its line in the text."""
        lines = Lines(text)
        faults = [
            Fault(n.message, line=lines.of(n.path), table=n.table, column=n.column) for n in self._noted
        ]
        return sorted(faults, key=lambda fault: fault.line or 0)


@dataclass(frozen=True, slots=True)
class _Block:
    """Turns what cannot be read into a fault at its place."""

    faults: Faults
    path: Path
    table: str | None
    column: str | None

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        """Note the error, if it is one of reading."""
        if not isinstance(error, (Malformed, Contradiction)):
            return False
        self.faults.add(str(error), self.path, table=self.table, column=self.column)
        return True


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that was probably meant; empty where none is near."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
