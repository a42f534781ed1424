"""Rule: a table is the set of its columns and constraints; their order, kept on creation, says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.model import Check, Column, Generated, Hints, Index, Table, fold
from migrations_engine.normalize import keys
from migrations_engine.normalize.collations import collation
from migrations_engine.normalize.defaults import default
from migrations_engine.normalize.expressions import expression
from migrations_engine.normalize.scopes import Scope, table_scope
from migrations_engine.normalize.types import declared_type
from migrations_engine.recent import RecentOf

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    _Value = TypeVar("_Value")


_FORMS: RecentOf[Table, Table] = RecentOf(4096)


def table(written: Table) -> Table:
    """The canonical table; comments and hints are left out."""
    return _FORMS.get(written, _form)


def _form(written: Table) -> Table:
    scope = table_scope(written)
    return replace(
        written,
        columns=tuple(sorted((column(c, scope) for c in written.columns), key=lambda c: c.name)),
        primary_key=keys.primary_key(written.primary_key, scope),
        uniques=_ordered(keys.unique(unique, scope) for unique in written.uniques),
        checks=_ordered(_check(check, scope) for check in written.checks),
        foreign_keys=_ordered(keys.foreign_key(key) for key in written.foreign_keys),
        indexes=tuple(sorted((index(i, scope) for i in written.indexes), key=lambda i: i.name)),
        comment=None,
        hints=Hints(),
    )


def column(written: Column, scope: Scope) -> Column:
    """The canonical column."""
    return Column(
        name=written.name,
        type=declared_type(written.type),
        not_null=written.not_null,
        default=None if written.default is None else default(written.default),
        collation=collation(written.collation),
        generated=written.generated and _generated(written.generated, scope),
        constraint_names=tuple(sorted(written.constraint_names)),
    )


def index(written: Index, scope: Scope) -> Index:
    """The canonical index."""
    return replace(
        written,
        table=fold(written.table),
        columns=keys.entries(written.columns, scope),
        where=written.where and expression(written.where, scope.names),
    )


def _generated(written: Generated, scope: Scope) -> Generated:
    return replace(written, expression=expression(written.expression, scope.names))


def _check(written: Check, scope: Scope) -> Check:
    return replace(written, expression=expression(written.expression, scope.names), column=None)


def _ordered(constraints: Iterable[_Value]) -> tuple[_Value, ...]:
    """Constraints in one order, whatever order they were written in."""
    return tuple(sorted(constraints, key=repr))
