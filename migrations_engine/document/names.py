"""Rules of names across a document: reserved ones, and ones that SQLite takes for equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.model import fold, is_engine_name

if TYPE_CHECKING:
    from migrations_engine.document.faults import Faults
    from migrations_engine.document.jsonc import Path


class Names:
    """The names that objects have taken; tables, views and indexes share theirs, triggers have their own."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._objects: dict[str, str] = {}
        self._triggers: dict[str, str] = {}

    def take(self, kind: str, name: str, path: Path, *, table: str | None = None) -> bool:
        """Take a name for an object; whether it may have it, else the reason is noted."""
        taken = self._triggers if kind == "trigger" else self._objects
        other = taken.get(fold(name))
        taken.setdefault(fold(name), f"the {kind} {name!r}")
        reason = _reserved(name)
        if reason is None and other is not None:
            reason = f"the name {name!r} is taken by {other} (SQLite knows no upper and lower case)"
        if reason is not None:
            self._faults.add(reason, path, table=table)
        return reason is None


def _reserved(name: str) -> str | None:
    """Why nobody may use a name; None where it is free."""
    if fold(name).startswith("sqlite_"):
        return f"{name!r}: names that begin with sqlite_ are SQLite's own"
    if is_engine_name(name):
        return f"{name!r}: _schema_versions and names that begin with _tenantdb are the engine's own"
    return None
