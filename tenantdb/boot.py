"""Which boot of the machine this is, and how long it lasts: a clock that no one sets."""

from __future__ import annotations

import functools
import socket
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts while the machine sleeps, where the system has such a clock: a deadline passes then, too."""


@functools.cache
def boot_id() -> str:
    """Name this boot of this machine; what was not synced in another boot may be lost."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"{socket.gethostname()}@{psutil.boot_time():.0f}"


def seconds() -> float:
    """Seconds since the machine started, the same in all its processes."""
    return time.clock_gettime(_CLOCK)
