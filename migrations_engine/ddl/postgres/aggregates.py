"""Functions of many rows, which queries may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migrations_engine.ddl.postgres import functions
from migrations_engine.ddl.postgres.conversions import as_double, as_number, as_text, plain_text
from migrations_engine.ddl.postgres.operators import rule
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import BYTES, MOMENTS, NOCASE, NUMBERS, Value, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations_engine.ddl.postgres.operators import Rules, Translate

NODES: Final = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.GroupConcat)
"""The nodes of aggregates."""


def is_aggregate(node: exp.Expr) -> bool:
    """Whether a node makes one value of many rows."""
    return isinstance(node, NODES) or (isinstance(node, exp.Anonymous) and str(node.this).lower() == "total")


def _operand(node: exp.Expr, translate: Translate) -> tuple[str, Value]:
    """What an aggregate is taken of, and the DISTINCT before it."""
    if not isinstance(node, exp.Distinct):
        return "", translate(node)
    if len(node.expressions) != 1 or node.args.get("on"):
        raise Refused("DISTINCT of more than one value")
    value = translate(node.expressions[0])
    if value.collation == NOCASE:
        raise Refused(f"DISTINCT of {value.sql}, which is NOCASE")
    return "DISTINCT ", value


def _count(node: exp.Count, translate: Translate) -> Value:
    if isinstance(node.this, exp.Star):
        return Value(sql="count(*)", kind="bigint")
    distinct, value = _operand(node.this, translate)
    return Value(sql=f"count({distinct}{value.sql})", kind="bigint")


def _sum(node: exp.Sum, translate: Translate) -> Value:
    distinct, value = _operand(node.this, translate)
    number = as_number(value)
    behind = "::bigint" if number.kind == "bigint" else ""
    return Value(sql=f"sum({distinct}{number.sql}){behind}", kind=number.kind)


def _average(node: exp.Avg, translate: Translate) -> Value:
    distinct, value = _operand(node.this, translate)
    return Value(sql=f"avg({distinct}{as_double(value).sql})", kind="double precision")


def _extreme(name: str) -> Callable[[exp.Func, Translate], Value]:
    def translate(node: exp.Func, translate: Translate) -> Value:
        value = translate(node.this)
        if value.kind == "boolean":
            value = as_number(value)
        if value.kind == "text" and value.collation != NOCASE:
            return Value(sql=f"{name}({plain_text(value).sql})", kind="text", collation=BYTES)
        if value.kind not in NUMBERS | MOMENTS:
            raise Refused(f"{name} of {value.sql}, which is {value.collation or value.kind}")
        return Value(sql=f"{name}({value.sql})", kind=value.kind)

    return translate


def _joined(node: exp.GroupConcat, translate: Translate) -> Value:
    distinct, value = _operand(node.this, translate)
    separator = node.args.get("separator")
    between = as_text(translate(separator)).sql if separator is not None else quoted(",")
    return Value(
        sql=f"string_agg({distinct}{plain_text(value).sql}, {between})", kind="text", collation=BYTES
    )


def _named(node: exp.Anonymous, translate: Translate) -> Value:
    if not is_aggregate(node):
        return functions.named(node, translate)
    if len(node.expressions) != 1:
        raise Refused(f"the function {node.this} with {len(node.expressions)} values")
    value = as_double(translate(node.expressions[0]))
    return Value(sql=f"coalesce(sum({value.sql}), 0)", kind="double precision")


RULES: Final[Rules] = {
    exp.Count: rule(_count, "this", "big_int"),
    exp.Sum: rule(_sum, "this"),
    exp.Avg: rule(_average, "this"),
    exp.Min: rule(_extreme("min"), "this"),
    exp.Max: rule(_extreme("max"), "this"),
    exp.GroupConcat: rule(_joined, "this", "separator"),
    exp.Anonymous: rule(_named, "this", "expressions"),
}
"""Aggregates, allowed in queries."""
