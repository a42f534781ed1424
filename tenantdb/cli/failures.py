"""How a failed command exits, and what it says; the engine's commands fail in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.commands import failures as engine
from migrations_engine.commands.failures import FAILED, PARTLY_DONE, REFUSED, WRONG_USE, document
from tenantdb import errors as fleet

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FAILED", "KNOWN", "PARTLY_DONE", "REFUSED", "WRONG_USE", "document", "exit_code", "report"]

KNOWN = (fleet.TenantDBError, *engine.KNOWN)
"""What a user can cause. Anything else is a fault of ours, and its traceback is wanted."""

_CODES: Mapping[type[Exception], int] = {
    **engine.CODES,
    fleet.NotInitialised: WRONG_USE,
    fleet.CatalogVersion: WRONG_USE,
    fleet.SettingsError: WRONG_USE,
    fleet.InvalidTenantId: WRONG_USE,
    fleet.TenantNotFound: WRONG_USE,
    fleet.TenantExists: WRONG_USE,
    fleet.ServerNotFound: WRONG_USE,
    fleet.ServerExists: WRONG_USE,
    fleet.ServerUnusable: WRONG_USE,
    fleet.NoServerFits: REFUSED,
    fleet.FleetHasSchema: REFUSED,
    fleet.NotAdoptable: WRONG_USE,
    fleet.RolloutNotFound: WRONG_USE,
    fleet.RolloutState: WRONG_USE,
}


def exit_code(error: Exception) -> int:
    """The exit code that an error stands for: its class's, else its nearest base's, else 1."""
    return engine.exit_code(error, _CODES)


def report(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, on standard output for programs and on standard error for people."""
    return engine.report(error, as_json=as_json, codes=_CODES)
