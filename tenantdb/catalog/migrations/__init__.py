"""The catalog's own schema, version by version (Alembic)."""
