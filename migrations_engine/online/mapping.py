"""Which source table feeds which target table, and with what: SQL expressions over the source row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrations_engine.model import Objects
    from migrations_engine.online.shape import TableShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How rows of a source table become rows of a target table.

    Attributes:
        source: The source table; its key is the one that capture has to log.
        target: The target table; its key columns hold the values of ``source.key``, one by one.
        values: (bare target column or rowid alias, SQL expression over the source row) of all that is written.
        kept: Bare target columns that the source does not know: a row that exists at the target keeps them.
    """

    source: TableShape
    target: TableShape
    values: tuple[tuple[str, str], ...]
    kept: tuple[str, ...] = ()


def identity(shape: TableShape) -> Mapping:
    """A table onto itself, with all stored columns and its rowid: for a move."""
    raise NotImplementedError


def identities(schema: Objects) -> tuple[Mapping, ...]:
    """Every table of a schema onto itself: for a move.

    Raises:
        Unsupported: A table that cannot be captured.
    """
    raise NotImplementedError


def between(old: Objects, new: Objects) -> tuple[Mapping, ...]:
    """The tables that live on in a new schema, by name and by the hints of the new document.

    Dropped and added tables have no mapping. A column of the new table takes its fill, else the column of
    the same or the renamed name, else its default.

    Raises:
        Unsupported: A table whose rows the two schemas name by keys that cannot be told from each other.
        SchemaError: Hints that contradict each other.
    """
    raise NotImplementedError


def reverse(mapping: Mapping) -> Mapping:
    """The way back of a mapping: what both sides know goes back, what only the old side knows is kept.

    Raises:
        Unsupported: The way back would have to name rows by a key that the new side does not have.
    """
    raise NotImplementedError
