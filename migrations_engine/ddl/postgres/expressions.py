"""The walk over a tree: every node must be in the table of those that are allowed, with no other argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sqlglot import exp

from migrations_engine.ddl.postgres import comparisons, dates, functions, operators, parsing, precedence
from migrations_engine.ddl.postgres.conversions import condition
from migrations_engine.ddl.postgres.dates import CLOCK
from migrations_engine.ddl.postgres.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

    from migrations_engine.ddl.postgres.operators import Rules
    from migrations_engine.ddl.postgres.values import Value

ALLOWED: Final[Rules] = {**operators.RULES, **comparisons.RULES, **functions.RULES, **dates.RULES}
"""The nodes that are allowed in every expression; names come from a scope."""


class Scope(Protocol):
    """What the names in an expression mean."""

    @property
    def names(self) -> Collection[str]:
        """The folded names that can be meant."""

    def resolve(self, name: str, *, of: str | None) -> Value:
        """The column of that name, of the named table where one is said.

        Raises:
            Refused: There is no such column here.
        """


def translated(text: str, scope: Scope) -> Value:
    """The value of an expression.

    Raises:
        Refused: It has no equal.
    """
    return Walk(scope, ALLOWED).value(parsing.expression(text, scope.names))


def translated_condition(text: str, scope: Scope) -> str:
    """The text of an expression that is true or false.

    Raises:
        Refused: It has no equal.
    """
    return condition(translated(text, scope)).sql


def fixed(sql: str) -> str:
    """A translated text that gives the same whenever it is evaluated, as indexes and generated columns need.

    Raises:
        Refused: The clock is in it: SQLite finds that out at the first row only.
    """
    if CLOCK in sql:
        raise Refused("the time of day in what must stay the same for a row")
    return sql


class Walk:
    """One expression's way from tree to text."""

    def __init__(self, scope: Scope, allowed: Rules) -> None:
        self._scope = scope
        self._allowed = allowed

    def value(self, node: exp.Expr | None) -> Value:
        """The value of a node and all below it.

        Raises:
            Refused: A node or an argument of one is not in the list of those that are allowed, or missing.
        """
        if node is None:
            raise Refused("a function with too few values")
        if isinstance(node, exp.Column):
            return self._column(node)
        rule = self._allowed.get(type(node))
        if rule is None:
            raise Refused(f"{_named(node)} has no equal")
        unknown = [name for name, said in node.args.items() if said and name not in rule.arguments]
        if unknown:
            raise Refused(f"{_named(node)} with {', '.join(unknown)} has no equal")
        precedence.check(node)
        return rule.translate(node, self.value)

    def _column(self, node: exp.Column) -> Value:
        if isinstance(node.this, exp.Star) or node.args.get("catalog"):
            raise Refused("* in this place")
        database = node.args.get("db")
        if database is not None and database.name.lower() != "main":
            raise Refused(f"a column of another file, {node.sql(dialect='sqlite')}")
        return self._scope.resolve(node.name, of=node.table or None)


def _named(node: exp.Expr) -> str:
    """A node as a person would name it."""
    if isinstance(node, exp.JSONExtract | exp.JSONExtractScalar):
        return "json_extract, which writes numbers, truths and objects otherwise,"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name().lower()}"
    return f"{type(node).__name__} ({node.sql(dialect='sqlite')})"
