"""Everything that the platform raises, as one tree; ``retryable`` says whether trying again can help.

TenantDBError
├── NotInitialised          there is no home where we looked
├── SettingsError           a setting is wrong
├── InvalidTenantId         not an id
├── TenantNotFound          no tenant of that id; never makes a file
├── TenantExists            the id is taken
├── TenantBusy              (r) another writer or an operation holds the tenant
├── TenantElsewhere         the tenant lives on another server
├── ReadOnly                misuse: a write where only reading was asked for
├── TenantReadOnly          (r) the state between a fence and its end
├── TenantFrozen            the file is newer than its route: the catalog went back in time
├── SchemaBehind            the file's schema is older than the code needs
├── SchemaAhead             the file's schema is newer than the code knows
├── TenantDamaged           the file is missing, malformed or not the tenant's
├── Forbidden               a statement that applications may not run
├── NestedWrite             a write inside one's own write on the same tenant
├── ForkedInTransaction     this process was forked inside a write
├── ForeignSQLite           another SQLite library would open a file of ours in this process
├── CatalogUnavailable      (r) the catalog does not answer
├── CatalogVersion          the catalog has another version than this code works with
├── ServerNotFound / ServerExists / ServerUnusable
├── NoServerFits            no server takes a tenant of that kind
├── FleetHasSchema          the fleet has a schema already: changing it is a rollout
├── NotAdoptable            a file that can't become a tenant
├── StatementFailed         a statement of a person's shell failed
├── OperationFailed         an operation ended without its goal; everything is as before
├── OperationUnknown        whether it happened cannot be known; a person must look
├── LeaseLost               (r) another worker took the operation over
└── RolloutNotFound / RolloutState
"""

from __future__ import annotations

from typing import ClassVar


class TenantDBError(Exception):
    """Base of all errors of the platform."""

    retryable: ClassVar[bool] = False


class NotInitialised(TenantDBError):
    """There is no home where we looked; ``home`` is the absolute folder."""

    def __init__(self, home: str) -> None:
        self.home = home
        super().__init__(
            f"no tenantdb home at {home}. Make one with: tenantdb init (TENANTDB_HOME says where)"
        )


class SettingsError(TenantDBError):
    """A setting is wrong; the message names it, its source and what it takes."""


class InvalidTenantId(TenantDBError):
    """Not a tenant id; ``given`` is what was given, ``reason`` why it is none."""

    def __init__(self, given: object, reason: str) -> None:
        self.given = given
        self.reason = reason
        super().__init__(f"{given!r:.80} is no tenant id: {reason}")


class TenantNotFound(TenantDBError):
    """No tenant has this id."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(f"no tenant {tenant!r}. List them with: tenantdb tenant list")


class TenantExists(TenantDBError):
    """The id is taken."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(f"tenant {tenant!r} exists already")


class TenantBusy(TenantDBError):
    """Another writer or an operation held the tenant for longer than we may wait."""

    retryable: ClassVar[bool] = True

    def __init__(self, tenant: str, *, waited: float, reason: str = "another writer holds it") -> None:
        self.tenant = tenant
        self.waited = waited
        self.reason = reason
        super().__init__(f"tenant {tenant!r} is busy: {reason} (waited {waited:.1f} s); try again")


class TenantElsewhere(TenantDBError):
    """The tenant lives on another server: ``server``, at ``url``; ``here`` is this process's server."""

    def __init__(self, tenant: str, *, server: str, url: str, here: str) -> None:
        self.tenant = tenant
        self.server = server
        self.url = url
        self.here = here
        super().__init__(f"tenant {tenant!r} lives on server {server!r} ({url}), this process is on {here!r}")


class ReadOnly(TenantDBError):
    """Misuse: a write where only reading was asked for."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(
            f"tenant {tenant!r}: read() and query() do not write; use write(), session() or execute()"
        )


class TenantReadOnly(TenantDBError):
    """The tenant takes no writes for the moment: between a fence and the end of its operation."""

    retryable: ClassVar[bool] = True

    def __init__(self, tenant: str, *, state: str) -> None:
        self.tenant = tenant
        self.state = state
        super().__init__(
            f"tenant {tenant!r} takes no writes now: its file is {state}; try again, or run: tenantdb recover"
        )


class TenantFrozen(TenantDBError):
    """The file is newer than its route: the catalog went back in time; nothing is served until its repair."""

    def __init__(self, tenant: str, *, file_epoch: int, route_epoch: int) -> None:
        self.tenant = tenant
        self.file_epoch = file_epoch
        self.route_epoch = route_epoch
        super().__init__(
            f"tenant {tenant!r} is frozen: its file is at epoch {file_epoch}, its route at {route_epoch}; "
            "the catalog is older than the files. Run: tenantdb doctor"
        )


class _SchemaMismatch(TenantDBError):
    """Both sides of a schema mismatch."""

    side: ClassVar[str]

    def __init__(self, tenant: str, *, has: str, needs: str) -> None:
        self.tenant = tenant
        self.has = has
        self.needs = needs
        super().__init__(
            f"tenant {tenant!r} is {self.side} the schema that is needed: it has {has:.12}, not {needs:.12}"
        )


class SchemaBehind(_SchemaMismatch):
    """The file's schema is older than what is needed."""

    side: ClassVar[str] = "behind"


