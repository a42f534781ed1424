"""Indexes of other tables whose rows a change of schema rewrites: made again from the rows of the target."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from migrations_engine.errors import VerificationFailed
from migrations_engine.model import quote
from migrations_engine.online import capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Refilled:
    """An index of another table whose rows differ between both sides: made again from those of the target.

    Attributes:
        name: What it is called.
        module: FTS4 or FTS5, in lower case.
        feeds: The source tables whose changes make it stale; empty where any may do so.
    """

    name: str
    module: str
    feeds: tuple[str, ...]

    def is_stale(self, target: apsw.Connection, schema: str, *, after: int, committed: bool) -> bool:  # noqa: ARG002
        """Whether rows that it indexes came behind that note.

        Commits say nothing here: one may have come before it was made, and its rows to the target after it.
        """
        return capture.has_notes(target, self.feeds, after=after, schema=schema)

    def bring_over(self, target: apsw.Connection, _schema: str) -> int:
        """Make it again."""
        name = quote(self.name)
        target.execute(f"INSERT INTO main.{name} ({name}) VALUES ('rebuild')")
        return 0

    def verify(self, target: apsw.Connection, schema: str) -> int:
        """Make it again, and let the module hold it against the rows."""
        self.bring_over(target, schema)
        name = quote(self.name)
        # FTS5 holds the index against the rows of another table only with a rank; FTS4 knows none.
        columns, values = (f"{name}, rank", ", 1") if self.module == "fts5" else (name, "")
        try:
            target.execute(f"INSERT INTO main.{name} ({columns}) VALUES ('integrity-check'{values})")
        except apsw.CorruptError:
            raise VerificationFailed(table=self.name, count=1, sample=()) from None
        return 0
