"""The transactions of a rebuild: short ones, with room for others between them.

Every one of them first makes sure that the file is still this rebuild's: its record stands there, and nobody
has changed the structure meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import DatabaseBusy
from migrations_engine.lone import claim as claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migrations_engine.lone.claim import Claim

Done = TypeVar("Done")

WAIT_SECONDS = 5.0
"""How long a turn is tried for, as plain SQLite programs do by default in Python."""

HOLD_SECONDS = 0.006
"""How long a turn of a long phase is to keep writers waiting."""

QUIET_HOLD_SECONDS = 0.02
"""The same while nobody writes. Rows that go into an index at random places touch as many of its pages in a
short turn as in a long one, and each turn writes all of them."""

_COMMIT_SECONDS = 0.02
"""How long a commit waits for readers, which stand in its way outside of WAL mode only."""

_BUSY_REST = 2.0
"""How long others get, by how long they were kept waiting: SQLite's own waiters look ever more rarely."""

_QUIET_REST = 0.2
_LONGEST_REST = 0.05
_SHORTEST_REST = 0.0005
_SILENCE_SECONDS = 0.3

_CHECKPOINT_BYTES = 2_000_000
"""Half of what makes other connections checkpoint, with pages of 4096 bytes: so that no writer's commit
pays for the copy's pages."""

_QUIET_CHECKPOINT_BYTES = 4_000_000
"""The same while nobody writes: a page that many turns have written goes into the file once.

Not more: where the disk fills, this and the pages of one turn have to fit into ``reserve.ROOM_BYTES``.
"""

_OPCODES = 2_000
"""How much SQLite does between two looks at the clock."""


_HOLDS = (HOLD_SECONDS, QUIET_HOLD_SECONDS)
"""Where somebody writes, and where nobody does."""


class Moved(Exception):
    """The structure of the file is not what the rebuild was planned for: it has to start again."""


class TurnTooLong(Exception):
    """A turn was taken back at its deadline."""


