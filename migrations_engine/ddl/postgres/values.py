"""A translated expression: its text in PostgreSQL, and what is known of its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "bigint",
    "numeric",
    "double precision",
    "boolean",
    "text",
    "bytea",
    "timestamp",
    "timestamp with time zone",
    "date",
    "time",
    "uuid",
    "jsonb",
    "null",
]

NUMBERS: Final[frozenset[Kind]] = frozenset(("bigint", "numeric", "double precision"))
MOMENTS: Final[frozenset[Kind]] = frozenset(("timestamp", "timestamp with time zone", "date", "time"))

BYTES: Final = "C"
"""The collation that compares bytes, as BINARY of SQLite does; lower and ILIKE know ASCII only in it."""

NOCASE: Final = "nocase"
"""The collation that the translation creates for SQLite's NOCASE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A translated expression.

    ``constant`` is the value of a literal as SQLite sees it. ``of_column`` says that SQLite gives a literal
    beside it the affinity of its type. ``compound`` texts need parentheses as an operand. ``text`` is what
    gives SQLite's own text of the value where the type alone does not; ``digits`` marks a text that is
    surely a whole number. ``collation`` is what a text compares by: one that was asked for (``explicit``)
    goes before that of a column (``collates``), and that before what functions give.
    """

    sql: str
    kind: Kind
    constant: str | int | float | bytes | None = None
    of_column: bool = False
    compound: bool = False
    text: str | None = None
    digits: bool = False
    collation: str | None = None
    collates: bool = False
    explicit: bool = False

    @property
    def operand(self) -> str:
        """The text as an operand of something else."""
        return f"({self.sql})" if self.compound else self.sql

    @property
    def precedence(self) -> int:
        """How much its collation counts beside another's."""
        return 2 if self.explicit else int(self.collates)

    @property
    def is_constant(self) -> bool:
        """Whether it is a literal other than NULL."""
        return self.constant is not None


NULL: Final = Value(sql="NULL", kind="null")


def boolean(sql: str) -> Value:
    """The value of a condition."""
    return Value(sql=sql, kind="boolean", compound=True)


def call(name: str, *arguments: str, kind: Kind, collation: str | None = None) -> Value:
    """The value of a function."""
    return Value(sql=f"{name}({', '.join(arguments)})", kind=kind, collation=collation)


def quoted(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"
