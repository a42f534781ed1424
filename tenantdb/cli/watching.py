"""How far a rollout is, while it runs: a bar on a terminal, a line for each finished wave elsewhere."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tenantdb.cli import output
from workers.rollout import rollout as rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from tenantdb.catalog import Catalog
    from workers.rollout.rollout import View, WaveView

_UNENDED = ("pending", "running")


@contextlib.contextmanager
def watching(
    catalog: Catalog, rollout: str, *, console: Console | None = None
) -> Iterator[Callable[[], None]]:
    """Give what a coordinator calls in its pauses; each call shows how far the rollout is now.

    Args:
        catalog: The catalog.
        rollout: Its id.
        console: Where to show it; standard error by default.
    """
    shown = console or output.notes()
    if not shown.is_terminal:
        yield _Lines(catalog, rollout, shown).look
        return
    with _bar(shown) as progress:
        task = progress.add_task("", total=None)

        def look() -> None:
            view = rollouts.show(catalog, rollout)
            ended = sum(count for outcome, count in view.counts.items() if outcome not in _UNENDED)
            total = sum(view.counts.values())
            progress.update(task, description=_where(view), completed=ended, total=total)

        yield look


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _where(view: View) -> str:
    wave = next((wave for wave in view.waves if _left(wave)), None)
    failed = view.counts.get("failed", 0)
    place = f"wave {wave.label}" if wave else "closing sweep"
    return f"rollout {view.id}: {place}" + (f", {failed} failed" if failed else "")


def _left(wave: WaveView) -> int:
    return sum(wave.counts.get(outcome, 0) for outcome in _UNENDED)


class _Lines:
    """Says each wave's end once."""

    def __init__(self, catalog: Catalog, rollout: str, console: Console) -> None:
        self._catalog = catalog
        self._rollout = rollout
        self._console = console
        self._said: set[str] = set()

    def look(self) -> None:
        view = rollouts.show(self._catalog, self._rollout)
        for wave in view.waves:
            if wave.label not in self._said and not _left(wave):
                self._said.add(wave.label)
                self._console.print(f"wave {wave.label}: {tally(wave.counts)}")


def tally(counts: dict[str, int]) -> str:
    """Counts by outcome in words."""
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.items()) or "none"
