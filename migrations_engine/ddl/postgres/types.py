"""Declared types: what a column of SQLite becomes, by the words of its type and by its affinity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import BYTES, NOCASE
from migrations_engine.model import fold
from migrations_engine.sql.affinity import affinity
from migrations_engine.sql.lexer import tokenize, unquote

if TYPE_CHECKING:
    from migrations_engine.ddl.postgres.values import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """The type of a column in PostgreSQL; ``scale`` is what stands behind ``numeric``, with parentheses."""

    kind: Kind
    scale: str = ""
    collation: str | None = None

    @property
    def sql(self) -> str:
        """The type as it is written behind a column's name."""
        collation = f' COLLATE "{self.collation}"' if self.collation else ""
        return f"{self.kind}{self.scale}{collation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """One row of the table of types: what it applies to, the pattern that says so, and what it gives."""

    declared: str
    pattern: str
    kind: Kind
    note: str


COLUMN_TYPES: Final = (
    ColumnRule(
        declared="BOOLEAN, BOOL",
        pattern=r"BOOL(EAN)?",
        kind="boolean",
        note="0 and 1 become false and true, in defaults and in expressions",
    ),
    ColumnRule(
        declared="TIMESTAMP WITH TIME ZONE, TIMESTAMPTZ",
        pattern=r"TIMESTAMP WITH TIME ZONE|TIMESTAMPTZ",
        kind="timestamp with time zone",
        note="texts without a zone are UTC",
    ),
    ColumnRule(
        declared="DATETIME, TIMESTAMP",
        pattern=r"(SMALL)?DATETIME2?|TIMESTAMP( WITHOUT TIME ZONE)?",
        kind="timestamp",
        note="without time zone, in UTC, which is what CURRENT_TIMESTAMP of SQLite gives",
    ),
    ColumnRule(declared="DATE", pattern=r"DATE", kind="date", note=""),
    ColumnRule(declared="TIME", pattern=r"TIME( WITHOUT TIME ZONE)?", kind="time", note="without time zone"),
    ColumnRule(
        declared="DECIMAL(p,s), NUMERIC(p,s), NUMBER, MONEY",
        pattern=r"DEC(IMAL)?|NUM(ERIC|BER)?|MONEY|SMALLMONEY|CURRENCY",
        kind="numeric",
        note="exact decimals, rounded to s places; SQLite keeps binary fractions and rounds nothing",
    ),
    ColumnRule(
        declared="UUID, GUID, UNIQUEIDENTIFIER", pattern=r"UUID|GUID|UNIQUEIDENTIFIER", kind="uuid", note=""
    ),
    ColumnRule(
        declared="JSON, JSONB",
        pattern=r"JSONB?",
        kind="jsonb",
        note="spaces and the order of keys are not kept",
    ),
    ColumnRule(declared="BYTEA, BINARY, VARBINARY", pattern=r"BYTEA|(VAR)?BINARY", kind="bytea", note=""),
    ColumnRule(
        declared="INTEGER, INT, TINYINT, SMALLINT, BIGINT, UNSIGNED BIG INT, INT2, INT8 and the like",
        pattern=r"(UNSIGNED )?(TINY|SMALL|MEDIUM|BIG ?)?INT(EGER|\d)?( UNSIGNED| SIGNED)?",
        kind="bigint",
        note="64 bits, as in SQLite",
    ),
)
"""Types that are known by their words, in order."""

_BY_AFFINITY: Final[dict[str, Kind]] = {"TEXT": "text", "BLOB": "bytea", "REAL": "double precision"}

AFFINITY_TYPES: Final = (
    (
        "CHAR, VARCHAR(n), NVARCHAR, CLOB, TEXT: text affinity",
        "text",
        'compared by bytes (COLLATE "C"); SQLite checks no n',
    ),
    ("BLOB: blob affinity", "bytea", ""),
    ("REAL, FLOAT, DOUBLE PRECISION: real affinity", "double precision", ""),
)
"""The other types, which the affinity decides: declared, kind, note."""

_ARGUMENTS: Final = re.compile(r"\s*\(.*\)\s*$", re.DOTALL)
_NUMBERS: Final = re.compile(r"\(\s*\+?(\d+)\s*(?:,\s*\+?(\d+)\s*)?\)\s*$")


def column_type(declared: str, collation: str | None, *, strict: bool = False) -> ColumnType:
    """The type of a column.

    Args:
        declared: The declared type as written.
        collation: The column's COLLATE.
        strict: Whether the table is STRICT.

    Raises:
        Refused: The type says too little or two things at once, or the collation has no equal.
    """
    words = _words(declared)
    if not words or (strict and words == "ANY"):
        raise Refused("has no declared type, so that it may hold anything; declare one")
    kind = next((rule.kind for rule in COLUMN_TYPES if re.fullmatch(rule.pattern, words)), None)
    if kind is None:
        kind = _by_affinity(declared)
    scale = _scale(declared) if kind == "numeric" else ""
    return ColumnType(kind=kind, scale=scale, collation=collation_name(collation) if kind == "text" else None)


def collation_name(name: str | None) -> str:
    """The collation that stands for one of SQLite's.

    Raises:
        Refused: It has no equal: RTRIM, or one of the application's.
    """
    folded = "binary" if name is None else fold(name)
    if folded == "binary":
        return BYTES
    if folded == "nocase":
        return NOCASE
    raise Refused(f"the collation {name} has no equal")


def _words(declared: str) -> str:
    """The words of a type in upper case, without quotes and numbers."""
    return " ".join(unquote(token.text).upper() for token in tokenize(_ARGUMENTS.sub("", declared)))


def _by_affinity(declared: str) -> Kind:
    """The kind of a type whose words say nothing but its affinity."""
    kind = _BY_AFFINITY.get(affinity(declared))
    if kind is None or (kind != "text" and "[" in declared.lstrip()[1:]):
        raise Refused(
            f"the type {declared} names nothing that PostgreSQL has (to SQLite it is {affinity(declared)}); "
            "declare the type that its values have"
        )
    return kind


def _scale(declared: str) -> str:
    """The precision and scale of a decimal type."""
    numbers = _NUMBERS.search(declared)
    if numbers is None:
        return ""
    precision, scale = int(numbers[1]), int(numbers[2] or 0)
    if not (1 <= precision <= 1000 and scale <= 1000):
        raise Refused(f"the precision of {declared} is out of PostgreSQL's range")
    return f"({precision},{scale})"
