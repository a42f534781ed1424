"""Everything that the engine raises, as one tree.

MigrationError
├── SchemaError            the document is wrong: every fault with its place
├── Unsupported            an object that this version cannot carry: its name and a way out
├── UnknownDialect         there is no DDL for this database
├── UnknownExtension       the application's functions are not where they are said to be
├── NotTranslatable        objects that another database cannot have as they are: lists them with reasons
├── UnknownObject          the schema has no object of this name
├── UnknownStrategy        there is no such way to change a file
├── WrongLeave             what is allowed is no RULE:OBJECT, or there is no such rule
├── DestructiveChange      data would be dropped or rewritten, and no leave was given
├── DataDoesNotFit         rows that the new schema would reject: rule, count, sample keys
├── CaptureLost            the change log does not note what a replay needs
├── VerificationFailed     a copy is not equal to its source: table, count, sample keys
├── PauseTooLong           no strategy keeps writers waiting for less than was asked
├── NoSpace                there is no room for what would be written anew
├── NoWayBack              there is no version to roll back to
├── WayBackLossy           rolling back would lose writes made since: lists them
├── FleetFile              the file is a tenant's: its schema changes by a rollout
├── DatabaseBusy           another process holds the write lock
├── DatabaseDamaged        the file is not a database, or SQLite finds it malformed
└── SQLiteTooOld           the linked SQLite has the WAL-reset bug

Whenever one of them is raised, the file is what it was before.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class MigrationError(Exception):
    """Base of all errors of the engine; ``retryable`` says whether trying again can help."""

    retryable: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a document: where it is and what is wrong with it."""

    message: str
    line: int | None = None
    table: str | None = None
    column: str | None = None

    def __str__(self) -> str:
        """Say the place first, as compilers do."""
        place = f"line {self.line}: " if self.line else ""
        owner = ".".join(part for part in (self.table, self.column) if part)
        return f"{place}{owner + ': ' if owner else ''}{self.message}"


class SchemaError(MigrationError):
    """The schema document is wrong; ``faults`` lists every fault with its place."""

    def __init__(self, faults: list[Fault], *, source: str = "schema document") -> None:
        self.faults = faults
        self.source = source
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {fault}" for fault in faults)]))


class Unsupported(MigrationError):
    """An object that this version cannot carry; ``object_name`` names it, the message says the way out."""

    def __init__(self, message: str, *, object_name: str) -> None:
        self.object_name = object_name
        super().__init__(message)


class DestructiveChange(MigrationError):
    """The change would drop or rewrite data; ``objects`` names what would be lost, ``allow`` the leave."""

    def __init__(self, objects: list[str], *, allow: Sequence[str] = ()) -> None:
        self.objects = objects
        self.allow = list(allow)
        exactly = "".join(f" --allow {shlex.quote(leave)}" for leave in allow)
        way_out = f"Allow exactly this with{exactly}, or everything" if allow else "Allow it"
        super().__init__(
            f"the change would destroy data ({', '.join(objects)}); nothing was changed. "
            f"{way_out} with --allow-destructive (allow_destructive=True)"
        )


class WrongLeave(MigrationError, ValueError):
    """What is allowed is no RULE:OBJECT, or there is no such rule; ``rules`` names those that there are."""

    def __init__(self, text: str, *, rules: list[str]) -> None:
        self.text = text
        self.rules = rules
        super().__init__(
            f"{text!r} allows nothing: give RULE:OBJECT, as drop-column:Users.phone. "
            f"The rules are {', '.join(rules)}"
        )


@dataclass(frozen=True, slots=True)
class Misfit:
    """One rule that rows of the file would break: how many, and a sample of their keys."""

    table: str
    rule: str
    count: int
    sample: tuple[Any, ...]

    def __str__(self) -> str:
        """Name the rule, the count and a few keys."""
        keys = ", ".join(repr(key) for key in self.sample)
        rows = "1 row" if self.count == 1 else f"{self.count} rows"
        return f"{self.table}: {self.rule}: {rows} (keys {keys})"


class DataDoesNotFit(MigrationError):
    """Rows that the new schema would reject; ``misfits`` has rule, count and sample keys of each kind."""

    def __init__(self, misfits: list[Misfit]) -> None:
        self.misfits = misfits
        super().__init__(
            "\n".join(
                ["the data does not fit the new schema; nothing was changed", *(f"  {m}" for m in misfits)]
            )
        )


