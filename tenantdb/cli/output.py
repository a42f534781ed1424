"""What commands print; the engine's commands print in the same way."""

from __future__ import annotations

from migrations_engine.commands.output import (
    AsJson,
    console,
    counted,
    document,
    facts,
    notes,
    say,
    size,
    table,
)

__all__ = ["AsJson", "console", "counted", "document", "facts", "notes", "say", "size", "table"]