class SchemaAhead(_SchemaMismatch):
    """The file's schema is newer than what is known."""

    side: ClassVar[str] = "ahead of"


class TenantDamaged(TenantDBError):
    """The tenant's file is missing, malformed, or says that it is another's."""

    def __init__(self, tenant: str, *, path: str, reason: str) -> None:
        self.tenant = tenant
        self.path = path
        self.reason = reason
        super().__init__(f"tenant {tenant!r}: {path}: {reason}. Run: tenantdb doctor")


class Forbidden(TenantDBError):
    """A statement that applications may not run on a tenant's connection."""

    def __init__(self, tenant: str, *, what: str, instead: str) -> None:
        self.tenant = tenant
        self.what = what
        self.instead = instead
        super().__init__(f"tenant {tenant!r}: {what} is not for applications; {instead}")


class NestedWrite(TenantDBError):
    """A write inside one's own write on the same tenant: it would wait for itself."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        super().__init__(
            f"tenant {tenant!r}: this thread is inside a write() already; use the connection that it gave"
        )


class ForkedInTransaction(TenantDBError):
    """This process was forked inside a write: its connections belong to the parent."""

    def __init__(self) -> None:
        super().__init__(
            "this process was forked inside a write(); start it before the write, or with 'spawn'"
        )


class ForeignSQLite(TenantDBError):
    """Another SQLite library would open a file of ours in this process; ``path`` is the file."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"sqlite3 must not open {path} in a process that uses tenantdb: each would lose the other's "
            "locks; use get_tenant_db(), or another process"
        )


class CatalogUnavailable(TenantDBError):
    """The catalog does not answer; ``url`` without its password."""

    retryable: ClassVar[bool] = True

    def __init__(self, url: str, *, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"the catalog at {url} does not answer: {reason}; try again")


class CatalogVersion(TenantDBError):
    """The catalog's schema has another version than this code works with; both sides are its own numbers."""

    def __init__(self, url: str, *, found: str, needed: str) -> None:
        self.url = url
        self.found = found
        self.needed = needed
        remedy = "upgrade it with: tenantdb init" if found < needed else "upgrade tenantdb on this machine"
        super().__init__(f"the catalog at {url} has version {found}, this tenantdb needs {needed}; {remedy}")


class ServerNotFound(TenantDBError):
    """No server has this id."""

    def __init__(self, server: str) -> None:
        self.server = server
        super().__init__(f"no server {server!r}. List them with: tenantdb server list")


class ServerExists(TenantDBError):
    """The id is taken."""

    def __init__(self, server: str) -> None:
        self.server = server
        super().__init__(f"server {server!r} exists already")


class ServerUnusable(TenantDBError):
    """A server that cannot hold tenants: its URL or its folder; the message says why and what to do."""

    def __init__(self, server: str, *, reason: str) -> None:
        self.server = server
        self.reason = reason
        super().__init__(f"server {server!r}: {reason}")


class NoServerFits(TenantDBError):
    """No server takes a tenant of that kind; ``reasons`` says for each server why not."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons
        listed = "; ".join(f"{server}: {reason}" for server, reason in reasons.items())
        super().__init__(f"no server fits ({listed or 'there is none'}). Add one with: tenantdb server add")


class FleetHasSchema(TenantDBError):
    """The fleet has a schema and tenants already; both sides are hashes."""

    def __init__(self, *, has: str, given: str) -> None:
        self.has = has
        self.given = given
        super().__init__(
            f"the fleet has tenants and the schema {has:.12}, not {given:.12}; "
            "change it with: tenantdb rollout start schema.json"
        )


class NotAdoptable(TenantDBError):
    """A file that can't become a tenant; ``path`` and ``reason`` say which and why."""

    def __init__(self, path: str, *, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} can't be adopted: {reason}")


class StatementFailed(TenantDBError):
    """A statement of a person's shell failed; the message says why."""


class OperationFailed(TenantDBError):
    """An operation ended without its goal; everything is as it was before."""

    def __init__(self, operation: str, *, reason: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(f"operation {operation} failed: {reason}; everything is as before")


class OperationUnknown(TenantDBError):
    """Whether an operation happened cannot be known; never tried again by itself."""

    def __init__(self, operation: str, *, reason: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(
            f"operation {operation}: outcome unknown: {reason}. Run: tenantdb recover, then tenantdb doctor"
        )


class LeaseLost(TenantDBError):
    """Another worker took this operation over; this one stops without a trace."""

    retryable: ClassVar[bool] = True

    def __init__(self, tenant: str, *, token: int) -> None:
        self.tenant = tenant
        self.token = token
        super().__init__(f"tenant {tenant!r}: the lease with token {token} was taken over")


class RolloutNotFound(TenantDBError):
    """No rollout has this id."""

    def __init__(self, rollout: str) -> None:
        self.rollout = rollout
        super().__init__(f"no rollout {rollout!r}. List them with: tenantdb rollout list")


class RolloutState(TenantDBError):
    """The rollout's state does not allow this."""

    def __init__(self, rollout: str, *, state: str, wanted: str) -> None:
        self.rollout = rollout
        self.state = state
        self.wanted = wanted
        super().__init__(f"rollout {rollout} is {state}; {wanted}")
