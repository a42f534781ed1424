"""One schema document, one SQLite file: load, compare, apply, roll back.

Everything that users may import stands here.
"""

from __future__ import annotations

from migrations_engine.ddl import statements as ddl
from migrations_engine.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DataDoesNotFit,
    DestructiveChange,
    Fault,
    MigrationError,
    NoWayBack,
    PauseTooLong,
    SchemaError,
    SQLiteTooOld,
    UnknownDialect,
    Unsupported,
    WayBackLossy,
)
from migrations_engine.introspect import introspect
from migrations_engine.schema import Schema, load, loads

__all__ = [
    "DataDoesNotFit",
    "DatabaseBusy",
    "DatabaseDamaged",
    "DestructiveChange",
    "Fault",
    "MigrationError",
    "NoWayBack",
    "PauseTooLong",
    "SQLiteTooOld",
    "Schema",
    "SchemaError",
    "UnknownDialect",
    "Unsupported",
    "WayBackLossy",
    "ddl",
    "introspect",
    "load",
    "loads",
]
