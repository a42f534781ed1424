"""``tenantdb tenant move``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from migrations_engine.online.phases import Boundary
from tenantdb import settings
from tenantdb.cli import output
from workers import mover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.mover import MoveResult


def move(
    tenant: Annotated[str, typer.Argument(metavar="ID", help="The tenant.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="SERVER", help="The server that it goes to.")],
    as_json: output.AsJson = False,
) -> None:
    """Bring a tenant to another server while it is read and written."""
    with _shown() as shown:
        result = mover.move(
            tenant, to=to, settings=settings.current(), observer=shown.phase, progress=shown.progress
        )
    if as_json:
        output.document(result.document())
    else:
        _print(result)


class _Shown:
    """Which phase runs and how far it is, on a terminal's standard error."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def phase(self, phase: str, boundary: Boundary, /) -> None:
        """A phase begins or ends."""
        if boundary is Boundary.ENTERED:
            self._bar.update(self._task, description=phase, completed=0, total=None)

    def progress(self, phase: str, done: int, total: int) -> None:
        """A long phase comes on."""
        self._bar.update(self._task, description=phase, completed=done, total=total or None)


@contextlib.contextmanager
def _shown() -> Iterator[_Shown]:
    console = output.notes()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield _Shown(bar)


def _proof(result: MoveResult) -> str:
    rows = output.counted(result.rows, "row")
    return f"{rows}, all equal, and the new file sound, in {result.verify_seconds:.1f} s"


def _print(result: MoveResult) -> None:
    output.say(f"Moved tenant {result.id!r} from {result.source!r} to {result.target!r}")
    output.facts(
        [
            ("copied", output.size(result.bytes)),
            ("drained", f"{result.drained} changed keys"),
            ("verified", _proof(result)),
            ("writers waited", f"{result.pause_ms:.1f} ms"),
            ("took", f"{result.seconds:.1f} s"),
        ]
    )
