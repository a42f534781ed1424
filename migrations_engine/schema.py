"""The schema that users hold: its objects, its hash, its document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from migrations_engine import normalize
from migrations_engine.document import writer
from migrations_engine.model import Objects


@dataclass(frozen=True, kw_only=True)
class Schema(Objects):
    """A whole schema, in declared order; two that make equal databases have equal hashes."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        return normalize.schema_hash(self)

    def to_json(self) -> str:
        """The canonical, readable document."""
        return writer.dumps(self)
