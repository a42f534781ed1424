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


@contextlib.contextmanager
def workshop(*, keep: bool = False) -> Iterator[Path]:
    """Work in a fresh folder, whose ``home`` is this process's tenantdb home; remove it at the end.

    SIGTERM and SIGHUP end the block as Ctrl-C does, and no signal interrupts the clearing up.

    Args:
        keep: Leave the folder where it is.
    """
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(settings.PREFIX)}
    was = Path.cwd()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
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
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.chdir(was)
        del os.environ[f"{settings.PREFIX}HOME"]
        os.environ.update(before)
        settings.forget()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
