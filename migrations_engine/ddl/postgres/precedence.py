"""Proof that a tree is SQLite's reading of its text, and not only the parser's.

Without parentheses an operand must bind more tightly than what it stands in, the left one as tightly: then
the text has no other reading. https://sqlite.org/lang_expr.html#operators_and_parse_affecting_attributes
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from migrations_engine.ddl.postgres.refusals import Refused

_LEVELS: Final[tuple[tuple[type[exp.Expr], ...], ...]] = (
    (exp.Or,),
    (exp.And,),
    (exp.Not,),
    (
        exp.EQ,
        exp.NEQ,
        exp.Is,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.Between,
        exp.In,
        exp.Like,
        exp.Escape,
        exp.Glob,
    ),
    (exp.LT, exp.LTE, exp.GT, exp.GTE),
    (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseLeftShift, exp.BitwiseRightShift),
    (exp.Add, exp.Sub),
    (exp.Mul, exp.Div, exp.Mod),
    (exp.DPipe,),
    (exp.Collate,),
    (exp.Neg, exp.BitwiseNot),
)
"""The operators, the loosest first."""

_LEVEL: Final = {kind: level for level, kinds in enumerate(_LEVELS) for kind in kinds}

_RIGHT: Final = ("expression", "low", "high")
"""Where right operands stand."""


def check(node: exp.Expr) -> None:
    """Compare an operator with its operands.

    Raises:
        Refused: SQLite would read the text otherwise.
    """
    level = _LEVEL.get(type(node))
    if level is None or isinstance(node, exp.Escape):
        return
    prefix = isinstance(node, exp.Not | exp.Neg | exp.BitwiseNot)
    operands = [(node.this, level), *((node.args.get(name), level + 1) for name in _RIGHT)]
    for operand, least in operands:
        # AND and OR are associative: their trees may lean to either side.
        wanted = level if prefix or isinstance(node, exp.Connector) else least
        if _LEVEL.get(type(operand), len(_LEVELS)) < wanted:
            raise Refused(f"{node.sql(dialect='sqlite')} needs parentheses to be read alike everywhere")
