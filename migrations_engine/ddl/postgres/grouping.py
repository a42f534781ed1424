"""GROUP BY: every column of the result must be one per group, where SQLite takes some row's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from migrations_engine.ddl.postgres import aggregates
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.values import NOCASE
from migrations_engine.model import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.ddl.postgres.expressions import Walk
    from migrations_engine.ddl.postgres.ordering import Projection
    from migrations_engine.ddl.postgres.sources import Sources


def groups(node: exp.Select, projections: Sequence[Projection], sources: Sources, walk: Walk) -> list[str]:
    """The texts behind GROUP BY; empty where there is none.

    Raises:
        Refused: A column of the result is not one per group.
    """
    said = node.args.get("group")
    wanted = [_expression(each, projections, sources) for each in (said.expressions if said else ())]
    if said is not None and [name for name, value in said.args.items() if value] != ["expressions"]:
        raise Refused("GROUP BY with more than expressions")
    values = [walk.value(each) for each in wanted]
    for value in values:
        if value.collation == NOCASE:
            raise Refused(f"GROUP BY {value.sql}, which is NOCASE")
        if value.is_constant or value.kind == "null":
            raise Refused(f"GROUP BY the literal {value.sql}")
    found = [value.operand for value in values]
    results = _results(node, projections)
    if said is not None or any(map(_aggregates, results)):
        if any(each.node is None for each in projections):
            raise Refused("* beside groups")
        for result in results:
            _check(result, set(found), sources, walk)
    return found


def _expression(node: exp.Expr, projections: Sequence[Projection], sources: Sources) -> exp.Expr:
    """What an entry groups by: a column, else the result of that name or number."""
    if isinstance(node, exp.Literal) and not node.is_string:
        at = int(node.this) - 1 if node.this.isdecimal() else -1
        if 0 <= at < len(projections) and projections[at].node is not None:
            return projections[at].node or node
        raise Refused(f"GROUP BY {node.this}")
    if (
        isinstance(node, exp.Column)
        and not node.table
        and not any(s.column(node.name) for s in sources.listed)
    ):
        for each in projections:
            if each.node is not None and each.output.name and fold(each.output.name) == fold(node.name):
                return each.node
    return node


def _results(node: exp.Select, projections: Sequence[Projection]) -> list[exp.Expr]:
    """All that is calculated for each group."""
    having, order = node.args.get("having"), node.args.get("order")
    found = [each.node for each in projections if each.node is not None]
    found += [having.this] if having is not None else []
    entries = [each.this for each in order.expressions] if order is not None else []
    names = {fold(each.output.name) for each in projections if each.output.name is not None}
    # A name of the result is one per group as its expression is.
    return found + [each for each in entries if each.args.get("table") or fold(each.name) not in names]


def _aggregates(node: exp.Expr) -> bool:
    """Whether an aggregate of this query stands in an expression; those of subqueries are their own."""
    if aggregates.is_aggregate(node):
        return True
    return not isinstance(node, exp.Query) and any(map(_aggregates, _children(node)))


def _check(node: exp.Expr, grouped: set[str], sources: Sources, walk: Walk) -> None:
    """Find columns outside of aggregates that are not grouped by.

    Raises:
        Refused: There is one.
    """
    if aggregates.is_aggregate(node):
        return
    if isinstance(node, exp.Subquery | exp.Exists):
        _check_subquery(node, grouped, sources, walk)
        return
    if not isinstance(node, exp.Literal | exp.DataType | exp.Identifier | exp.If | exp.Distinct):
        try:
            if walk.value(node).operand in grouped:
                return
        except Refused:
            # Parts such as the format of a date function are no expressions of their own.
            pass
    if isinstance(node, exp.Column) and not _depends(node.name, node.table, grouped, sources):
        raise _some_row(node.name, node.table)
    for child in _children(node):
        _check(child, grouped, sources, walk)


def _check_subquery(node: exp.Subquery | exp.Exists, grouped: set[str], sources: Sources, walk: Walk) -> None:
    """The same for the columns of this query that a query inside it names, with their table or without.

    Raises:
        Refused: There is one.
    """
    sources.lent.clear()
    if walk.value(node).operand in grouped:
        return
    for name, of in sources.lent:
        value = sources.resolve(name, of=of)
        if value.sql not in grouped and not _depends(name, of or "", grouped, sources):
            raise _some_row(name, of or "")


def _some_row(name: str, table: str) -> Refused:
    shown = f"{table}.{name}" if table else name
    return Refused(f"{shown} is not one per group: SQLite takes that of some row")


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    for value in node.args.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, exp.Expr):
                yield each


def _depends(name: str, table: str, grouped: set[str], sources: Sources) -> bool:
    """Whether the primary key of a column's table is grouped by."""
    for source in sources.listed:
        if (table and fold(table) != fold(source.alias)) or source.column(name) is None:
            continue
        key = source.relation.table.primary_key if source.relation.table else None
        values = [source.column(column.expression) for column in key.columns] if key else []
        return bool(values) and all(value is not None and value.sql in grouped for value in values)
    return True
