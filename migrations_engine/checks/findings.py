"""What does not fit, row by row: each rule with its count, and its rows as a stream.

Nothing is held in memory but one row: a file may have more misfits than fit there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import apsw

from migrations_engine import sqlite
from migrations_engine.checks import parents, places
from migrations_engine.checks.questions import Question, questions
from migrations_engine.model import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from migrations_engine.checks.places import Place, Places
    from migrations_engine.planning.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row that does not fit: its key of before, and the values that break the rule, by name."""

    key: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that rows break.

    Attributes:
        table: The table, by its new name.
        rule: The rule in the words that errors use.
        count: How many rows break it.
        keys: The columns that a row's key is made of.
        rows: Reads those rows, until the next finding is asked for.
        column: The column whose values are rewritten; None where rows do not fit.
    """

    table: str
    rule: str
    count: int
    keys: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    column: str | None = None


def misfits(conn: apsw.Connection, plan: Plan) -> Iterator[Finding]:
    """The rules that rows of a file would break.

    Args:
        conn: The file, still in the structure of ``plan.old``; inside a transaction all are of one state.
        plan: What it is to become.
    """
    with places.opened(conn, plan) as there:
        for table, asked in questions(plan):
            place = there.of(table)
            if place is not None:
                yield from _unformed(conn, place)
                for question in asked:
                    yield from _asked(conn, place, question)
        yield from _lost(conn, plan, there)


def rewritten(conn: apsw.Connection, plan: Plan) -> Iterator[Finding]:
    """The values that would come out as others, ``before`` and ``after``: they fit, and are lost as stored.

    The arguments are those of ``misfits``.
    """
    with places.opened(conn, plan) as there:
        for action in plan.going("rebuild"):
            place = there.of(action.new) if action.new is not None else None
            if place is not None:
                yield from _rewrites(conn, place)


def _asked(conn: apsw.Connection, place: Place, question: Question) -> Iterator[Finding]:
    """Ask one question; where an expression fails for a row, ask of each row alone."""
    query = question.query(place)
    try:
        count = int(sqlite.value(conn, f"SELECT count(*) FROM ({query})"))
    except apsw.SQLError as error:
        if not question.shared:  # an index's expressions have questions of their own
            yield from _asked_one_by_one(conn, place, question, str(error))
        return
    if count:
        names = tuple(name for name, _ in question.values)
        yield _finding(conn, place, question.rule, count, query, names=names)


def _finding(
    conn: apsw.Connection,
    place: Place,
    rule: str,
    count: int,
    query: str,
    *,
    names: tuple[str, ...] = (),
    bindings: tuple[object, ...] = (),
) -> Finding:
    keys = len(place.keys)

    def rows() -> Iterator[Row]:
        for row in conn.execute(query, bindings):
            yield Row(key=_key(row[:keys]), values=dict(zip(names, row[keys:], strict=False)))

    return Finding(table=place.table.name, rule=rule, count=count, keys=place.names, rows=rows)


def _asked_one_by_one(
    conn: apsw.Connection, place: Place, question: Question, reason: str
) -> Iterator[Finding]:
    """The rows that break a rule, and those for which it cannot be computed."""
    names = tuple(name for name, _ in question.values)

    def rows(*, failing: bool) -> Iterator[Row]:
        for key, broken in _outcomes(conn, place, question):
            if (broken is None) == failing and broken != ():
                yield Row(key=key, values=dict(zip(names, broken or (), strict=False)))

    for failing, rule in ((False, question.rule), (True, f"{question.rule}: {reason}")):
        read = partial(rows, failing=failing)
        count = sum(1 for _ in read())
        if count:
            yield Finding(table=place.table.name, rule=rule, count=count, keys=place.names, rows=read)


def _outcomes(
    conn: apsw.Connection, place: Place, question: Question
) -> Iterator[tuple[Any, tuple[Any, ...] | None]]:
    """Each row's key with the values that break a rule: none where it keeps it, None where that fails."""
    keys, address = len(place.keys), len(place.address)
    listed = ", ".join([*place.keys, *place.address])
    where = " AND ".join(f"{name} IS ?" for name in place.address)
    values = ", ".join(text for _, text in question.values) or "NULL"
    one = f"SELECT {values} FROM {place.source} WHERE {where} AND {question.condition}"
    for row in conn.execute(f"SELECT {listed} FROM {place.source}"):
        try:
            found = sqlite.rows(conn, one, row[keys : keys + address])
        except apsw.SQLError:
            yield _key(row[:keys]), None
        else:
            yield _key(row[:keys]), (found[0] if found else ())


def _unformed(conn: apsw.Connection, place: Place) -> Iterator[Finding]:
    """The rows that an expression fails for: no other question could be asked of them."""
    if place.unformed is None:
        return
    source, keys = place.unformed.place, ", ".join(place.unformed.keys) or "NULL"
    for rule, count in sqlite.rows(conn, f"SELECT rule, count(*) FROM {source} GROUP BY rule"):
        query = f"SELECT {keys} FROM {source} WHERE rule = ?"
        yield _finding(conn, place, rule, count, query, bindings=(rule,))


def _lost(conn: apsw.Connection, plan: Plan, there: Places) -> Iterator[Finding]:
    """The rows that would lose their parents."""
    for found in parents.lost(conn, plan, there):

        def rows(found: parents.Lost = found) -> Iterator[Row]:
            for key, values in found.rows(conn):
                yield Row(key=_key(key), values=values)

        yield Finding(table=found.table, rule=found.rule, count=found.count, keys=found.names, rows=rows)


def _rewrites(conn: apsw.Connection, place: Place) -> Iterator[Finding]:
    for name, before in place.before.items():
        after = f"+{quote(name)}"
        differs = f"typeof({before}) <> typeof({after}) OR {before} IS NOT {after}"
        chosen = ", ".join([*place.keys, before, after])
        query = f"SELECT {chosen} FROM {place.source} WHERE {differs}"
        count = int(sqlite.value(conn, f"SELECT count(*) FROM ({query})"))
        if count:
            found = _finding(conn, place, f"TYPE ({name})", count, query, names=("before", "after"))
            yield replace(found, column=name)


def _key(values: tuple[Any, ...]) -> Any:
    """A key as people write it: the value of its one column, or all values."""
    return values[0] if len(values) == 1 else values or None
