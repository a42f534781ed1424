"""A document of 200 tables: loaded, hashed and compared with the version before, in a process of its own.

Half of the definitions stand in many tables, as timestamps and names do; the others stand in one only.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from figures import Figure

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 5
TABLES = 200


def prepare(folder: Path) -> None:
    """Write the document, and the one after it: a column more in every tenth table."""
    tables = {f"business_area_{number}_records": table(number) for number in range(TABLES)}
    (folder / "old.json").write_text(json.dumps(tables, indent=2))
    for name in list(tables)[::10]:
        tables[name]["added_later"] = "TEXT"
    (folder / "new.json").write_text(json.dumps(tables, indent=2))


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
    return spent(folder, is_first=True)


def later(folder: Path) -> float:
    """The version after one that the process has loaded and hashed, as whoever applies versions does."""
    return spent(folder, is_first=False)


def spent(folder: Path, *, is_first: bool) -> float:
    """Milliseconds for loading, hashing and comparing the new document with the old one."""
    from migrations_engine import compare, loads  # noqa: PLC0415 - who prepares needs none of it

    texts = [(folder / f"{name}.json").read_text() for name in ("old", "new")]
    if not is_first:
        _ = loads(texts[0]).hash
    begin = time.process_time()
    new = loads(texts[1])
    _ = new.hash
    took = time.process_time() - begin
    old = loads(texts[0])
    _ = old.hash
    begin = time.process_time()
    steps = compare(old, new).steps
    took += time.process_time() - begin
    if len(steps) != TABLES // 10:
        raise SystemExit(f"{len(steps)} steps")
    return took * 1000


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
