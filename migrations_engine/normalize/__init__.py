"""What makes two schemas the same: the canonical form and its hash, one rule a quirk."""

from migrations_engine.normalize.form import VERSION, canonical, canonical_text, schema_hash

__all__ = ["VERSION", "canonical", "canonical_text", "schema_hash"]
