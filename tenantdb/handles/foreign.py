"""What the rest of the process does that concerns us, noticed by an audit hook.

Another SQLite library on a file of ours, in one process with ours, loses locks: closing any descriptor of a
file drops all locks that the process has on it, and the two libraries know nothing of each other. So the
standard library's ``sqlite3`` is refused on files below the home and the servers' folders; other processes
may use it as they like.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tenantdb.errors import ForeignSQLite

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = b"TENANTDB_"

_roots: set[Path] = set()
_listeners: list[Callable[[], None]] = []


def refuse_below(root: Path) -> None:
    """Refuse the standard library's ``sqlite3`` on every file below a folder, from now on."""
    _roots.add(root.resolve())


def is_ours(path: str) -> bool:
    """Whether a file lies below one of these folders."""
    return any(Path(path).is_relative_to(root) for root in _roots)


def on_setting_change(listener: Callable[[], None]) -> None:
    """Call back when this process changes one of our variables in its environment."""
    _listeners.append(listener)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "sqlite3.connect":
        _refuse_ours(arguments[0])
    elif event in {"os.putenv", "os.unsetenv"}:
        name = arguments[0]
        if isinstance(name, bytes) and name.startswith(_PREFIX):
            for listener in _listeners:
                listener()


def _refuse_ours(database: object) -> None:
    path = _path(database)
    if path is not None and is_ours(str(path)):
        raise ForeignSQLite(str(path))


def _path(database: object) -> Path | None:
    """The file that is to be opened, links followed; None for what is no path."""
    if not isinstance(database, str | bytes | os.PathLike):
        return None
    text = os.fsdecode(database)
    if text.startswith("file:"):
        text = unquote(urlsplit(text).path)
    return Path(text).resolve()


sys.addaudithook(_hook)
