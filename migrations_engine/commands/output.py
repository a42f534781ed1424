"""What commands print: tables and sentences for people, one JSON document for programs."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNITS = ("B", "KB", "MB", "GB", "TB")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.", show_default=False)]
"""The option that every command has."""

To = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")]
"""The option of commands that make a text for a file."""


def document(data: object) -> None:
    """Print the one JSON document of this run on standard output."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def console() -> Console:
    """Where people read the result. Nothing in a name is taken for markup."""
    return Console(file=sys.stdout, markup=False, emoji=False, highlight=False, soft_wrap=True)


def notes() -> Console:
    """Where people read what is no result: progress and warnings; programs never see it."""
    return Console(file=sys.stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def say(*sentences: str) -> None:
    """Print sentences, a line each."""
    for sentence in sentences:
        console().print(sentence)


def text(written: str) -> None:
    """Print a text as it is, for files and pipes."""
    sys.stdout.write(written if written.endswith("\n") else f"{written}\n")


def note(*sentences: str) -> None:
    """Print sentences that are no result, a line each."""
    for sentence in sentences:
        notes().print(sentence)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table. Cells that are too long are folded, never cut; numbers stand to the right."""
    listed = list(rows)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, column in enumerate(columns):
        numeric = all(isinstance(row[place], int | float | None) for row in listed)
        grid.add_column(column, overflow="fold", justify="right" if numeric else "left")
    for row in listed:
        grid.add_row(*(_cell(value) for value in row))
    Console(file=sys.stdout, markup=False, emoji=False, highlight=False).print(grid)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(name, _cell(value))
    Console(file=sys.stdout, markup=False, emoji=False, highlight=False).print(grid)


def size(count: int | None) -> str:
    """A number of bytes as people read it."""
    if count is None:
        return "-"
    power = min(int(math.log(count, 1000)), len(_UNITS) - 1) if count > 0 else 0
    return f"{count} B" if power == 0 else f"{count / 1000**power:.1f} {_UNITS[power]}"


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 row``, ``2 rows``."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _cell(value: object) -> Text:
    return Text("-" if value is None else str(value))
