"""A fork closes SQLite first, so that the child inherits no connection.

An inherited one has the parent's table of locks, under which even the child's *new* connections would take
none: commits that were acknowledged get lost. So before a fork everything that has connections is paused, and
both sides open their own again. A fork can't be stopped: where a transaction outlasts the wait, or the
forking thread is inside a block itself, the child is marked, and every call in it raises.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
import weakref
from typing import Protocol

import apsw

from tenantdb.catalog import Catalog
from tenantdb.errors import ForkedInTransaction
from tenantdb.handles import foreign

_log = logging.getLogger("tenantdb.handles.fork")

WAIT_SECONDS = 5.0
"""How long a fork waits for transactions of other threads."""


class Pausable(Protocol):
    """Something that has connections, and can be without them for a moment."""

    def pause(self, *, seconds: float) -> bool:
        """Close all and open none; whether nothing was left open after ``seconds``."""

    def resume(self) -> None:
        """Go on, in the process that forked."""

    def forget(self) -> None:
        """Go on in the child, without touching what the parent had open."""


class Inside(Protocol):
    """A block that an application is inside of, on a connection of its own."""

    thread: int
    raw: apsw.Connection

    def abandon(self) -> None:
        """Let every later use raise: this is the child, the connection is the parent's."""


blocks: set[Inside] = set()
"""The blocks that are running, in all threads."""

_watched: weakref.WeakSet[Pausable] = weakref.WeakSet()


class _State:
    """What the hooks leave to each other, while ``forking`` is held."""

    forking = threading.Lock()
    files: list[Pausable] = []  # noqa: RUF012 - one for the process
    catalogs: tuple[Catalog, ...] = ()
    clean = True
    marked = False


def watch(pausable: Pausable) -> None:
    """Have something paused at each fork, for as long as it lives."""
    with _State.forking:
        _watched.add(pausable)


def refuse_if_marked() -> None:
    """Let no call through in a process that was forked inside a transaction.

    Raises:
        ForkedInTransaction: This process was.
    """
    if _State.marked:
        raise ForkedInTransaction


def _before() -> None:
    _State.forking.acquire()
    _State.files, _State.catalogs = list(_watched), Catalog.opened()
    inside = any(block.thread == threading.get_ident() for block in tuple(blocks))
    deadline = time.monotonic() + (0.0 if inside else WAIT_SECONDS)
    _State.clean = True
    # Files first: a block that still runs may need the catalog for its end. And each one, whatever the others
    # say: what is idle must be closed.
    for files in _State.files:
        _State.clean &= files.pause(seconds=_left(deadline))
    for catalog in _State.catalogs:
        _State.clean &= catalog.pause(seconds=_left(deadline))
    _State.clean &= not any(_is_on_our_file(conn) for conn in apsw.connections())


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _is_on_our_file(conn: apsw.Connection) -> bool:
    """Whether a connection that nobody here can close, an operation's, would be inherited."""
    try:
        return foreign.is_ours(conn.filename)
    except apsw.ConnectionClosedError:  # another thread closed it just now
        return False


def _after_in_parent() -> None:
    clean = _State.clean
    for catalog in _State.catalogs:
        catalog.resume()
    for files in _State.files:
        files.resume()
    _State.forking.release()
    if not clean:
        _log.warning("forked inside a transaction; the child can use no tenant", extra={"pid": os.getpid()})


def _after_in_child() -> None:
    _State.marked |= not _State.clean
    for conn in filter(_is_on_our_file, apsw.connections()):
        # Closing it would clean up shared memory that the parent is using: it stays open until exec or exit.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(conn))
    for block in blocks:
        block.abandon()
    blocks.clear()
    for catalog in _State.catalogs:
        catalog.resume()
    for files in _State.files:
        files.forget()
    _State.forking = threading.Lock()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
