"""The values that everything about tenants is said in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - part of a public value


class FileState(StrEnum):
    """The life of a generation, one way only: born, open, retired."""

    BORN = "born"
    OPEN = "open"
    RETIRED = "retired"


class Durability(StrEnum):
    """What an acknowledged write survives: power loss (full), or any crash of processes (normal)."""

    FULL = "full"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a tenant is: one row of the catalog. ``path`` is absolute on its server."""

    tenant: str
    server: str
    path: Path
    generation: int
    epoch: int
    schema_hash: str | None
    backend: str = "sqlite"
    state: str = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The control row of a tenant file: what the file says it is."""

    tenant: str
    generation: int
    epoch: int
    state: FileState
    operation: str | None
    token: int
    schema_hash: str | None
