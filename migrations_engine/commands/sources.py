"""What a command takes for a schema: a document, standard input, or a database file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import migrations_engine as engine

if TYPE_CHECKING:
    from migrations_engine import Schema

_DOCUMENTS = frozenset({".json", ".jsonc"})


def schema_of(source: str) -> Schema:
    """The schema of a document (``-`` is standard input) or the real structure of a database file.

    Raises:
        FileNotFoundError: There is no such file.
        SchemaError: The document is wrong.
        Unsupported: The database has an object that cannot be read.
    """
    if source == "-" or Path(source).suffix in _DOCUMENTS:
        return engine.load(source)
    # SQLite itself tells what is a database: no other reader may open one.
    try:
        return engine.introspect(source)
    except engine.DatabaseDamaged:
        if not _is_text(source):
            raise
        return engine.load(source)


def title_of(source: str) -> str:
    """What to call a schema: the name of its file without what follows the dot."""
    return "Schema" if source == "-" else Path(source).stem


def _is_text(source: str) -> bool:
    """Whether a file that SQLite does not know is a document by another name, and no broken database."""
    return b"\0" not in Path(source).read_bytes()[:4096]
