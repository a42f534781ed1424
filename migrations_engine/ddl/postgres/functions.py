"""Functions of values: which are allowed, and what gives the same in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migrations_engine.ddl.postgres import dates
from migrations_engine.ddl.postgres.comparisons import paired
from migrations_engine.ddl.postgres.conversions import alike, as_number, as_text, plain_text
from migrations_engine.ddl.postgres.operators import rule
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import BYTES, NUMBERS, Value, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations_engine.ddl.postgres.operators import Rules, Translate


def _length(node: exp.Length, translate: Translate) -> Value:
    """Characters of a text, bytes of a blob."""
    value = translate(node.this)
    measured = value if value.kind == "bytea" else as_text(value)
    return Value(sql=f"length({measured.sql})::bigint", kind="bigint")


def _cased(name: str) -> Callable[[exp.Func, Translate], Value]:
    def translate(node: exp.Func, translate: Translate) -> Value:
        return call(name, plain_text(translate(node.this)).sql, kind="text", collation=BYTES)

    return translate


def _trim(node: exp.Trim, translate: Translate) -> Value:
    """Spaces only, or the given characters, as in SQLite."""
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "btrim")
    arguments = [plain_text(translate(node.this)).sql]
    if node.args.get("expression") is not None:
        arguments.append(as_text(translate(node.args["expression"])).sql)
    return call(name, *arguments, kind="text", collation=BYTES)


def _substring(node: exp.Substring, translate: Translate) -> Value:
    """A part from a literal place on: SQLite counts negative ones from the end, PostgreSQL does not."""
    value = translate(node.this)
    places = [translate(node.args[name]) for name in ("start", "length") if node.args.get(name) is not None]
    for place, least in zip(places, (1, 0), strict=False):
        if not (isinstance(place.constant, int) and least <= place.constant < 2**31):
            raise Refused(f"substr with {place.sql}: a literal place from 1 on is the same in both")
    if value.kind == "bytea":
        # SQLite has no part of an empty blob, not even an empty one.
        return call("substr", f"nullif({value.sql}, '')", *(place.sql for place in places), kind="bytea")
    text = plain_text(value).sql
    return call("substr", text, *(place.sql for place in places), kind="text", collation=BYTES)


def _replace(node: exp.Replace, translate: Translate) -> Value:
    parts = [translate(node.this), translate(node.expression), translate(node.args.get("replacement"))]
    return call("replace", *(plain_text(part).sql for part in parts), kind="text", collation=BYTES)


def _position(node: exp.StrPosition, translate: Translate) -> Value:
    texts = [plain_text(translate(part)).sql for part in (node.this, node.args.get("substr"))]
    return Value(sql=f"strpos({', '.join(texts)})::bigint", kind="bigint")


def _absolute(node: exp.Abs, translate: Translate) -> Value:
    value = as_number(translate(node.this))
    return call("abs", value.sql, kind=value.kind)


def _coalesce(node: exp.Coalesce, translate: Translate) -> Value:
    kind, values = alike([translate(each) for each in (node.this, *node.expressions)])
    return call("coalesce", *(value.sql for value in values), kind=kind, collation=values[0].collation)


def _nullif(node: exp.Nullif, translate: Translate) -> Value:
    left, right = paired(translate(node.this), translate(node.expression))
    return call("nullif", left.sql, right.sql, kind=left.kind, collation=left.collation)


def _extreme(name: str) -> Callable[[exp.Func, Translate], Value]:
    """The greatest or least of several; NULL where one is NULL, which PostgreSQL leaves out."""

    def translate(node: exp.Func, translate: Translate) -> Value:
        kind, values = alike([translate(each) for each in (node.this, *node.expressions)])
        if kind not in NUMBERS:
            raise Refused(f"{name} of values that are {kind}")
        missing = " OR ".join(f"{value.operand} IS NULL" for value in values)
        listed = ", ".join(value.sql for value in values)
        return Value(sql=f"CASE WHEN {missing} THEN NULL ELSE {name}({listed}) END", kind=kind)

    return translate


def _hex(node: exp.Hex, translate: Translate) -> Value:
    return Value(sql=f"upper({_digits(node, translate)})", kind="text")


def _lower_hex(node: exp.LowerHex, translate: Translate) -> Value:
    """What the parser makes of lower(hex(x))."""
    return Value(sql=_digits(node, translate), kind="text")


def _digits(node: exp.Hex, translate: Translate) -> str:
    """The hexadecimal digits of a blob; none of NULL, as in SQLite."""
    value = translate(node.this)
    if value.kind != "bytea":
        raise Refused(f"hex of {value.kind}")
    return f"coalesce(encode({value.sql}, 'hex'), '')"


def _random(_: exp.Rand, __: Translate) -> Value:
    return Value(sql=f"('x' || encode({_random_bytes(8)}, 'hex'))::bit(64)::bigint", kind="bigint")


def _random_bytes(count: int) -> str:
    """Random bytes: 244 random bits of two identifiers, spread over 32 bytes."""
    return f"substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, {count})"


def named(node: exp.Anonymous, translate: Translate) -> Value:
    """Functions that the parser has no node for."""
    function = _NAMED.get(str(node.this).lower())
    if function is None:
        raise Refused(f"the function {node.this} has no equal")
    return function(node, translate)


def _randomblob(node: exp.Anonymous, translate: Translate) -> Value:
    count = translate(node.expressions[0]).constant if len(node.expressions) == 1 else None
    if not (isinstance(count, int) and 1 <= count <= 30):
        raise Refused("randomblob of anything but a literal from 1 to 30")
    return Value(sql=_random_bytes(count), kind="bytea")


def _only(node: exp.Anonymous, translate: Translate) -> Value:
    """A hint to SQLite's planner: its argument alone."""
    if len(node.expressions) != 1:
        raise Refused(f"the function {node.this} with {len(node.expressions)} values")
    return translate(node.expressions[0])


_NAMED: Final[dict[str, Callable[[exp.Anonymous, Translate], Value]]] = {
    "randomblob": _randomblob,
    "likely": _only,
    "unlikely": _only,
    **dates.NAMED,
}

RULES: Final[Rules] = {
    exp.Length: rule(_length, "this"),
    exp.Lower: rule(_cased("lower"), "this"),
    exp.Upper: rule(_cased("upper"), "this"),
    exp.Trim: rule(_trim, "this", "expression", "position"),
    exp.Substring: rule(_substring, "this", "start", "length"),
    exp.Replace: rule(_replace, "this", "expression", "replacement"),
    exp.StrPosition: rule(_position, "this", "substr"),
    exp.Abs: rule(_absolute, "this"),
    exp.Coalesce: rule(_coalesce, "this", "expressions"),
    exp.Nullif: rule(_nullif, "this", "expression"),
    exp.Greatest: rule(_extreme("greatest"), "this", "expressions", "ignore_nulls"),
    exp.Least: rule(_extreme("least"), "this", "expressions", "ignore_nulls"),
    exp.Hex: rule(_hex, "this"),
    exp.LowerHex: rule(_lower_hex, "this"),
    exp.Rand: rule(_random),
    exp.Anonymous: rule(named, "this", "expressions"),
}
"""Functions, allowed everywhere."""
