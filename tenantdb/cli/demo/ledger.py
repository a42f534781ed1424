"""What the applications were told: each acknowledged write, and whether the files agree in the end.

Every contact that a writer makes carries a text of its own (a *mark*), and each of its transactions adds one
to a number that it keeps in the tenant. So a row that is missing, a row that came back, and a transaction
that happened twice or not at all are all seen.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

MARK = re.compile(r"#w\d+-\d+$")
"""The end of a company name that a writer wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One write as its writer saw it.

    ``gone`` is the mark that it replaced or deleted, ``made`` the one that it left; ``counted`` says whether
    the same transaction added to the writer's number. ``error`` is None for an acknowledged write. ``at`` is
    the machine's monotonic clock in seconds, ``ms`` how long the writer waited.
    """

    writer: int
    tenant: str
    made: str | None = None
    gone: str | None = None
    counted: bool = False
    error: str | None = None
    at: float
    ms: float


class Ledger:
    """One writer's file of entries, one JSON line each, written the moment that the write returned."""

    def __init__(self, path: Path) -> None:
        """Begin a new ledger at a path."""
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def note(self, entry: Entry) -> None:
        """Append an entry."""
        self._file.write(json.dumps(asdict(entry)) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def entries(folder: Path) -> Iterator[Entry]:
    """All entries of all ledgers in a folder; a line that is still being written is left out."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            yield from (Entry(**json.loads(line)) for line in lines if line.endswith("\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a tenant's file has of the writers: how often each mark is there, and each writer's number."""

    marks: Mapping[str, int]
    numbers: Mapping[int, int]


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The ledgers against the files."""

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    errors: int = 0
    tenants: int = 0
    slowest_ms: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether the promise was kept; where nothing was written there is none to keep."""
        return self.acknowledged > 0 and (self.lost, self.duplicated, self.errors) == (0, 0, 0)


@dataclass(slots=True, kw_only=True)
class _Expected:
    """What the ledgers say that a tenant must hold; what a failed write may have done is left open."""

    marks: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    numbers: Counter[int] = field(default_factory=Counter)
    open_numbers: Counter[int] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        marks = {mark for mark in (entry.made, entry.gone) if mark}
        if entry.error:
            self.open |= marks
            self.open_numbers[entry.writer] += entry.counted
            return
        self.numbers[entry.writer] += entry.counted
        if entry.gone:
            self.marks.discard(entry.gone)
            self.gone.add(entry.gone)
        if entry.made:
            self.marks.add(entry.made)


def hold(ledgers: Iterable[Entry], files: Mapping[str, Held]) -> Verdict:
    """Hold every ledger against the files of all tenants.

    Args:
        ledgers: All entries, each writer's in the order in which it made them.
        files: What each tenant's file holds now.
    """
    verdict = Verdict()
    expected: dict[str, _Expected] = defaultdict(_Expected)
    for entry in ledgers:
        expected[entry.tenant].add(entry)
        verdict.acknowledged += entry.error is None
        verdict.errors += entry.error is not None
        verdict.slowest_ms = max(verdict.slowest_ms, entry.ms)
        if entry.error:
            verdict.examples.append(f"{entry.tenant}: {entry.error}")
    verdict.tenants = len(expected)
    for tenant, wanted in expected.items():
        _compare(verdict, tenant, wanted, files[tenant])
    return verdict


def _compare(verdict: Verdict, tenant: str, wanted: _Expected, held: Held) -> None:
    missing = [mark for mark in wanted.marks - wanted.open if not held.marks.get(mark)]
    twice = [mark for mark, count in held.marks.items() if count > 1]
    back = [mark for mark in wanted.gone - wanted.open if held.marks.get(mark)]
    verdict.lost += len(missing)
    verdict.duplicated += len(twice) + len(back)
    verdict.examples += [f"{tenant}: lost {mark}" for mark in missing]
    verdict.examples += [f"{tenant}: {mark} is there again" for mark in twice + back]
    for writer, number in wanted.numbers.items():
        found = held.numbers.get(writer, 0)
        most = number + wanted.open_numbers[writer]
        verdict.lost += max(0, number - found)
        verdict.duplicated += max(0, found - most)
        if not number <= found <= most:
            verdict.examples.append(f"{tenant}: writer {writer} counted {number}, the file {found}")


def as_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict for ``--json``; at most ten examples."""
    return {**asdict(verdict), "kept": verdict.kept, "examples": verdict.examples[:10]}
