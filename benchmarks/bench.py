"""Measure, and print each figure as a ratio of one run: ``make bench``.

A benchmark is a module beside this one with

    prepare(folder)     makes the data; in a process of its own, once
    SIDES               name -> function of that folder, which measures and returns one number
    FIGURES             what is said about those numbers
    RUNS                how often each side is measured, where five times would take too long

Each side is measured in a process of its own, all sides one after the other, five times over: a ratio
compares what ran within seconds of each other. A figure is the median of its five values.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from figures import Figure

BENCHMARKS = (
    "hot_path",
    "guards",
    "dialect",
    "online_rates",
    "move",
    "engine_documents",
    "engine_small_files",
    "engine_large_file",
)
RUNS = 5
WIDTH = 130


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A figure with its values, one a run."""

    benchmark: str
    figure: Figure
    values: list[float]

    @property
    def median(self) -> float:
        """The figure's value."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether it is what it should be."""
        return self.figure.holds(self.median)


def main() -> int:
    """Measure what was asked for; 1 where a figure is not within its bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", help=f"some of: {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--json", action="store_true", help="print a document")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how often each side is measured ({RUNS})")
    asked = parser.parse_args()
    unknown = set(asked.benchmarks) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    results = list(measured(asked.benchmarks or BENCHMARKS, runs=asked.runs))
    if asked.json:
        print(json.dumps(document(results), indent=2))
    else:
        Console(width=WIDTH).print(table(results))
    return 0 if all(result.holds for result in results) else 1


def measured(names: tuple[str, ...] | list[str], *, runs: int) -> Iterator[Result]:
    """The results of some benchmarks, each on data of its own."""
    for name in names:
        benchmark = importlib.import_module(name)
        with tempfile.TemporaryDirectory(prefix="tenantdb-bench-") as folder:
            in_own_process(name, "prepare", folder)
            numbers = [
                {side: in_own_process(name, side, folder, run=run) for side in benchmark.SIDES}
                for run in range(min(runs, getattr(benchmark, "RUNS", runs)))
            ]
        for figure in benchmark.FIGURES:
            values = [run[figure.of] / (run[figure.against] if figure.against else 1) for run in numbers]
            yield Result(benchmark=name, figure=figure, values=values)


def in_own_process(benchmark: str, side: str, folder: str, *, run: int | None = None) -> float:
    """Measure one side, or prepare the data of all."""
    print(f"{benchmark}: {side}" + ("" if run is None else f", run {run + 1}"), file=sys.stderr)
    done = subprocess.run(
        [sys.executable, __file__, "--side", benchmark, side, folder],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    number: float = json.loads(done.stdout)
    return number


def side(benchmark: str, name: str, folder: str) -> None:
    """Be the process that measures one side: print its number."""
    module = importlib.import_module(benchmark)
    if name == "prepare":
        module.prepare(Path(folder))
        print(0)
    else:
        print(json.dumps(module.SIDES[name](Path(folder))))


def table(results: list[Result]) -> Table:
    """The results for people."""
    shown = Table("benchmark", "figure", "median", "lowest", "highest", "wanted", "")
    for result in results:
        unit = result.figure.unit
        numbers = (result.median, min(result.values), max(result.values))
        verdict = "[green]holds[/]" if result.holds else "[red]misses[/]"
        shown.add_row(
            result.benchmark,
            result.figure.says,
            *(f"{number:.2f} {unit}" for number in numbers),
            wanted(result.figure),
            verdict if wanted(result.figure) else "",
        )
    return shown


def wanted(figure: Figure) -> str:
    """The bound, in words."""
    if figure.at_least is not None:
        return f"at least {figure.at_least:g} {figure.unit}"
    return "" if figure.at_most is None else f"at most {figure.at_most:g} {figure.unit}"


def document(results: list[Result]) -> dict[str, object]:
    """The results for programs."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "figures": [
            {
                "benchmark": result.benchmark,
                **dataclasses.asdict(result.figure),
                "median": result.median,
                "values": result.values,
                "holds": result.holds,
            }
            for result in results
        ],
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        side(*sys.argv[2:])
    else:
        sys.exit(main())
