"""The tenant files that this process has open: as many as fit, the least used ones closed for others.

A connection is taken out of its file while it is in use, so what is closed for want of room is idle by
construction. Taking and giving back need no lock: popping and appending are atomic.
"""

from __future__ import annotations

import contextlib
import logging
import resource
import threading
import time
from typing import TYPE_CHECKING

import apsw

from tenantdb.errors import TenantBusy
from tenantdb.handles import connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tenantdb.handles.connections import Reader, Writer
    from tenantdb.model import Durability, Route

_log = logging.getLogger("tenantdb.files")

MAX_CONNECTIONS = 1000
MAX_BYTES = 512 * 1024 * 1024
"""What SQLite may hold in memory for all files of this process; page caches are most of it."""

_SHARE_OF_DESCRIPTORS = 2
"""Half of the descriptors that the process may open, by its soft limit, stay the application's."""

_POLL_SECONDS = 0.001


class OpenFile:
    """One generation of a tenant, with the connections that are open on it.

    Attributes:
        route: The route that led here.
        word: The freshness word at which that route was last known to be the tenant's.
        idle: Readers that nobody uses, the last used on top.
        writer: The one connection that writes, once there is one; belongs to the holder of ``lock``.
        lock: Held by the thread that writes.
        used: Somebody used the file since room was last looked for.
        closed: No longer one of the open files: what comes back to it is closed.
    """

    __slots__ = ("closed", "idle", "lock", "route", "used", "word", "writer")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.word = -1
        self.idle: list[Reader] = []
        self.writer: Writer | None = None
        self.lock = threading.Lock()
        self.used = True
        self.closed = False

    @property
    def has_idle(self) -> bool:
        """Whether something could be closed here."""
        return bool(self.idle) or (self.writer is not None and not self.lock.locked())


