"""Who carries an operation: one process of one boot of one host, and whether it is gone.

Clocks only start recovery; on its own host a dead process is known at once, without waiting for its lease.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil  # type: ignore[import-untyped]  # it ships no types

from tenantdb.boot import boot_id

_PID_NAMESPACE = Path("/proc/self/ns/pid")


def _namespace() -> str:
    """Where this process's pid has its meaning: containers share a boot, not their pids."""
    try:
        return _PID_NAMESPACE.readlink().name
    except OSError:
        return "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, told apart from a later one with the same pid by when it began."""

    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def myself(cls) -> Self:
        """This process."""
        return cls(boot=boot_id(), namespace=_namespace(), pid=os.getpid(), started=_started(os.getpid()))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The owner that ``str`` gave; None for a text of another kind."""
        parts = text.split("/")
        if len(parts) != 4 or not parts[2].isdigit():
            return None
        boot, namespace, pid, started = parts
        return cls(boot=boot, namespace=namespace, pid=int(pid), started=started)

    def __str__(self) -> str:
        """The form that the catalog keeps."""
        return f"{self.boot}/{self.namespace}/{self.pid}/{self.started}"

    def is_gone(self) -> bool:
        """Whether the process has surely ended; False where that cannot be seen from here."""
        if self.boot != boot_id() or self.namespace != _namespace():
            return False
        return _started(self.pid) != self.started


def _started(pid: int) -> str:
    """When a process began, in hundredths of a second; empty for one that has ended."""
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time() * 100:.0f}"
    except psutil.NoSuchProcess:
        return ""
