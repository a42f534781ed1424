"""Dates and times: SQLite has them as texts in UTC, PostgreSQL as types."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migrations_engine.ddl.postgres import constants
from migrations_engine.ddl.postgres.operators import rule
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import Value, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrations_engine.ddl.postgres.operators import Rules, Translate

CLOCK: Final = "statement_timestamp()"
"""What asks for the time: that of the statement, as in SQLite."""

_NOW: Final = f"({CLOCK} AT TIME ZONE 'UTC')"
_SHIFT: Final = re.compile(r"([+-]?\d+(?:\.\d+)?) *(second|minute|hour|day)s?")
_STARTS: Final = {"start of day": "day", "start of month": "month", "start of year": "year"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point in time as a timestamp in UTC; ``now`` where it comes from the clock."""

    sql: str
    now: bool = False
    fractions: bool = False


def _moment(arguments: Sequence[exp.Expr], translate: Translate) -> Moment:
    """The moment that the arguments of a date function say, with their modifiers.

    Raises:
        Refused: The value is a text of a column, or a modifier has no equal.
    """
    first = translate(arguments[0]) if arguments else constants.string("now")
    modifiers = [translate(each).constant for each in arguments[1:]]
    if modifiers[:1] == ["unixepoch"]:
        modifiers.pop(0)
        moment = Moment(sql=_since_epoch(first))
    else:
        moment = _beginning(first)
    for modifier in modifiers:
        moment = _modified(moment, str(modifier).lower())
    return moment


def _since_epoch(value: Value) -> str:
    if value.kind != "bigint":
        raise Refused(f"'unixepoch' behind {value.sql}, which is {value.kind}")
    return f"(timestamp '1970-01-01' + {value.operand} * interval '1 second')"


def _beginning(value: Value) -> Moment:
    """The moment of a value without modifiers."""
    if isinstance(value.constant, str):
        if value.constant.lower() == "now":
            return Moment(sql=_NOW, now=True)
        day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.constant)
        whole = constants.string(f"{value.constant} 00:00:00") if day else value
        return Moment(sql=f"({constants.beside(whole, 'timestamp').sql})")
    if value.kind == "timestamp":
        return Moment(sql=value.operand)
    if value.kind == "date":
        return Moment(sql=f"{value.operand}::timestamp")
    raise Refused(f"{value.sql} is {value.kind}: only of date and timestamp columns is the moment certain")


def _modified(moment: Moment, modifier: str) -> Moment:
    if modifier in ("subsec", "subsecond"):
        return replace(moment, fractions=True)
    if modifier in _STARTS:
        return replace(moment, sql=f"date_trunc('{_STARTS[modifier]}', {moment.sql})")
    shift = _SHIFT.fullmatch(modifier)
    if shift is None:
        raise Refused(f"the modifier {modifier!r} of a date function has no equal")
    return replace(moment, sql=f"({moment.sql} + interval '{shift[1]} {shift[2]}')")


def _datetime(moment: Moment) -> Value:
    """Whole seconds, or milliseconds with 'subsec'."""
    part = "milliseconds" if moment.fractions else "second"
    behind = ":%f" if moment.fractions else ":%S"
    text = _formatted(f"%Y-%m-%d %H:%M{behind}", moment) if moment.now or not moment.fractions else None
    return Value(sql=f"date_trunc('{part}', {moment.sql})", kind="timestamp", text=text)


def _date(moment: Moment) -> Value:
    return Value(sql=f"{moment.sql}::date", kind="date", text=_formatted("%Y-%m-%d", moment))


def _time(moment: Moment) -> Value:
    if moment.fractions:
        raise Refused("the modifier 'subsec' of time has no equal")
    text = _formatted("%H:%M:%S", moment)
    return Value(sql=f"date_trunc('second', {moment.sql})::time", kind="time", text=text)


def _unixepoch(moment: Moment) -> Value:
    if moment.fractions:
        raise Refused("the modifier 'subsec' of unixepoch has no equal")
    return Value(sql=f"floor(extract(epoch FROM {moment.sql}))::bigint", kind="bigint")


def _julianday(moment: Moment) -> Value:
    """Days since noon of 24 November 4714 BC; SQLite counts milliseconds."""
    milliseconds = f"floor(extract(epoch FROM {moment.sql}) * 1000 + 0.5) + 210866760000000"
    sql = f"({milliseconds})::double precision / 86400000.0::double precision"
    return Value(sql=sql, kind="double precision", compound=True)


