"""ORDER BY and LIMIT: by SQLite's order of NULLs and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migrations_engine.ddl.postgres.comparisons import without_case
from migrations_engine.ddl.postgres.conversions import plain_text
from migrations_engine.ddl.postgres.names import identifier
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import BYTES, NOCASE
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrations_engine.ddl.postgres.expressions import Walk
    from migrations_engine.ddl.postgres.sources import Output
    from migrations_engine.ddl.postgres.values import Value

_ORDERED: Final = frozenset(("this", "desc", "nulls_first"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A column that a SELECT gives: its name and type, its value, its node where it is not of ``*``."""

    output: Output
    value: Value
    node: exp.Expr | None = None

    @property
    def sql(self) -> str:
        """The entry behind SELECT."""
        text = self.value.sql
        if self.value.kind == "double precision" and self.value.is_constant:
            text = f"{self.value.operand}::double precision"
        return text if self.output.name is None else f"{text} AS {identifier(self.output.name)}"


def ordered(node: exp.Select, projections: Sequence[Projection], walk: Walk) -> list[str]:
    """What stands behind the rest of a SELECT: ORDER BY, LIMIT, OFFSET.

    Raises:
        Refused: An entry has no equal.
    """
    outputs = [each.output for each in projections]

    def key(entry: exp.Expr) -> str:
        at = _place(entry, outputs)
        if node.args.get("distinct"):
            return _result(at, outputs)
        return _key(walk.value(entry) if at is None else projections[at].value)

    return _behind(node, key)


def ordered_results(node: exp.SetOperation, outputs: Sequence[Output]) -> list[str]:
    """The same behind a compound query, where entries mean columns of the result only.

    Raises:
        Refused: An entry has no equal.
    """
    return _behind(node, lambda entry: _result(_place(entry, outputs), outputs))


def _behind(node: exp.Expr, key: Callable[[exp.Expr], str]) -> list[str]:
    order = node.args.get("order")
    entries = [_entry(each, key) for each in order.expressions] if order is not None else []
    limits = [
        f"{word.upper()} {_count(node.args[word].expression)}"
        for word in ("limit", "offset")
        if node.args.get(word) is not None
    ]
    return [*([f"ORDER BY {', '.join(entries)}"] if entries else []), *limits]


def _count(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdecimal():
        return str(node.this)
    raise Refused("LIMIT or OFFSET by anything but a number")


def _entry(node: exp.Ordered, key: Callable[[exp.Expr], str]) -> str:
    unknown = [name for name, said in node.args.items() if said and name not in _ORDERED]
    if unknown:
        raise Refused(f"ORDER BY with {', '.join(unknown)}")
    descending = " DESC" if node.args.get("desc") else ""
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{key(node.this)}{descending} NULLS {nulls}"


def _place(node: exp.Expr, outputs: Sequence[Output]) -> int | None:
    """Which column of the result an entry names or numbers; None where it is an expression."""
    if isinstance(node, exp.Literal) and not node.is_string:
        at = int(node.this) - 1 if node.this.isdecimal() else -1
        if not 0 <= at < len(outputs):
            raise Refused(f"ORDER BY {node.this}")
        return at
    if isinstance(node, exp.Column) and not node.table:
        named = [at for at, each in enumerate(outputs) if each.name and fold(each.name) == fold(node.name)]
        return named[0] if named else None
    return None


def _key(value: Value) -> str:
    """What an entry orders by, as a value."""
    if value.is_constant:
        raise Refused(f"ORDER BY the literal {value.sql}")
    if value.kind != "text":
        return value.operand
    return (without_case(value) if value.collation == NOCASE else plain_text(value)).operand


def _result(at: int | None, outputs: Sequence[Output]) -> str:
    """A column of a result by its name, which is all that PostgreSQL takes there."""
    if at is None:
        raise Refused("ORDER BY something that is no column of the result")
    output = outputs[at]
    if output.name is None or (output.type.kind == "text" and output.type.collation != BYTES):
        raise Refused("ORDER BY a text of a compound or DISTINCT query that comes from no column")
    return identifier(output.name)
