"""One schema document, one SQLite file: load, compare, apply, roll back.

Everything that users may import stands here.
"""

from __future__ import annotations

from migrations_engine.changes.compare import compare
from migrations_engine.ddl import statements as ddl
from migrations_engine.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DataDoesNotFit,
    DestructiveChange,
    Fault,
    FleetFile,
    MigrationError,
    NoWayBack,
    PauseTooLong,
    SchemaError,
    SQLiteTooOld,
    UnknownDialect,
    UnknownExtension,
    UnknownStrategy,
    Unsupported,
    WayBackLossy,
    WrongLeave,
)
from migrations_engine.introspect import introspect
from migrations_engine.renderings.description import describe
from migrations_engine.runner import Result, RolledBack, apply, cleanup, history, plan
from migrations_engine.runner import roll_back as rollback
from migrations_engine.schema import Schema, load, loads

__all__ = [
    "DataDoesNotFit",
    "DatabaseBusy",
    "DatabaseDamaged",
    "DestructiveChange",
    "Fault",
    "FleetFile",
    "MigrationError",
    "NoWayBack",
    "PauseTooLong",
    "Result",
    "RolledBack",
    "SQLiteTooOld",
    "Schema",
    "SchemaError",
    "UnknownDialect",
    "UnknownExtension",
    "UnknownStrategy",
    "Unsupported",
    "WayBackLossy",
    "WrongLeave",
    "apply",
    "cleanup",
    "compare",
    "ddl",
    "describe",
    "history",
    "introspect",
    "load",
    "loads",
    "plan",
    "rollback",
]
