"""One schema document, one SQLite file: load, compare, apply, roll back.

Everything that users may import stands here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Now, not late: importing the package of that name afterwards would put itself in the function's place.
from migrations_engine.ddl import statements as ddl
from migrations_engine.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DataDoesNotFit,
    DestructiveChange,
    Fault,
    FleetFile,
    MigrationError,
    NoSpace,
    NotTranslatable,
    NoWayBack,
    PauseTooLong,
    SchemaError,
    SQLiteTooOld,
    UnknownDialect,
    UnknownExtension,
    UnknownObject,
    UnknownStrategy,
    Unsupported,
    Untranslated,
    WayBackLossy,
    WrongLeave,
)

if TYPE_CHECKING:
    from migrations_engine.changes.compare import compare
    from migrations_engine.introspection import introspect
    from migrations_engine.rehearsal import Rehearsal, rehearse
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
    "NoSpace",
    "NoWayBack",
    "NotTranslatable",
    "PauseTooLong",
    "Rehearsal",
    "Result",
    "RolledBack",
    "SQLiteTooOld",
    "Schema",
    "SchemaError",
    "UnknownDialect",
    "UnknownExtension",
    "UnknownObject",
    "UnknownStrategy",
    "Unsupported",
    "Untranslated",
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
    "rehearse",
    "rollback",
]

_LATE = {
    "Rehearsal": ("rehearsal", "Rehearsal"),
    "Result": ("runner", "Result"),
    "RolledBack": ("runner", "RolledBack"),
    "Schema": ("schema", "Schema"),
    "apply": ("runner", "apply"),
    "cleanup": ("runner", "cleanup"),
    "compare": ("changes.compare", "compare"),
    "describe": ("renderings.description", "describe"),
    "history": ("runner", "history"),
    "introspect": ("introspection", "introspect"),
    "load": ("schema", "load"),
    "loads": ("schema", "loads"),
    "plan": ("runner", "plan"),
    "rehearse": ("rehearsal", "rehearse"),
    "rollback": ("runner", "roll_back"),
}
"""Imported when asked for: whoever opens files needs no part of this package that reads documents."""


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # All of them: whoever loads a document goes on with it, and is not to wait again in the midst of that.
    for each, (module, attribute) in _LATE.items():
        globals()[each] = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    found: object = globals()[name]
    return found