_PARTS: Final = {
    "%Y": ("year", 4, "YYYY"),
    "%m": ("month", 2, "MM"),
    "%d": ("day", 2, "DD"),
    "%H": ("hour", 2, "HH24"),
    "%M": ("minute", 2, "MI"),
    "%S": ("second", 2, "SS"),
    "%j": ("doy", 3, "DDD"),
}
"""A format of strftime: the field, its width, and how to_char writes it."""


def _formatted(pattern: str, moment: Moment) -> str:
    """A text of a moment; to_char depends on the session, so that rules and indexes may not use it."""
    pieces = [piece for piece in re.split(r"(%.)", pattern) if piece]
    if moment.now:
        return f"to_char({moment.sql}, {quoted(''.join(map(_to_char, pieces)))})"
    return " || ".join(_extracted(piece, moment.sql) for piece in pieces)


def day_text(sql: str) -> str:
    """A date as SQLite writes it, in the same words in every session."""
    return _formatted("%Y-%m-%d", Moment(sql=sql))


def _to_char(piece: str) -> str:
    if piece in _PARTS:
        return _PARTS[piece][2]
    if piece == "%f":
        return "SS.MS"
    if piece.startswith("%"):
        raise Refused(f"the format {piece} of strftime has no equal")
    if '"' in piece or "\\" in piece:
        raise Refused(f"the format {piece!r} of strftime has no equal")
    return piece if re.fullmatch(r"[-:. /]+", piece) else f'"{piece}"'


def _extracted(piece: str, sql: str) -> str:
    if piece in _PARTS:
        field, width, _ = _PARTS[piece]
        return f"lpad(floor(extract({field} FROM {sql}))::bigint::text, {width}, '0')"
    if piece == "%w":
        return f"extract(dow FROM {sql})::bigint::text"
    if piece.startswith("%"):
        raise Refused(f"the format {piece} of strftime has no equal")
    return quoted(piece)


def _strftime_node(node: exp.TimeToStr, translate: Translate) -> Value:
    said = node.this.this
    arguments = [] if isinstance(said, exp.CurrentTimestamp) else [said]
    return _strftime(translate(node.args.get("format")), _moment(arguments, translate))


def _strftime_call(node: exp.Anonymous, translate: Translate) -> Value:
    if not node.expressions:
        raise Refused("strftime without a format")
    return _strftime(translate(node.expressions[0]), _moment(node.expressions[1:], translate))


def _strftime(written: Value, moment: Moment) -> Value:
    pattern = written.constant
    if pattern == "%s":
        sql = f"floor(extract(epoch FROM {moment.sql}))::bigint::text"
        return Value(sql=sql, kind="text", digits=True)
    if not isinstance(pattern, str):
        raise Refused("strftime with a format that is no literal")
    digits = pattern in _PARTS or pattern == "%w"
    return Value(sql=_formatted(pattern, moment), kind="text", digits=digits, compound=not moment.now)


def _function(make: Callable[[Moment], Value]) -> Callable[[exp.Anonymous, Translate], Value]:
    def translate(node: exp.Anonymous, translate: Translate) -> Value:
        return make(_moment(node.expressions, translate))

    return translate


def _date_node(node: exp.Date, translate: Translate) -> Value:
    return _date(_moment([node.this] if node.this is not None else [], translate))


NAMED: Final = {
    "datetime": _function(_datetime),
    "date": _function(_date),
    "time": _function(_time),
    "unixepoch": _function(_unixepoch),
    "julianday": _function(_julianday),
    "strftime": _strftime_call,
}
"""Date functions by their names."""

RULES: Final[Rules] = {
    exp.CurrentTimestamp: rule(lambda *_: _datetime(Moment(sql=_NOW, now=True))),
    exp.CurrentDate: rule(lambda *_: _date(Moment(sql=_NOW, now=True))),
    exp.CurrentTime: rule(lambda *_: _time(Moment(sql=_NOW, now=True))),
    exp.Date: rule(_date_node, "this"),
    exp.TimeToStr: rule(_strftime_node, "this", "format"),
}
"""Nodes of dates and times, allowed everywhere."""
