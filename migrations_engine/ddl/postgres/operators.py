"""Arithmetic and the other operators: which nodes, and what each becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlglot import exp

from migrations_engine.ddl.postgres import constants
from migrations_engine.ddl.postgres.conversions import (
    alike,
    as_double,
    as_number,
    condition,
    plain_text,
)
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.types import collation_name
from migrations_engine.ddl.postgres.values import BYTES, NULL, NUMBERS, Kind, Value, boolean

Translate = Callable[[exp.Expr | None], Value]
"""Gives the value of an operand, and refuses one that is missing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a node is translated; ``arguments`` are those that it may have: no other is silently dropped."""

    translate: Callable[[Any, Translate], Value]
    arguments: frozenset[str]


Rules = Mapping[type[exp.Expr], Rule]


def rule(translate: Callable[[Any, Translate], Value], *arguments: str) -> Rule:
    """A rule for a node with these arguments."""
    return Rule(translate, frozenset(arguments))


def _literal(node: exp.Literal, _: Translate) -> Value:
    return constants.string(node.this) if node.is_string else constants.number(node.this)


def _arithmetic(sign: str) -> Callable[[exp.Binary, Translate], Value]:
    def translate(node: exp.Binary, translate: Translate) -> Value:
        left, right = as_number(translate(node.this)), as_number(translate(node.expression))
        kind = result_kind(left, right)
        if kind == "double precision":
            left, right = _fraction(left), _fraction(right)
        return Value(sql=f"{left.operand} {sign} {right.operand}", kind=kind, compound=True)

    return translate


def result_kind(left: Value, right: Value) -> Kind:
    """The type of what two numbers give; a literal fraction beside a decimal column is a decimal."""
    kinds = {left.kind, right.kind} - {"null"}
    if "numeric" in kinds:
        exact = all(value.kind != "double precision" or value.is_constant for value in (left, right))
        return "numeric" if exact else "double precision"
    return "double precision" if "double precision" in kinds else "bigint"


def _fraction(value: Value) -> Value:
    """A number in binary arithmetic: PostgreSQL would take a literal fraction for a decimal."""
    return as_double(value) if isinstance(value.constant, float) or value.kind == "numeric" else value


def _divide(node: exp.Div, translate: Translate) -> Value:
    """A division; SQLite gives NULL for one by zero."""
    left, right = as_number(translate(node.this)), as_number(translate(node.expression))
    kinds = {left.kind, right.kind}
    if "double precision" in kinds:
        sql = f"{_fraction(left).operand} / {_divisor(_fraction(right), right)}"
        return Value(sql=sql, kind="double precision", compound=True)
    if "numeric" in kinds:
        raise Refused(
            f"SQLite divides whole numbers in {left.sql} / {right.sql} without a rest; CAST one AS REAL"
        )
    return Value(sql=f"{left.operand} / {_divisor(right, right)}", kind="bigint", compound=True)


def _modulo(node: exp.Mod, translate: Translate) -> Value:
    left, right = _whole(translate(node.this)), _whole(translate(node.expression))
    return Value(sql=f"{left.operand} % {_divisor(right, right)}", kind="bigint", compound=True)


def _divisor(value: Value, written: Value) -> str:
    return value.operand if written.constant else f"nullif({value.sql}, 0)"


def _whole(value: Value) -> Value:
    found = as_number(value)
    if found.kind not in ("bigint", "null"):
        raise Refused(f"{found.sql} may have a fraction, which SQLite cuts off here")
    return found


def _bits(sign: str) -> Callable[[exp.Binary, Translate], Value]:
    def translate(node: exp.Binary, translate: Translate) -> Value:
        left, right = _whole(translate(node.this)), _whole(translate(node.expression))
        return Value(sql=f"{left.operand} {sign} {right.operand}", kind="bigint", compound=True)

    return translate


def _shift(sign: str) -> Callable[[exp.Binary, Translate], Value]:
    def translate(node: exp.Binary, translate: Translate) -> Value:
        left, right = _whole(translate(node.this)), translate(node.expression)
        # PostgreSQL takes the distance modulo 64, SQLite turns a negative one round.
        if not (isinstance(right.constant, int) and 0 <= right.constant < 63):
            raise Refused("a shift by anything but a literal from 0 to 62")
        return Value(sql=f"{left.operand} {sign} {right.constant}", kind="bigint", compound=True)

    return translate


def _not_bits(node: exp.BitwiseNot, translate: Translate) -> Value:
    return Value(sql=f"~{_whole(translate(node.this)).operand}", kind="bigint", compound=True)


def _negate(node: exp.Neg, translate: Translate) -> Value:
    value = translate(node.this)
    if value.is_constant:
        return constants.negated(value)
    found = as_number(value)
    return Value(sql=f"-{found.operand}", kind=found.kind, compound=True)


def _join_texts(node: exp.DPipe, translate: Translate) -> Value:
    left, right = plain_text(translate(node.this)), plain_text(translate(node.expression))
    return Value(sql=f"{left.operand} || {right.operand}", kind="text", compound=True, collation=BYTES)


def _connect(word: str) -> Callable[[exp.Connector, Translate], Value]:
    def translate(node: exp.Connector, translate: Translate) -> Value:
        parts = [condition(translate(part)).operand for part in node.flatten(unnest=False)]
        return boolean(f" {word} ".join(parts))

    return translate


def _not(node: exp.Not, translate: Translate) -> Value:
    value = condition(translate(node.this))
    if isinstance(node.this, exp.Is) and value.sql.endswith(" IS NULL"):
        return boolean(f"{value.sql.removesuffix(' NULL')} NOT NULL")
    return boolean(f"NOT {value.operand}")


def _parentheses(node: exp.Paren, translate: Translate) -> Value:
    return translate(node.this)


def _collate(node: exp.Collate, translate: Translate) -> Value:
    value = translate(node.this)
    name = collation_name(node.expression.name)
    if value.kind != "text":
        return value
    return replace(
        value, sql=f'{value.operand} COLLATE "{name}"', collation=name, explicit=True, compound=True
    )


def _case(node: exp.Case, translate: Translate) -> Value:
    """CASE; the form with an operand is written as comparisons, which have affinities."""
    tests = [_test(node, branch, translate) for branch in node.args["ifs"]]
    results = [branch.args["true"] for branch in node.args["ifs"]]
    default = node.args.get("default")
    return choose(tests, [translate(each) for each in results], translate(default) if default else NULL)


def _test(node: exp.Case, branch: exp.If, translate: Translate) -> Value:
    if node.this is None:
        return condition(translate(branch.this))
    return translate(exp.EQ(this=node.this.copy(), expression=branch.this.copy()))


def _if(node: exp.If, translate: Translate) -> Value:
    false = node.args.get("false")
    return choose(
        [condition(translate(node.this))],
        [translate(node.args.get("true"))],
        translate(false) if false else NULL,
    )


def choose(tests: list[Value], results: list[Value], default: Value) -> Value:
    """A CASE from its conditions, its results and what it gives otherwise."""
    kind, alternatives = alike([*results, default])
    whens = [
        f"WHEN {test.sql} THEN {result.sql}" for test, result in zip(tests, alternatives[:-1], strict=True)
    ]
    otherwise = [] if default.kind == "null" else [f"ELSE {alternatives[-1].sql}"]
    sql = " ".join(["CASE", *whens, *otherwise, "END"])
    return Value(sql=sql, kind=kind, collation=alternatives[0].collation)


_CASTS: Final[dict[exp.DType, Kind]] = {
    exp.DType.INT: "bigint",
    exp.DType.BIGINT: "bigint",
    exp.DType.DOUBLE: "double precision",
    exp.DType.FLOAT: "double precision",
    exp.DType.TEXT: "text",
    exp.DType.VARCHAR: "text",
}


def _cast(node: exp.Cast, translate: Translate) -> Value:
    value = translate(node.this)
    target = _CASTS.get(node.to.this)
    if value.kind == "null":
        return NULL
    if target == "text":
        return replace(value if value.kind == "text" else plain_text(value), of_column=True, constant=None)
    if target == "double precision":
        return replace(as_double(value), of_column=True)
    if target == "bigint":
        return _cast_to_integer(value)
    raise Refused(f"CAST to {node.to.sql(dialect='sqlite')}")


def _cast_to_integer(value: Value) -> Value:
    """CAST AS INTEGER, which cuts fractions off in SQLite and rounds them in PostgreSQL."""
    if value.digits:
        return Value(sql=f"{value.operand}::bigint", kind="bigint", of_column=True)
    found = as_number(value)
    if found.kind == "bigint":
        return replace(found, of_column=True, constant=None)
    return Value(sql=f"trunc({found.sql})::bigint", kind="bigint", of_column=True)


RULES: Final[Rules] = {
    exp.Literal: rule(_literal, "this", "is_string"),
    exp.HexString: rule(lambda node, _: constants.blob(node.this), "this"),
    exp.Null: rule(lambda *_: NULL),
    exp.Boolean: rule(lambda node, _: constants.truth(value=node.this), "this"),
    exp.Paren: rule(_parentheses, "this"),
    exp.Add: rule(_arithmetic("+"), "this", "expression"),
    exp.Sub: rule(_arithmetic("-"), "this", "expression"),
    exp.Mul: rule(_arithmetic("*"), "this", "expression"),
    exp.Div: rule(_divide, "this", "expression", "typed", "safe"),
    exp.Mod: rule(_modulo, "this", "expression"),
    exp.Neg: rule(_negate, "this"),
    exp.BitwiseAnd: rule(_bits("&"), "this", "expression"),
    exp.BitwiseOr: rule(_bits("|"), "this", "expression"),
    exp.BitwiseNot: rule(_not_bits, "this"),
    exp.BitwiseLeftShift: rule(_shift("<<"), "this", "expression"),
    exp.BitwiseRightShift: rule(_shift(">>"), "this", "expression"),
    exp.DPipe: rule(_join_texts, "this", "expression", "safe"),
    exp.And: rule(_connect("AND"), "this", "expression"),
    exp.Or: rule(_connect("OR"), "this", "expression"),
    exp.Not: rule(_not, "this"),
    exp.Collate: rule(_collate, "this", "expression"),
    exp.Case: rule(_case, "this", "ifs", "default"),
    exp.If: rule(_if, "this", "true", "false"),
    exp.Cast: rule(_cast, "this", "to"),
}
"""The nodes that are allowed everywhere."""

__all__ = ["NUMBERS", "RULES", "Rule", "Rules", "Translate", "choose", "result_kind", "rule"]
