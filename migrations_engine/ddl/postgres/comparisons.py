"""Comparisons and patterns: affinities, NULLs and letters as SQLite has them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migrations_engine.ddl.postgres import constants
from migrations_engine.ddl.postgres.conversions import as_number, as_text, condition, plain_text
from migrations_engine.ddl.postgres.operators import rule
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import BYTES, NOCASE, NUMBERS, Value, boolean, call, quoted
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations_engine.ddl.postgres.operators import Rules, Translate


def paired(left: Value, right: Value, *, ordered: bool = False) -> tuple[Value, Value]:
    """Two values as PostgreSQL can compare them with SQLite's result.

    Args:
        left: The left one.
        right: The right one.
        ordered: Whether they are compared by more than equality.

    Raises:
        Refused: SQLite would compare their storage classes.
    """
    if "null" in (left.kind, right.kind):
        return left, right
    if left.is_constant and not right.is_constant:
        right, left = paired(right, left, ordered=ordered)
        return left, right
    if right.is_constant and not left.is_constant:
        right = _beside(left, right, ordered=ordered)
    if "text" in (left.kind, right.kind) and left.kind != right.kind:
        left, right = _texts(left), _texts(right)
    if left.kind != right.kind or (ordered and left.kind == "boolean"):
        left, right = _numbers(left, right)
    return _collated(left, right, ordered=ordered)


def _beside(value: Value, constant: Value, *, ordered: bool) -> Value:
    """A literal beside a value: it takes the affinity of a column, and is what it is beside all else."""
    numeric = value.kind in NUMBERS | {"boolean"}
    if ordered and value.kind == "boolean" and isinstance(constant.constant, int | float):
        return constant
    if not value.of_column and numeric == isinstance(constant.constant, str | bytes):
        raise Refused(f"{value.sql} compared with {constant.sql}, which is of another storage class")
    if value.kind == "text" and not value.of_column and not isinstance(constant.constant, str):
        raise Refused(f"{value.sql} compared with {constant.sql}, which is of another storage class")
    return constants.beside(constant, value.kind)


def _texts(value: Value) -> Value:
    """A date that is compared with a text, as the text that SQLite has of it."""
    if value.kind != "text" and value.text is None:
        raise Refused(f"{value.sql} is {value.kind} and compared with a text")
    return as_text(value)


def _numbers(left: Value, right: Value) -> tuple[Value, Value]:
    if not {left.kind, right.kind} <= NUMBERS | {"boolean"}:
        raise Refused(f"{left.sql} is {left.kind}, {right.sql} is {right.kind}")
    return as_number(left), as_number(right)


def _collated(left: Value, right: Value, *, ordered: bool) -> tuple[Value, Value]:
    """Two texts with one collation: the left one's where both count alike, bytes where they have none."""
    if "text" not in (left.kind, right.kind):
        return left, right
    chosen = left if left.precedence >= right.precedence else right
    if chosen.precedence and chosen.collation == NOCASE:
        return without_case(left), without_case(right)
    if ordered or NOCASE in (left.collation, right.collation):
        first = left if left.is_constant and not right.is_constant else plain_text(left)
        return first, right if right.is_constant else plain_text(right)
    return left, right


def without_case(value: Value) -> Value:
    """A text as NOCASE compares it: ASCII letters in lower case, by bytes.

    The collation of the column would do for most texts only: it knows other letters too, and another order.
    """
    if isinstance(value.constant, str):
        return constants.string(fold(value.constant))
    if value.kind == "null":
        return value
    return call("lower", plain_text(value).sql, kind="text", collation=BYTES)


def _compare(sign: str, *, ordered: bool = False) -> Callable[[exp.Binary, Translate], Value]:
    def translate(node: exp.Binary, translate: Translate) -> Value:
        left, right = _with_midnights(translate(node.this), translate(node.expression), sign)
        left, right = paired(left, right, ordered=ordered)
        return boolean(f"{left.operand} {sign} {right.operand}")

    return translate


def _with_midnights(left: Value, right: Value, sign: str) -> tuple[Value, Value]:
    """A day as the right side of a comparison of moments, where midnight makes no difference.

    As texts, '2024-01-01 00:00:00' is more than '2024-01-01': only >= and < agree with moments.
    """
    if left.kind == "timestamp" and sign in (">=", "<") and isinstance(right.constant, str):
        day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", right.constant)
        return left, constants.string(f"{right.constant} 00:00:00") if day else right
    return left, right


def _is(node: exp.Is, translate: Translate) -> Value:
    value = translate(node.this)
    if isinstance(node.expression, exp.Null):
        return boolean(f"{value.operand} IS NULL")
    if isinstance(node.expression, exp.Boolean):
        word = "TRUE" if node.expression.this else "FALSE"
        return boolean(f"{condition(value).operand} IS {word}")
    raise Refused("IS with this right side")


