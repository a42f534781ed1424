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


class Faults:
    """The faults of one document; lines are looked up only where there is a fault."""

    def __init__(self, text: str) -> None:
        self._lines = Lines(text)
        self._found: list[Fault] = []

    def add(self, message: str, path: Path, *, table: str | None = None, column: str | None = None) -> None:
        """Note a fault at a key or an entry of the document."""
        self._found.append(Fault(message, line=self._lines.of(path), table=table, column=column))

    def noted(self, path: Path, *, table: str | None = None, column: str | None = None) -> _Noted:
        """Note what cannot be read in the block as a fault; the block ends there."""
        return _Noted(self, path, table, column)

    @property
    def found(self) -> list[Fault]:
        """All faults in the order of the document."""
        return sorted(self._found, key=lambda fault: fault.line or 0)


@dataclass(frozen=True, slots=True)
class _Noted:
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
