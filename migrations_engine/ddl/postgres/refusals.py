"""How a translation says no: raised where the reason is known, noted where the owner's name is known."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from migrations_engine.errors import Untranslated

if TYPE_CHECKING:
    from collections.abc import Iterator


class Refused(ValueError):
    """Something has no equal in PostgreSQL; the message is the reason."""


class RefusedElsewhere(Refused):
    """What something stands on is refused, and noted there."""


class Refusals:
    """All that was refused so far: a document is read to its end before anything is said."""

    def __init__(self) -> None:
        self.found: list[Untranslated] = []

    def add(self, object_name: str, reason: str, *, column: str | None = None) -> None:
        """Note a reason, once."""
        refusal = Untranslated(object_name, reason, column)
        if refusal not in self.found:
            self.found.append(refusal)

    @contextmanager
    def of(self, object_name: str, *, column: str | None = None) -> Iterator[None]:
        """Note what is refused inside as this object's; what comes behind inside is left out."""
        try:
            yield
        except RefusedElsewhere:
            pass
        except Refused as refused:
            self.add(object_name, str(refused), column=column)