class OpenFiles:
    """The open files of a process, bounded by descriptors and by bytes."""

    def __init__(
        self,
        *,
        durability: Durability,
        extensions: tuple[str, ...] = (),
        max_connections: int | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Begin with none open.

        Args:
            durability: What an acknowledged write survives.
            extensions: ``package:function``, called with each new connection.
            max_connections: How many may be open; by default what the process's descriptors allow.
            max_bytes: How much memory SQLite may use before files are closed.
        """
        self._durability = durability
        self._extensions = extensions
        self._max_connections = max_connections or _allowed_connections()
        self._max_bytes = max_bytes
        self._files: dict[Path, OpenFile] = {}
        self.forget()

    def forget(self) -> None:
        """Begin anew without touching what was open: for a child that was forked."""
        self._gate = threading.Lock()  # held over a fork: nothing is opened meanwhile
        self._lock = threading.Lock()
        self._open = 0
        for file in self._files.values():
            file.idle.clear()  # handles that were kept may still look here
        self._files.clear()

    @property
    def connections(self) -> int:
        """How many connections are open or about to be opened."""
        return self._open

    def of(self, route: Route) -> OpenFile:
        """The open file of a route; opens nothing yet."""
        with self._lock:
            file = self._files.get(route.path)
            if file is None or file.route != route:
                stale, file = file, OpenFile(route)
                self._files[route.path] = file
                if stale is not None:
                    stale.closed = True
                    self._close_idle(stale)
            return file

    def take_reader(self, file: OpenFile, *, wait: float) -> Reader:
        """An idle reader of a file, or a new one; to be given back or dropped.

        Raises:
            TenantBusy: All connections that the process may have were in use for ``wait`` seconds.
            TenantDamaged: The file can't be opened.
        """
        file.used = True
        with contextlib.suppress(IndexError):
            return file.idle.pop()
        with self._room(file.route, wait=wait):
            return connections.open_reader(file.route, extensions=self._extensions)

    def give_back(self, file: OpenFile, reader: Reader) -> None:
        """Let others use a reader on which no statement and no transaction runs."""
        file.idle.append(reader)
        if file.closed:  # looked at after the append: whoever closed the file may have emptied it before
            self.close_idle(file)

    def take_writer(self, file: OpenFile, *, wait: float) -> Writer:
        """The writer of a file, opened at need; the caller holds the file's lock.

        Raises:
            TenantBusy: All connections that the process may have were in use for ``wait`` seconds.
            TenantDamaged: The file can't be opened.
        """
        file.used = True
        if file.writer is None:
            with self._room(file.route, wait=wait):
                file.writer = connections.open_writer(
                    file.route, durability=self._durability, extensions=self._extensions
                )
        return file.writer

    def drop_writer(self, file: OpenFile) -> None:
        """Close a file's writer; the caller holds the file's lock."""
        if file.writer is not None:
            raw, file.writer = file.writer.raw, None
            self.drop(raw)

    def drop(self, raw: apsw.Connection) -> None:
        """Close a connection that must not be used again, with whatever still runs on it."""
        raw.close(force=True)
        with self._lock:
            self._open -= 1

    def leave(self, file: OpenFile) -> None:
        """Close a file that its tenant has left: what is idle now, the rest as it comes back."""
        with self._lock:
            file.closed = True
            if self._files.get(file.route.path) is file:
                del self._files[file.route.path]
        self.close_idle(file)

    def close_idle(self, file: OpenFile) -> None:
        """Close the connections of a file that nobody uses."""
        with self._lock:
            self._close_idle(file)

    def close(self) -> None:
        """Close all that is idle."""
        with self._lock:
            for file in self._files.values():
                self._close_idle(file)

    def pause(self, *, seconds: float) -> bool:
        """Close every connection and open none until ``resume``: what a fork needs.

        Args:
            seconds: How long to wait for those that are in use.

        Returns:
            Whether all are closed. If not, ``resume`` is to be called all the same.
        """
        self._gate.acquire()
        deadline = time.monotonic() + seconds
        while True:
            self.close()
            if self._open == 0 or time.monotonic() >= deadline:
                return self._open == 0
            time.sleep(_POLL_SECONDS)

    def resume(self) -> None:
        """Let connections be opened again, in the process that forked."""
        self._gate.release()

    @contextlib.contextmanager
    def visit(self, route: Route, *, wait: float) -> Iterator[None]:
        """Have room for a connection that the block opens and closes by itself.

        Raises:
            TenantBusy: All connections that the process may have were in use for ``wait`` seconds.
        """
        self._make_room(route, wait=wait)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    @contextlib.contextmanager
    def _room(self, route: Route, *, wait: float) -> Iterator[None]:
        """Have room for one more connection, which the block opens; a failure gives the room back."""
        self._make_room(route, wait=wait)
        try:
            yield
        except BaseException:
            with self._lock:
                self._open -= 1
            raise
        _log.debug("opened", extra={"tenant": route.tenant, "generation": route.generation})

    def _make_room(self, route: Route, *, wait: float) -> None:
        deadline = time.monotonic() + wait
        while not self._found_room():
            if time.monotonic() >= deadline:
                raise TenantBusy(
                    route.tenant,
                    waited=wait,
                    reason=f"all {self._open} connections of this process are in use",
                )
            time.sleep(_POLL_SECONDS)

    def _found_room(self) -> bool:
        with self._gate, self._lock:
            while not self._fits():
                victim = self._victim()
                if victim is None:
                    return False
                self._close_idle(victim)
            self._open += 1
            return True

    def _fits(self) -> bool:
        return self._open == 0 or (
            self._open < self._max_connections and apsw.memory_used() <= self._max_bytes
        )

    def _victim(self) -> OpenFile | None:
        """A file with something idle, taken out of the open ones; those used lately have another chance."""
        for _ in range(2 * len(self._files)):
            path = next(iter(self._files))
            file = self._files.pop(path)
            if file.has_idle and not file.used:
                file.closed = True
                return file
            file.used = False
            self._files[path] = file
        return None

    def _close_idle(self, file: OpenFile) -> None:
        """As ``close_idle``, with our lock held."""
        with contextlib.suppress(IndexError):
            while True:
                file.idle.pop().raw.close()
                self._open -= 1
        if file.writer is not None and file.lock.acquire(blocking=False):
            try:
                writer, file.writer = file.writer, None
                if writer is not None:
                    writer.raw.close()
                    self._open -= 1
            finally:
                file.lock.release()


def _allowed_connections() -> int:
    """How many connections the process's descriptors allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, soft // _SHARE_OF_DESCRIPTORS // connections.DESCRIPTORS))
