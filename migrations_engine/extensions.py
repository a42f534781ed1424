"""Functions and collations that only the application has, given to each connection that is opened.

A CHECK, an index or a generated column that uses one cannot be made or evaluated without it. They are named
as ``package:function``; the function gets the connection and registers what it wants on it.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from migrations_engine.errors import UnknownExtension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import apsw

    Extension = Callable[[apsw.Connection], object]

VARIABLE = "TENANTDB_EXTENSIONS"
"""The variable of the environment that names them, by commas."""

WAY_OUT = f"name the function that registers it in {VARIABLE} (package:function)"
"""What to do where SQLite misses a function or a collation."""

_MISSED = ("no such function", "no such collation")

_default: Callable[[], Iterable[str]] = tuple


def use_by_default(names: Callable[[], Iterable[str]]) -> None:
    """Say which extensions the connections of this process get where the environment names none.

    Args:
        names: Gives them; called when a connection is opened, so that nothing is read before it is needed.
    """
    global _default  # noqa: PLW0603 - one setting, which every connection of a process shares
    _default = names


def in_use() -> tuple[str, ...]:
    """The extensions that connections get now.

    Raises:
        UnknownExtension: The environment names something that is no ``package:function``.
    """
    named = os.environ.get(VARIABLE)
    return (split(named) if named else ()) or tuple(_default())


def split(names: str) -> tuple[str, ...]:
    """Names that are separated by commas, checked for their form.

    Raises:
        UnknownExtension: One is not of the form ``package:function``.
    """
    found = tuple(part.strip() for part in names.split(",") if part.strip())
    for name in found:
        require_form(name)
    return found


def require_form(name: str) -> None:
    """Refuse what is not of the form ``package:function``.

    Raises:
        UnknownExtension: It is not.
    """
    module, _, function = name.partition(":")
    if not (function.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise UnknownExtension(name, "not of the form package:function")


def register(conn: apsw.Connection, names: Iterable[str] | None = None) -> None:
    """Give a connection what extensions register.

    Args:
        conn: A connection that was just opened.
        names: The extensions; those in use by default.

    Raises:
        UnknownExtension: One of them is not there.
    """
    for name in in_use() if names is None else names:
        _found(name)(conn)


def advised(message: str) -> str:
    """SQLite's words for what is wrong, with the way out where a function or a collation is missing."""
    return f"{message}; {WAY_OUT}" if message.startswith(_MISSED) else message


@functools.cache
def _found(name: str) -> Extension:
    require_form(name)
    module, _, function = name.partition(":")
    _see_working_folder()
    try:
        found: Extension = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UnknownExtension(name, str(error)) from error
    return found


def _see_working_folder() -> None:
    """Let a console script import the application from the folder that it runs in, as ``python -m`` does.

    Last in the list, so that a file that happens to lie there never hides an installed package.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
