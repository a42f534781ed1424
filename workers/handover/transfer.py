"""What the phases of one handover share while they run: connections, mappings, figures.

Nothing here is needed by whoever takes the operation over: that reads the handover and the files.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.online import copy
from migrations_engine.online.mapping import identities
from migrations_engine.online.upkeep import Upkeep
from tenantdb import fence
from workers.handover.pause import Limits
from workers.hosts import host_of
from workers.operations.journal import unobserved

if TYPE_CHECKING:
    from pathlib import Path

    from migrations_engine.model import Objects
    from migrations_engine.online.copy import CopyReport
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.phases import Observer
    from migrations_engine.online.refilled import Refilled
    from migrations_engine.online.replay import Admit
    from migrations_engine.online.shadows import Followed
    from migrations_engine.schema import Schema
    from tenantdb.marks import Marks
    from workers.handover.handover import Handover
    from workers.hosts import Host
    from workers.operations.operation import Operation


def silent(_phase: str, _done: int, _total: int) -> None:
    """Tell nobody how far a phase is."""


Told = Callable[[int, int], None]
"""Told (pages written, in all); what it raises ends the copy."""

Own = Callable[[apsw.Connection], None]
"""Makes a copy its own before anybody may write to it."""


def all_pages(transfer: Transfer, told: Told, own: Own) -> CopyReport:
    """Make the target as a copy of all pages of its base."""
    return copy.pages(transfer.base, transfer.target_path, progress=told, own=own)


def no_change(_transfer: Transfer) -> None:
    """Leave the structure as it is."""


def unchanged(schema: Schema) -> Objects:
    """The same structure: for a move."""
    return schema


def nothing_more(_transfer: Transfer, _pause: float) -> None:
    """Leave the target as it is: for a move."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a handover measured; rows, and drained keys and shadow rows, are counts, times seconds."""

    bytes: int = 0
    rows: int = 0
    drained: int = 0
    pause: float = 0.0
    attempts: int = 0
    verified: bool = False
    verify_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it runs by now."""
        return time.monotonic() - self.began


@dataclass(kw_only=True, eq=False)
class Transfer:
    """One handover that is being carried out."""

    operation: Operation
    handover: Handover
    marks: Marks
    limits: Limits = field(default_factory=Limits)
    observer: Observer = unobserved
    progress: Callable[[str, int, int], None] = silent
    figures: Figures = field(default_factory=Figures)
    mapped: Callable[[Schema], tuple[Mapping, ...]] = identities
    """From the source's structure to what feeds which table of the target."""
    becomes: Callable[[Schema], Objects] = unchanged
    """From the source's structure to the target's."""
    copied: Callable[[Transfer, Told, Own], CopyReport] = all_pages
    """Makes the target from its base."""
    change: Callable[[Transfer], None] = no_change
    """Changes the structure of the born target, inside a transaction that may."""
    finish: Callable[[Transfer, float], None] = nothing_more
    """Called in the target's last transaction, with the seconds that writers have waited so far."""
    mappings: tuple[Mapping, ...] = ()
    upkeep: Upkeep = field(default_factory=Upkeep)
    triggers: tuple[str, ...] = ()
    watermark: int = 0
    schema_version: int = 0
    sealed: bool = False
    """Whether the source was sealed in the pause already."""
    discard: bool = False
    """Whether rows that the target's schema refuses are left out: with leave, in a rollback alone."""
    _opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def tenant(self) -> str:
        """The canonical id."""
        return self.handover.tenant

    @cached_property
    def source_host(self) -> Host:
        """The server that the tenant is on."""
        return host_of(self.operation.catalog, self.handover.source.server)

    @cached_property
    def target_host(self) -> Host:
        """The server that the new generation is made on."""
        return host_of(self.operation.catalog, self.handover.target.server)

    @cached_property
    def source_path(self) -> Path:
        """The source's file."""
        return self.source_host.locate(self.handover.source.path, tenant=self.tenant)

    @cached_property
    def base_path(self) -> Path:
        """The file that the target begins as a copy of."""
        host = host_of(self.operation.catalog, self.handover.base.server)
        return host.locate(self.handover.base.path, tenant=self.tenant)

    @cached_property
    def target_path(self) -> Path:
        """The target's file."""
        return self.target_host.locate(self.handover.target.path, tenant=self.tenant)

    @cached_property
    def source(self) -> apsw.Connection:
        """Reads the source."""
        return self._open(self.source_path)

    @cached_property
    def base(self) -> apsw.Connection:
        """Reads what the target begins as a copy of."""
        return self._open(self.base_path)

    @cached_property
    def lock(self) -> apsw.Connection:
        """Writes the source, and holds its lock in the pause.

        Apart from the reader, so that the watchdog may roll it back at any moment.
        """
        return self._open(self.source_path)

    @cached_property
    def target(self) -> apsw.Connection:
        """Writes the target; durable only where it is said, because nothing rests on it before the fence."""
        conn = self._open(self.target_path)
        conn.execute("PRAGMA synchronous = NORMAL")
        return conn

    @property
    def counted(self) -> tuple[Mapping, ...]:
        """All tables that may have a counter."""
        return (*self.mappings, *self.upkeep.mappings)

    def stale(self) -> list[Followed | Refilled]:
        """The virtual tables that may have changed since they were compared last."""
        return self.upkeep.stale(self.source, self.target)

    @property
    def admit(self) -> Admit:
        """Opens a transaction that may write the target's guarded tables."""

        def admitted(conn: apsw.Connection) -> contextlib.AbstractContextManager[apsw.Connection]:
            self.operation.check()
            return fence.admitted(conn, operation=self.operation.id, token=self.operation.token)

        return admitted

    def owned(
        self, conn: apsw.Connection, *, wait: float = 5.0, durable: bool = False
    ) -> contextlib.AbstractContextManager[object]:
        """Hold a file's write lock for one transaction that has proved to be this operation's."""
        self.operation.check()
        return fence.owned(
            conn, operation=self.operation.id, token=self.operation.token, wait=wait, durable=durable
        )

    def close(self) -> None:
        """Close the connections, so that whatever follows sees the files as anybody does."""
        with contextlib.suppress(apsw.FullError):  # no room to fold the log in: it is read where it is
            self._opened.close()
        for name in ("source", "base", "lock", "target"):
            self.__dict__.pop(name, None)

    def _open(self, path: Path) -> apsw.Connection:
        conn = sqlite.connect(path)
        # No commit of ours checkpoints by itself: in the pause it would keep the writers waiting.
        conn.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        self._opened.callback(conn.close)
        return conn
