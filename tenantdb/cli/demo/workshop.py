"""The demo's own place: a folder that is gone afterwards, and nothing of the user's settings."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tenantdb import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def workshop(*, keep: bool = False) -> Iterator[Path]:
    """Work in a fresh folder, whose ``home`` is this process's tenantdb home; remove it at the end.

    SIGTERM and SIGHUP end the block as Ctrl-C does; a second one does not interrupt the clearing up.

    Args:
        keep: Leave the folder where it is.
    """
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(settings.PREFIX)}
    was = Path.cwd()
    for number in _STOPS:
        signal.signal(number, _interrupt_once)
    # Named before it is made, so that no moment exists in which it is there and nobody removes it.
    folder = Path(tempfile.gettempdir()) / f"tenantdb-demo-{secrets.token_hex(6)}"
    try:
        folder.mkdir(mode=0o700)
        # A .env or tenantdb.toml of the folder that the demo was started in is about another fleet.
        os.chdir(folder)
        os.environ[f"{settings.PREFIX}HOME"] = str(folder / "home")
        settings.forget()
        yield folder
    finally:
        _ignore_stops()
        os.chdir(was)
        os.environ.pop(f"{settings.PREFIX}HOME", None)  # not there yet where the folder could not be made
        os.environ.update(before)
        settings.forget()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _interrupt_once(_number: int, _frame: FrameType | None) -> None:
    _ignore_stops()
    raise KeyboardInterrupt


def _ignore_stops() -> None:
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)
