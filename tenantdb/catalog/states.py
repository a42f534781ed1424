"""The states that rows of the catalog can be in; each noun's functions say which change follows which."""

from __future__ import annotations

from enum import StrEnum


class ServerState(StrEnum):
    """Whether a server takes new tenants."""

    ACTIVE = "active"
    DRAINING = "draining"


class TenantState(StrEnum):
    """A tenant's life in the catalog; a deleted one keeps its row, so that its epoch never goes back."""

    CREATING = "creating"
    ACTIVE = "active"
    FROZEN = "frozen"
    DELETED = "deleted"


class GenerationState(StrEnum):
    """A physical file's life, one way: born, open, retired, archived; or lost at any time."""

    BORN = "born"
    OPEN = "open"
    RETIRED = "retired"
    ARCHIVED = "archived"
    LOST = "lost"


class OperationKind(StrEnum):
    """What an operation does to its tenant."""

    CREATE = "create"
    MOVE = "move"
    MIGRATE = "migrate"
    ROLLBACK = "rollback"
    ADOPT = "adopt"
    DELETE = "delete"


class OperationState(StrEnum):
    """Running, or one of its four ends; unknown is for a person to look at."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    UNKNOWN = "unknown"


class PhaseEvent(StrEnum):
    """What the journal notes about a phase."""

    ENTERED = "entered"
    LEFT = "left"
    FAILED = "failed"
    UNDONE = "undone"


class RolloutState(StrEnum):
    """A rollout's life; paused and halted ones can be resumed."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    DONE = "done"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


class Outcome(StrEnum):
    """How a rollout went for one tenant; same: it had the schema already."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SAME = "same"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
