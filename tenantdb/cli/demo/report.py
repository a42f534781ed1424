"""How the demo tells what it does: chapters, a bar where something takes time, a table at the end."""

from __future__ import annotations

import contextlib
from textwrap import wrap
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tenantdb.cli.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tenantdb.catalog import Catalog
    from tenantdb.cli.demo.figures import (
        Applications,
        Fleet,
        Move,
        Refusal,
        Rollback,
        Rollout,
        Tour,
        Waits,
    )
    from tenantdb.cli.demo.ledger import Verdict

MAX_WIDTH = 100
"""Longer lines are hard to read, however wide the terminal is."""

INDENT = "   "


class Report:
    """Prints for people; a quiet one says nothing, for programs."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Look at the terminal once."""
        console = Console(markup=False, emoji=False, highlight=False, quiet=quiet)
        self._console = console
        console.width = min(console.width, MAX_WIDTH)

    @contextlib.contextmanager
    def watching(self, catalog: Catalog, rollout: str) -> Iterator[Callable[[], None]]:
        """Show how far a rollout is, on a terminal; gives what a coordinator calls meanwhile."""
        if not self._console.is_terminal:
            yield lambda: None
            return
        with watching(catalog, rollout, console=self._console) as look:
            yield look

    def title(self, tenants: int, servers: int, folder: Path | None) -> None:
        """Open the tour; the folder is named where it stays."""
        head = Text("tenantdb demo", style="bold")
        head.append(f": {tenants} customers, a SQLite database each, on {servers} servers", style="not bold")
        self._console.print(head)
        if folder is not None:
            self.say("Everything stays in this folder:", str(folder))

    def chapter(self, number: int, title: str) -> None:
        """Begin a chapter."""
        self._console.print()
        heading = Text.assemble((f"{number} ", "bold cyan"), (title, "bold"))
        self._console.print(Rule(heading, align="left", style="dim", characters="─"))

    def say(self, *sentences: str, style: str = "") -> None:
        """Print sentences of the chapter, each beginning a line."""
        for sentence in sentences:
            for line in wrap(
                sentence, self._console.width - len(INDENT), break_long_words=False, break_on_hyphens=False
            ):
                self._console.print(Text(f"{INDENT}{line}", style=style), soft_wrap=True)

    @contextlib.contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar for the block, on a terminal; gives what moves it on by so many."""
        if not self._console.is_terminal:
            yield lambda _: None
            return
        columns = (TextColumn(INDENT + "{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda step: bar.advance(task, step)

    def fleet(self, made: Fleet) -> None:
        """Chapter 1."""
        shares = ", ".join(f"{count} on {server}" for server, count in made.servers.items())
        self.say(
            f"{made.tenants} tenants ({shares}) with {made.rows:,} rows in {made.seconds:.1f} s.",
            "Each has a file of its own; their schema is version 1: Users and Contacts.",
        )

    def applications(self, seen: Applications) -> None:
        """Chapter 2."""
        self.say(
            f"{seen.processes} processes read and write through get_tenant_db() from now on, "
            f"{seen.writes_per_second:.0f} writes/s, and note each write that was acknowledged.",
            f"A write took {_ms(seen.waits.median_ms)} (median), 99 of 100 up to {_ms(seen.waits.p99_ms)}.",
        )

    def rollout(self, went: Rollout) -> None:
        """Chapter 3."""
        before, after = went.tables
        waves = ", ".join(f"{label}: {size}" for label, size in went.waves)
        self.say(
            f"Waves: {waves}.",
            f"{went.counts.get('done', 0)} tenants went from {before} tables to {after} "
            f"in {went.seconds:.1f} s ({went.per_second:.0f} a second); writers were paused "
            f"for {_ms(went.pause_ms)} each (median), {_ms(went.longest_pause_ms)} at most.",
        )
        for refusal in went.refused:
            self._refusal(refusal)
        self._waits(went.waits)

    def _refusal(self, refusal: Refusal) -> None:
        keys = ", ".join(str(key) for key in refusal.keys)
        self.say(f"{refusal.tenant} can't take it: {refusal.reason}; keys {keys}.", style="yellow")
        self.say("Its file is as before, and the rest went on.")

    def move(self, went: Move) -> None:
        """Chapter 4."""
        verified = "both sides compared, equal" if went.verified else "both sides compared: they differ"
        self.say(
            f"{went.tenant} went from {went.source} to {went.target} in {went.seconds:.1f} s, "
            "half of all writes going to it.",
            f"{went.rows:,} rows copied, {went.drained:,} changes carried after; {verified}.",
            f"Writers were paused for {_ms(went.pause_ms)}.",
        )
        self._waits(went.waits)

    def rollback(self, went: Rollback) -> None:
        """Chapter 5."""
        self.say(
            f"{went.tenant} goes back to version 1. What that can't hold is said first, and nothing done:"
        )
        for loss in went.losses:
            self.say(f"  {loss}", style="yellow")
        self.say(
            f"With leave to discard that, it went back in {went.back_seconds:.1f} s, with every other "
            f"write made since; and forward again in {went.forward_seconds:.1f} s."
        )
        self._waits(went.waits)

    def _waits(self, waits: Waits) -> None:
        if waits.writes:
            writes = "1 write" if waits.writes == 1 else f"{waits.writes:,} writes"
            self.say(f"Meanwhile {writes}; the slowest waited {_ms(waits.slowest_ms)}.")

    def end(self, tour: Tour) -> None:
        """Chapter 6: the table, the verdict and what to try next."""
        self._console.print()
        self._console.print(Padding(_table(tour), (0, 0, 0, len(INDENT)), expand=False))
        self._console.print()
        for example in tour.verdict.examples[:10]:
            self.say(example, style="red")
        if tour.kept:
            self.say(f"The promise was kept. The tour took {tour.seconds:.0f} s.", style="bold green")
        else:
            self.say("The promise was NOT kept. Please report it, with this output.", style="bold red")
        self._console.print()
        self.say("Try next, in a folder of your own:  tenantdb init --schema schema.json")


def _table(tour: Tour) -> Table:
    verdict = tour.verdict
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    grid.add_column("The ledgers against the files")
    grid.add_column("", justify="right")
    for name, value, must_be_zero in _lines(tour, verdict):
        bad = must_be_zero and value != "0"
        grid.add_row(name, Text(value, style="bold red" if bad else "bold green" if must_be_zero else ""))
    return grid


def _lines(tour: Tour, verdict: Verdict) -> list[tuple[str, str, bool]]:
    return [
        ("writes acknowledged to applications", f"{verdict.acknowledged:,}", False),
        ("reads answered", f"{tour.reads:,}", False),
        ("tenants that were written to", f"{verdict.tenants:,}", False),
        ("slowest write", _ms(verdict.slowest_ms), False),
        ("acknowledged writes lost", f"{verdict.lost:,}", True),
        ("writes duplicated", f"{verdict.duplicated:,}", True),
        ("errors that an application saw", f"{verdict.errors:,}", True),
        ("findings of tenantdb doctor", f"{tour.findings:,}", True),
    ]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
