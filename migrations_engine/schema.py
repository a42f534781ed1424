"""The schema that users hold: its objects, its hash, its document."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from migrations_engine import normalize
from migrations_engine.document import reader, writer
from migrations_engine.errors import Fault, SchemaError
from migrations_engine.model import Objects

if TYPE_CHECKING:
    from os import PathLike


@dataclass(frozen=True, kw_only=True)
class Schema(Objects):
    """A whole schema, in declared order; two that make equal databases have equal hashes."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        return normalize.schema_hash(self)

    def to_json(self) -> str:
        """The canonical, readable document."""
        return self._document

    @cached_property
    def _document(self) -> str:
        return writer.dumps(self)


def loads(text: str, *, source: str = "schema document") -> Schema:
    """Read a schema document.

    Args:
        text: JSON with comments.
        source: What to call the document in errors.

    Raises:
        SchemaError: The document is wrong; the error lists every fault with its place.
    """
    found = reader.read(text, source=source)
    return Schema(
        tables=found.tables,
        views=found.views,
        triggers=found.triggers,
        virtual_tables=found.virtual_tables,
    )


def load(path: str | PathLike[str]) -> Schema:
    """Read a schema document from a file; ``-`` is standard input.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: The document is wrong; the error lists every fault with its place.
    """
    return loads(read_text(path), source=str(path))


def read_text(path: str | PathLike[str]) -> str:
    """The text of a document in a file; ``-`` is standard input.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: It is a database, or not UTF-8.
    """
    raw = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    if raw.startswith(b"SQLite format 3\0"):
        fault = Fault("this is a database, not a document: `schema import` makes the document of one")
        raise SchemaError([fault], source=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SchemaError([Fault("this is not UTF-8", line=line)], source=str(path)) from None
