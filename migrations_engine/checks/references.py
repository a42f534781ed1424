"""Rows without their parents: what foreign_key_check finds, so that before and after can be compared."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import apsw

from migrations_engine import sqlite
from migrations_engine.errors import Misfit
from migrations_engine.model import fold, quote
from migrations_engine.planning.ties import at_risk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from migrations_engine.model import Objects
    from migrations_engine.planning.plan import Plan

SAMPLE = 5
"""How many keys an error shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A foreign key by what it ties: names folded, and the same as they are written."""

    child: str
    columns: tuple[str, ...]
    parent: str
    table: str = field(compare=False)
    rule: str = field(compare=False)

    @classmethod
    def of(cls, child: str, columns: Sequence[str], parent: str) -> Tie:
        """The tie between a child's columns and its parent."""
        return cls(
            child=fold(child),
            columns=tuple(fold(column) for column in columns),
            parent=fold(parent),
            table=child,
            rule=f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {parent}",
        )


Orphans = dict[Tie, list[int | None]]
"""The rowids of the rows without parents, by foreign key; None for a row that has no rowid."""


def orphans(conn: apsw.Connection, tables: Iterable[str], *, schema: str = "main") -> Orphans:
    """Find the rows without parents in some tables of one of a connection's files.

    A key whose parent has no such unique key ("foreign key mismatch") makes the check of its whole table
    fail, and every write to it too: such a table is left out.
    """
    found: Orphans = defaultdict(list)
    for table in tables:
        try:
            broken = sqlite.rows(conn, f"PRAGMA {schema}.foreign_key_check({quote(table)})")
        except apsw.SQLError:
            continue
        ties = _ties(conn, table, schema) if broken else {}
        for _, rowid, _, number in broken:
            found[ties[number]].append(rowid)
    return dict(found)


def translated(
    found: Orphans, *, tables: Mapping[str, str], columns: Mapping[str, Mapping[str, str]]
) -> Orphans:
    """The same under new names; both mappings go from folded old names to new ones."""

    def tie(old: Tie) -> Tie:
        names = columns.get(old.child, {})
        return Tie.of(
            tables.get(old.child, old.table),
            [names.get(column, column) for column in old.columns],
            tables.get(old.parent, old.parent),
        )

    return {tie(old): rowids for old, rowids in found.items()}


def before(conn: apsw.Connection, plan: Plan, *, schema: str = "main") -> Orphans:
    """The rows that lack their parents already, in a file that a plan is for, under the plan's new names."""
    found = orphans(conn, at_risk(plan).before, schema=schema)
    if not found:
        return found
    stays = [action for action in plan.tables if action.old is not None and action.new is not None]
    return translated(
        found,
        tables={fold(a.old.name): a.new.name for a in stays if a.old and a.new},
        columns={
            fold(a.old.name): {fold(before): after for after, before in a.columns.items()}
            for a in stays
            if a.old
        },
    )


def ruled_no_more(found: Orphans, schema: Objects) -> Orphans:
    """Those of foreign keys that a schema does not have: only its way back would come upon them."""
    if not found:
        return found
    ruled = {
        Tie.of(table.name, key.columns, key.parent) for table in schema.tables for key in table.foreign_keys
    }
    return {tie: rowids for tie, rowids in found.items() if tie not in ruled}


def newly_lost(before: Orphans, after: Orphans) -> list[Misfit]:
    """The foreign keys under which more rows lack their parents than before; old orphans are no news."""
    misfits = []
    for tie, rowids in after.items():
        known = before.get(tie, [])
        if len(rowids) > len(known):
            fresh = [rowid for rowid in rowids if rowid is not None and rowid not in known]
            count = len(rowids) - len(known)
            misfits.append(Misfit(table=tie.table, rule=tie.rule, count=count, sample=tuple(fresh[:SAMPLE])))
    return misfits


def _ties(conn: apsw.Connection, table: str, schema: str) -> dict[int, Tie]:
    """The foreign keys of a table by SQLite's numbers."""
    parts: dict[int, list[tuple[str, str]]] = defaultdict(list)
    keys = sqlite.rows(conn, f"PRAGMA {schema}.foreign_key_list({quote(table)})")
    for number, _, parent, column, *_ in keys:
        parts[number].append((column, parent))
    return {
        number: Tie.of(table, [column for column, _ in found], found[0][1]) for number, found in parts.items()
    }


def remove(conn: apsw.Connection, before: Orphans, after: Orphans) -> int:
    """Delete the rows that lack their parents now and did not before; how many. Rows without rowid stay."""
    gone = 0
    for tie, rowids in after.items():
        for rowid in set(rowids) - set(before.get(tie, [])) - {None}:
            conn.execute(f"DELETE FROM main.{quote(tie.child)} WHERE rowid = ?", (rowid,))
            gone += conn.changes()
    return gone
