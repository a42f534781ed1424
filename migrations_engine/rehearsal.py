"""A change tried on a file's rows before anything is changed: every row that would not fit, by name."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.checks import findings
from migrations_engine.execution import execute, virtual
from migrations_engine.execution.compiling import compiled
from migrations_engine.introspection import introspect
from migrations_engine.lone import choice
from migrations_engine.planning.leave import wanted
from migrations_engine.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from migrations_engine.checks.findings import Finding, Row
    from migrations_engine.planning.plan import Wish

LIMIT = 100
"""How many rows of each rule are kept unless more are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One rule and rows that it is about.

    Attributes:
        table: The table, by its name in the new schema.
        rule: The rule in the words that ``DataDoesNotFit`` uses.
        count: How many rows there are in all.
        keys: The columns of the table of before that a row's key is made of.
        allow: The leave that it takes to rewrite the values; None for rows that do not fit.
        rows: The first rows: each with its key, and the values that break the rule, or are rewritten.
    """

    table: str
    rule: str
    count: int
    keys: tuple[str, ...]
    allow: str | None = None
    rows: tuple[Row, ...] = ()

    def __str__(self) -> str:
        """Table, rule and count."""
        return f"{self.table}: {self.rule}: {'1 row' if self.count == 1 else f'{self.count} rows'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a change would meet in a file.

    Attributes:
        old_hash: The schema that the file has.
        new_hash: The schema that it was tried with.
        misfits: The rules that rows would break; ``apply`` refuses with the same.
        rewritten: The values that a change of type would store as others; they fit.
    """

    old_hash: str
    new_hash: str
    misfits: tuple[Found, ...] = ()
    rewritten: tuple[Found, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether no row would be refused."""
        return not self.misfits

    def __str__(self) -> str:
        """Each rule with its count, one a line."""
        lines = [str(found) for found in self.misfits] or ["all rows fit"]
        return "\n".join([*lines, *(f"{found} rewritten" for found in self.rewritten)])


def rehearse(
    schema: Schema,
    path: str | PathLike[str],
    *,
    strategy: Wish = "auto",
    limit: int | None = LIMIT,
    each: Callable[[Found, Row], None] | None = None,
) -> Rehearsal:
    """Find every row of a file that a schema would refuse, and every value that it would store otherwise.

    The file is only read, in one snapshot; rows that have to be formed to be looked at go to SQLite's own
    temporary files. A file that does not exist has no rows, so all of them fit.

    Args:
        schema: What the file is to hold.
        path: The file.
        strategy: As for ``apply``.
        limit: How many rows of each rule to give; None for all.
        each: Told every such row as soon as it is found, in place of keeping it: memory then stays the same,
            however many there are.

    Raises:
        SchemaError: SQLite refuses the schema, or a reference would lose its table or the key there.
        UnknownStrategy: There is no such strategy.
        Unsupported: An object that cannot be changed.
        DatabaseDamaged: The file is not a sound database.
    """
    if not Path(path).exists():
        plan = compiled(Schema(), schema, strategy=strategy)
        return Rehearsal(old_hash=plan.old.hash, new_hash=plan.new.hash)
    with (
        contextlib.closing(sqlite.connect(path, mode="ro")) as conn,
        sqlite.mapped_errors(path),
        sqlite.snapshot(conn),
    ):
        plan = choice.chosen(conn, introspect(conn), schema, strategy=strategy)
        virtual.require_fillable(conn, plan)
        misfits = _read(findings.misfits(conn, plan), limit, each)
        if not misfits:
            execute.refuse_dangling(plan)
        rewritten = _read(findings.rewritten(conn, plan), limit, each)
    return Rehearsal(old_hash=plan.old.hash, new_hash=plan.new.hash, misfits=misfits, rewritten=rewritten)


def _read(
    found: Iterable[Finding], limit: int | None, each: Callable[[Found, Row], None] | None
) -> tuple[Found, ...]:
    """Read the rows of each finding while it is at hand."""
    read = []
    for finding in found:
        about = _about(finding)
        rows = islice(finding.rows(), limit)
        if each is None:
            read.append(replace(about, rows=tuple(rows)))
            continue
        read.append(about)
        for row in rows:
            each(about, row)
    return tuple(read)


def _about(finding: Finding) -> Found:
    column = finding.column
    return Found(
        table=finding.table,
        rule=finding.rule,
        count=finding.count,
        keys=finding.keys,
        allow=None if column is None else wanted("narrow-type", (finding.table, column)),
    )
