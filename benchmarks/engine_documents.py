"""A document of 200 tables: loaded, hashed and compared with the version before it.

Half of the definitions stand in many tables, as timestamps and names do; the others stand in one only.
"""

from __future__ import annotations

import json
import statistics
import time
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from figures import Figure

from migrations_engine import compare, loads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migrations_engine import Schema

Result = TypeVar("Result")

RUNS = 5
TABLES = 200
VERSIONS = 6


def prepare(folder: Path) -> None:
    """Write the versions: each has a column more than the one before it, in every tenth table."""
    tables = {f"business_area_{number}_records": table(number) for number in range(TABLES)}
    for version in range(VERSIONS):
        (folder / f"{version}.json").write_text(json.dumps(tables, indent=2))
        for name in list(tables)[version::10]:
            tables[name][f"added_by_{version}"] = "TEXT"


def table(number: int) -> dict[str, object]:
    """Twelve columns, with what real tables have beside them."""
    parent = f"business_area_{number // 2}_records"
    states = ", ".join(f"'{state}_{number}'" for state in ("draft", "active", "archived"))
    return {
        "record_id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "external_key": "TEXT NOT NULL COLLATE NOCASE",
        "title": "VARCHAR(200) NOT NULL",
        "description": f"TEXT DEFAULT 'no description of record kind {number} was given yet'",
        "state": f"TEXT NOT NULL DEFAULT 'draft_{number}' CHECK (state IN ({states}))",
        "amount": f"DECIMAL(12,2) NOT NULL DEFAULT {number}.50 CHECK (amount >= 0 AND amount < {number}0000)",
        "parent_record_id": f"INTEGER REFERENCES {parent}(record_id) ON DELETE SET NULL ON UPDATE CASCADE",
        "slug": f"TEXT GENERATED ALWAYS AS (lower(title) || '-' || {number}) VIRTUAL",
        "is_active": "BOOLEAN NOT NULL DEFAULT 1",
        "created_at": "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP",
        "updated_at": "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP",
        "payload": f"TEXT CHECK (payload IS NULL OR length(payload) < {1000 + number})",
        "_indexes": ["created_at", {"columns": ["state", "amount DESC"], "where": "is_active = 1"}],
        "_unique_constraints": [["external_key", "parent_record_id"]],
    }


def first(folder: Path) -> float:
    """The first document of a process, in milliseconds; imports are done."""
    old, new = versions(folder)[:2]
    read, after = timed(hashed, new)
    return read + timed(steps, hashed(old), after)[0]


def later(folder: Path) -> float:
    """A version after one that the process knows, as whoever applies versions has it: the median of some.

    Of some, because now and then a full garbage collection falls into one.
    """
    times = []
    for old, new in pairwise(versions(folder)):
        before = hashed(old)
        read, after = timed(hashed, new)
        times.append(read + timed(steps, before, after)[0])
    return statistics.median(times)


def versions(folder: Path) -> list[str]:
    """The texts of all versions."""
    return [(folder / f"{number}.json").read_text() for number in range(VERSIONS)]


def hashed(text: str) -> Schema:
    """A document, loaded and hashed."""
    schema = loads(text)
    _ = schema.hash
    return schema


def steps(old: Schema, new: Schema) -> None:
    """Compare two versions."""
    if len(compare(old, new).steps) != TABLES // 10:
        raise SystemExit("other steps than the columns that were added")


def timed(task: Callable[..., Result], *arguments: object) -> tuple[float, Result]:
    """Milliseconds of the processor that a task takes, and what it gives."""
    begin = time.process_time()
    result = task(*arguments)
    return (time.process_time() - begin) * 1000, result


SIDES = {"first": first, "later": later}
FIGURES = (
    Figure(
        says=f"{TABLES} tables loaded, hashed and compared, the first of a process",
        of="first",
        at_most=50.0,
        unit="ms",
    ),
    Figure(
        says="the same, where the process has seen the version before", of="later", at_most=50.0, unit="ms"
    ),
)
