"""A progress bar for changes that take a while: on a terminal's standard error, for people alone."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from migrations_engine.progress import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from migrations_engine.progress import Progress, Watch


@contextlib.contextmanager
def watched(*, as_json: bool) -> Iterator[Watch]:
    """Show how far a change is for the block: its phase, its rows, and an estimate of the time left."""
    if as_json or not sys.stderr.isatty():
        yield unwatched
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def watch(progress: Progress) -> None:
            if progress.phase not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[progress.phase] = bar.add_task(progress.phase, total=progress.total or None, rows="")
            bar.update(tasks[progress.phase], completed=progress.rows, rows=_rows(progress))

        yield watch


def _rows(progress: Progress) -> str:
    """The rows, before what is left of the time where all of them are known."""
    if not progress.total:
        return f"{progress.rows:,} rows"
    return f"{progress.rows:,} of {progress.total:,} rows, left"
