"""Pieces of Python source: literals, calls, docstrings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 100
_COLON: Final = re.compile(r"\\:|(?<![:\w]):(?=\w)")
"""A colon that begins a parameter, and a colon that is escaped by chance."""


def literal(text: str) -> str:
    """A string as Python writes it, in double quotes where that needs no escapes."""
    return repr(text) if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)


def sql(text: str) -> str:
    """SQL as a string literal in which SQLAlchemy takes nothing for a parameter, on one line."""
    return literal(_COLON.sub(r"\\\g<0>", text))


def listed(names: Sequence[str]) -> str:
    """Strings as a list."""
    return f"[{', '.join(map(literal, names))}]"


def call(function: str, arguments: Sequence[str], *, indent: int = 0, before: str = "") -> str:
    """A call, in one line where it fits, else an argument a line.

    Args:
        function: What is called.
        arguments: Its arguments, each as source.
        indent: How far the line is indented.
        before: What stands before the call on its line.
    """
    line = f"{before}{function}({', '.join(arguments)})"
    if len(line) + indent <= _WIDTH or not arguments:
        return line
    inner = "".join(f"\n{' ' * (indent + 4)}{argument}," for argument in arguments)
    return f"{before}{function}({inner}\n{' ' * indent})"


def tuple_of(values: Sequence[str], *, indent: int, before: str) -> str:
    """A tuple, in one line where it fits."""
    written = call("", values, indent=indent, before=before)
    return f"{written[:-1]},)" if len(values) == 1 and "\n" not in written else written


def docstring(text: str, *, indent: int) -> str:
    """A docstring of any text."""
    plain = '"' not in text and "\\" not in text
    return f'"""{text}"""'.replace("\n", f"\n{' ' * indent}") if plain else literal(text)
