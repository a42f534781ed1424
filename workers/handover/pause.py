"""The time in which a tenant's writers wait, and the watchdog that ends it.

The process that holds a tenant's write lock watches itself: at the deadline a thread of its own rolls the
lock back, whatever the process is waiting for. The fence and the deadline exclude each other.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import apsw

from tenantdb.errors import TenantBusy

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long writers may be kept waiting, in seconds, and how often it is tried.

    Attributes:
        budget: What the pause aims at: the cut-over begins only when the rest seems to fit it.
        deadline: When a pause that lasts undoes itself.
        attempts: Cut-overs that may miss before the operation gives up, everything as before.
    """

    budget: float = 0.050
    deadline: float = 0.500
    attempts: int = 20


@dataclass(slots=True, kw_only=True, eq=False)
class Pause:
    """One pause: from the moment when writers can't write until the target is open."""

    tenant: str
    lock: apsw.Connection
    deadline: float
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    _collects: bool = field(default_factory=gc.isenabled)
    _decided: bool = False
    _expired: bool = False
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        """Be there for a pause, which ``begin`` begins."""
        return self

    def begin(self) -> None:
        """Begin to watch; writers are held back only after this, because a thread takes its time to start."""
        self._timer = threading.Timer(self.deadline, self._expire)
        self._timer.daemon = True
        self._timer.start()
        gc.disable()  # a collection of all that a worker has loaded takes as long as the whole pause may
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        if self._collects:
            gc.enable()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def seconds(self) -> float:
        """How long it lasted, or lasts by now."""
        return (self.ended or time.monotonic()) - self.began

    def end(self) -> None:
        """Writers can write again."""
        self.ended = time.monotonic()

    def check(self) -> None:
        """Go no further once the deadline has passed.

        Raises:
            TenantBusy: It has; the lock is rolled back.
        """
        # The clock too, not the watchdog alone: a stopped process wakes with its threads in any order.
        if self._expired or self.seconds > self.deadline:
            raise TenantBusy(self.tenant, waited=self.seconds, reason="the pause reached its deadline")

    def require(self, seconds: float) -> None:
        """Give up at once where the next thing would take longer than the deadline leaves.

        Raises:
            TenantBusy: It would; writers need not wait for that.
        """
        if self.seconds + seconds > self.deadline:
            raise TenantBusy(
                self.tenant, waited=self.seconds, reason=f"comparing its virtual tables takes {seconds:.2f} s"
            )

    @contextlib.contextmanager
    def decision(self) -> Iterator[None]:
        """Keep the watchdog out while the fence is raised: after that only the catalog's answer decides.

        Raises:
            TenantBusy: The deadline came first.
        """
        with self._mutex:
            self.check()
            self._decided = True
            yield

    def _expire(self) -> None:
        with self._mutex:
            if self._decided:
                return
            self._expired = True
            # Here, not in the process's own good time: it may be waiting for a disk that never answers. What
            # it is just doing on this very connection is interrupted, and then rolls itself back.
            self.lock.interrupt()
            with contextlib.suppress(apsw.ThreadingViolationError):
                if self.lock.in_transaction:
                    self.lock.execute("ROLLBACK")