class CaptureLost(MigrationError):
    """The change log does not note ``table`` by the key that a replay needs: writes may have been missed."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"writes to {table} were not noted by the key that the copy goes by; the source was not changed. "
            "Something dropped the capture's triggers, or changed the structure: start again"
        )


class VerificationFailed(MigrationError):
    """A copy is not equal to its source; ``sample`` has keys of rows that differ, of ``count`` in all."""

    def __init__(self, *, table: str, count: int, sample: tuple[Any, ...]) -> None:
        self.table = table
        self.count = count
        self.sample = sample
        keys = ", ".join(repr(key) for key in sample)
        super().__init__(
            f"{table}: the copy differs from its source in {count} rows (keys {keys}); the source was not "
            "changed. This is a fault of the copy or of a disk: keep both files and look before trying again"
        )


class PauseTooLong(MigrationError):
    """No strategy keeps writers waiting for less than was asked; both sides in seconds."""

    def __init__(self, *, predicted: float, allowed: float) -> None:
        self.predicted = predicted
        self.allowed = allowed
        super().__init__(
            f"writers would wait about {predicted * 1000:.0f} ms, {allowed * 1000:.0f} ms are allowed; "
            "nothing was changed. Raise --max-pause or run it at a quieter time"
        )


class NoSpace(MigrationError):
    """There is no room for what a change writes anew; both sides in bytes."""

    retryable: ClassVar[bool] = True

    def __init__(self, path: str, *, where: str, needed: int, available: int) -> None:
        self.path = path
        self.needed = needed
        self.available = available
        super().__init__(
            f"{path}: the change needs about {needed / 1e6:.0f} MB {where}, {available / 1e6:.0f} MB are "
            "free; nothing was changed. Make room, or drop what is kept for the way back ('cleanup')"
        )


class NoWayBack(MigrationError):
    """There is no version to roll back to, or what it needs was cleaned up."""


class WayBackLossy(MigrationError):
    """Rolling back would lose data; ``losses`` lists it, one sentence each."""

    def __init__(self, losses: list[str]) -> None:
        self.losses = losses
        listed = "\n".join(f"  {loss}" for loss in losses)
        super().__init__(
            f"the older schema cannot hold everything written since; nothing was changed:\n{listed}\n"
            "Discard it with --discard-since (discard_since=True)"
        )


class FleetFile(MigrationError):
    """The file belongs to a tenant of a fleet, which alone may change it; names both."""

    def __init__(self, path: str, *, tenant: str) -> None:
        self.path = path
        self.tenant = tenant
        super().__init__(
            f"{path} is a file of tenant {tenant}: change its schema with 'tenantdb rollout start', which "
            "knows all files of the fleet; nothing was changed"
        )


class DatabaseBusy(MigrationError):
    """Another process holds the write lock longer than we may wait."""

    retryable: ClassVar[bool] = True


class DatabaseDamaged(MigrationError):
    """The file is not a database, or SQLite finds it malformed."""


class SQLiteTooOld(MigrationError):
    """The linked SQLite corrupts WAL files (the WAL-reset bug, versions 3.7.0 to 3.51.2)."""


class UnknownDialect(MigrationError):
    """There is no DDL for this dialect; ``available`` names those that there is DDL for."""

    def __init__(self, dialect: str, *, available: list[str]) -> None:
        self.dialect = dialect
        self.available = available
        super().__init__(f"no DDL for the dialect {dialect!r}; available: {', '.join(available)}")


class UnknownExtension(MigrationError):
    """What registers the application's functions is not there; ``name`` is how it was named."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"TENANTDB_EXTENSIONS names {name!r}: {reason}")


@dataclass(frozen=True, slots=True)
class Untranslated:
    """One thing that has no equal in another database: whose it is, and why."""

    object_name: str
    reason: str
    column: str | None = None

    def __str__(self) -> str:
        """Name the object and the column, then say why."""
        owner = self.object_name if self.column is None else f"{self.object_name}, column {self.column}"
        return f"{owner}: {self.reason}"


class NotTranslatable(MigrationError):
    """Objects that have no equal in ``dialect``; ``refusals`` has all of them, each with its reason."""

    def __init__(self, refusals: list[Untranslated], *, dialect: str) -> None:
        self.refusals = tuple(refusals)
        self.dialect = dialect
        count = "1 thing has" if len(refusals) == 1 else f"{len(refusals)} things have"
        listed = "\n".join(f"  {refusal}" for refusal in refusals)
        super().__init__(
            f"{count} no equal in {dialect}:\n{listed}\n"
            "Change the document, or leave objects out with --omit KIND:NAME (omit=[...])"
        )


class UnknownObject(MigrationError):
    """The schema has no object of this name; ``object_name`` is what was asked for."""

    def __init__(self, object_name: str) -> None:
        self.object_name = object_name
        super().__init__(
            f"the schema has no {object_name!r}; write KIND:NAME with the kind table, index, view, trigger "
            "or virtual-table, or KIND:* for all of a kind"
        )


class UnknownStrategy(MigrationError, ValueError):
    """There is no strategy of this name; ``available`` names those that there are."""

    def __init__(self, strategy: str, *, available: list[str]) -> None:
        self.strategy = strategy
        self.available = available
        super().__init__(f"no strategy is called {strategy!r}; available: {', '.join(available)}")