def _between(node: exp.Between, translate: Translate) -> Value:
    value = translate(node.this)
    left, low = paired(value, translate(node.args["low"]), ordered=True)
    again, high = paired(value, translate(node.args["high"]), ordered=True)
    if left.sql == again.sql:
        return boolean(f"{left.operand} BETWEEN {low.operand} AND {high.operand}")
    return boolean(f"{left.operand} >= {low.operand} AND {again.operand} <= {high.operand}")


def _in(node: exp.In, translate: Translate) -> Value:
    if node.args.get("query") is not None:
        return _in_query(node, translate)
    value = translate(node.this)
    if not node.expressions:
        return Value(sql="false", kind="boolean")
    pairs = [paired(value, translate(each)) for each in node.expressions]
    if len({left.sql for left, _ in pairs}) > 1:
        tests = [f"{left.operand} = {right.operand}" for left, right in pairs]
        return boolean(" OR ".join(f"({test})" for test in tests))
    return boolean(f"{pairs[0][0].operand} IN ({', '.join(right.sql for _, right in pairs)})")


def _in_query(node: exp.In, translate: Translate) -> Value:
    value, query = translate(node.this), translate(node.args["query"])
    left, right = paired(value, replace(query, compound=False))
    if right.sql != query.sql:
        raise Refused(f"{value.sql} is {value.kind}, the rows of the query are {query.kind}")
    return boolean(f"{left.operand} IN {query.sql}")


def _like(node: exp.Like, translate: Translate, *, escape: str = "") -> Value:
    """LIKE knows no ASCII case in SQLite; PostgreSQL would take a backslash for an escape."""
    text, pattern = plain_text(translate(node.this)), translate(node.expression)
    pattern = as_text(pattern) if pattern.is_constant else plain_text(pattern)
    word = "NOT ILIKE" if node.args.get("negate") else "ILIKE"
    said = isinstance(pattern.constant, str) and not escape and "\\" not in pattern.constant
    behind = "" if said else f" ESCAPE {quoted(escape)}"
    return boolean(f"{text.operand} {word} {pattern.operand}{behind}")


def _escape(node: exp.Escape, translate: Translate) -> Value:
    mark = node.expression
    if not (isinstance(node.this, exp.Like) and isinstance(mark, exp.Literal) and len(mark.this) == 1):
        raise Refused("ESCAPE with anything but one character behind LIKE")
    return _like(node.this, translate, escape=mark.this)


_CLASS: Final = re.compile(r"\[(\^?)([A-Za-z0-9_ .,:;/@#%&=+~!-]+)\]")


def _glob(node: exp.Glob, translate: Translate) -> Value:
    """GLOB as a regular expression, for a literal pattern."""
    text, pattern = plain_text(translate(node.this)), translate(node.expression)
    if not isinstance(pattern.constant, str):
        raise Refused("GLOB with a pattern that is no literal")
    return boolean(f"{text.operand} ~ {quoted(f'^(?:{_regular(pattern.constant)})$')}")


def _regular(pattern: str) -> str:
    """The regular expression of a pattern of GLOB.

    Raises:
        Refused: A class of characters that is more than letters, digits and plain marks.
    """
    parts, at = [], 0
    while at < len(pattern):
        found = _CLASS.match(pattern, at)
        if found:
            parts.append(found[0])
            at = found.end()
            continue
        if pattern[at] == "[":
            raise Refused(f"the pattern {pattern!r} of GLOB")
        parts.append({"*": ".*", "?": "."}.get(pattern[at]) or re.sub(r"([^\w ])", r"\\\1", pattern[at]))
        at += 1
    return "".join(parts)


_OPERANDS: Final = ("this", "expression")

RULES: Final[Rules] = {
    exp.EQ: rule(_compare("="), *_OPERANDS),
    exp.NEQ: rule(_compare("<>"), *_OPERANDS),
    exp.LT: rule(_compare("<", ordered=True), *_OPERANDS),
    exp.LTE: rule(_compare("<=", ordered=True), *_OPERANDS),
    exp.GT: rule(_compare(">", ordered=True), *_OPERANDS),
    exp.GTE: rule(_compare(">=", ordered=True), *_OPERANDS),
    exp.NullSafeEQ: rule(_compare("IS NOT DISTINCT FROM"), *_OPERANDS),
    exp.NullSafeNEQ: rule(_compare("IS DISTINCT FROM"), *_OPERANDS),
    exp.Is: rule(_is, *_OPERANDS),
    exp.Between: rule(_between, "this", "low", "high"),
    exp.In: rule(_in, "this", "expressions", "query"),
    exp.Like: rule(_like, *_OPERANDS, "negate"),
    exp.Escape: rule(_escape, *_OPERANDS),
    exp.Glob: rule(_glob, *_OPERANDS),
}
"""Comparisons, allowed everywhere."""