class Turns:
    """One connection's transactions, and the longest that writers had to wait for one of them.

    Attributes:
        held: Seconds that the lock was held for, the last time.
        worked: The same without the commit, which takes as long for one row as for many.
        longest: The same, at most.
        claim: The owner that the file has to name; None before there is one.
        cookie: The schema version that it has to have.
    """

    def __init__(self, conn: apsw.Connection, *, most: float | None = None) -> None:
        """Begin; no turn of a long phase should take more than ``most`` seconds."""
        self.conn = conn
        self.held = 0.0
        self.worked = 0.0
        self.longest = 0.0
        self.claim: Claim | None = None
        self.cookie = cookie(conn)
        self._holds = [seconds if most is None else min(seconds, most) for seconds in _HOLDS]
        self._seen = _commits_of_others(conn)
        self._heard = time.monotonic()
        self._log_bytes = 0
        self._page_size = int(sqlite.value(conn, "PRAGMA main.page_size"))
        # Instead of SQLite's own checkpoint, which would be a part of the commit.
        conn.set_wal_hook(self._note_log)

    @property
    def quiet(self) -> bool:
        """Whether nobody else seems to write."""
        # Whoever is kept waiting cannot be heard: only after a while does silence mean that nobody is there.
        return time.monotonic() - self._heard >= _SILENCE_SECONDS

    @property
    def hold(self) -> float:
        """How long the next turn of a long phase should take, in seconds."""
        return self._holds[self.quiet]

    def take(self, work: Callable[[], Done], *, limit: float | None = None, ddl: bool = False) -> Done:
        """Do work in one transaction, tried again while readers keep it from being committed.

        Args:
            work: May run several times; what it did before was taken back.
            limit: Seconds after which it is taken back.
            ddl: It changes the structure, and what it makes of it is expected from then on.

        Raises:
            TurnTooLong: It was taken back at its limit.
            Moved: Somebody else has changed the structure.
            DatabaseBusy: The lock, or the readers' leave, was not had in time; or the file has another owner.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                with self._turn(limit):
                    done = work()
                    if ddl:
                        cookie_after = cookie(self.conn)
                if ddl:
                    self.cookie = cookie_after
            except apsw.BusyError:
                if time.monotonic() >= deadline:
                    raise sqlite.busy_error(self.conn, WAIT_SECONDS) from None
                time.sleep(_COMMIT_SECONDS)
            else:
                return done

    def snapshot(self, work: Callable[[], Done]) -> Done:
        """Do work that only reads, on one state of the file; what it has put in temporary tables stays."""
        self.conn.execute("BEGIN")
        try:
            self._require_ours()
            done = work()
            self.conn.execute("COMMIT")
        except BaseException:
            self.conn.execute("ROLLBACK")
            raise
        return done

    def accept(self) -> None:
        """Take the structure as it is, whoever changed it: for taking back."""
        self.cookie = cookie(self.conn)

    def rest(self) -> None:
        """Let others write: for longer than they were kept waiting where there are any, else for a moment."""
        seen = _commits_of_others(self.conn)
        if seen != self._seen:
            self._seen, self._heard = seen, time.monotonic()
        if self._log_bytes >= (_QUIET_CHECKPOINT_BYTES if self.quiet else _CHECKPOINT_BYTES):
            self.checkpoint()
        share = _QUIET_REST if self.quiet else _BUSY_REST
        time.sleep(max(min(self.held * share, _LONGEST_REST), _SHORTEST_REST))

    def checkpoint(self) -> None:
        """Bring the log into the file, without keeping anybody from writing."""
        with contextlib.suppress(apsw.BusyError, apsw.LockedError):
            self.conn.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._log_bytes = 0

    @contextlib.contextmanager
    def _turn(self, limit: float | None) -> Iterator[None]:
        sqlite.begin_immediate(self.conn, wait=WAIT_SECONDS)
        began = time.monotonic()
        try:
            with _limited(self.conn, limit, began):
                self._require_ours()
                yield
            self.worked = time.monotonic() - began
            _commit(self.conn)
        except BaseException:
            if self.conn.in_transaction:
                self.conn.execute("ROLLBACK")
            raise
        finally:
            self.held = time.monotonic() - began
            self.longest = max(self.longest, self.held)

    def _require_ours(self) -> None:
        if self.claim is not None and not claims.holds(self.conn, self.claim):
            raise DatabaseBusy(
                f"another process has taken {self.conn.filename} over; nothing was changed, try again"
            )
        if cookie(self.conn) != self.cookie:
            raise Moved

    def _note_log(self, _conn: apsw.Connection, _schema: str, pages: int) -> int:
        self._log_bytes = pages * self._page_size
        return apsw.SQLITE_OK


def cookie(conn: apsw.Connection) -> int:
    """The number that every change of the structure raises."""
    return int(sqlite.value(conn, "PRAGMA main.schema_version"))


def _commits_of_others(conn: apsw.Connection) -> int:
    """A number that changes with each commit of another connection; APSW's own counts ours as well."""
    return int(sqlite.value(conn, "PRAGMA main.data_version"))


def _commit(conn: apsw.Connection) -> None:
    """Commit, as soon as the readers let it; raises ``apsw.BusyError`` where they do not."""
    deadline = time.monotonic() + _COMMIT_SECONDS
    while True:
        try:
            conn.execute("COMMIT")
        except apsw.BusyError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(sqlite.POLL_SECONDS)
        else:
            return


@contextlib.contextmanager
def _limited(conn: apsw.Connection, limit: float | None, began: float) -> Iterator[None]:
    """Interrupt whatever runs in the block once the limit is over."""
    if limit is None:
        yield
        return
    fired: list[bool] = []

    def is_over() -> bool:
        if fired or time.monotonic() - began < limit:
            return False
        fired.append(True)  # once: what takes it back must not be interrupted
        return True

    conn.set_progress_handler(is_over, _OPCODES)
    try:
        yield
        if time.monotonic() - began >= limit:
            raise TurnTooLong
    except apsw.Error:
        if not fired:
            raise
        # An interrupted write takes the whole transaction back at once, so that savepoints within it fail.
        raise TurnTooLong from None
    finally:
        conn.set_progress_handler(None)
