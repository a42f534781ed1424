"""Rule: a table is the set of its columns and constraints; their order, kept on creation, says nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from migrations_engine.model import Check, Column, Generated, Index, Table, fold
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
    return Table(
        name=written.name,
        columns=tuple(sorted([column(c, scope) for c in written.columns], key=attrgetter("name"))),
        primary_key=keys.primary_key(written.primary_key, scope),
        uniques=_ordered(keys.unique(unique, scope) for unique in written.uniques),
        checks=_ordered(_check(check, scope) for check in written.checks),
        foreign_keys=_ordered(keys.foreign_key(key) for key in written.foreign_keys),
        indexes=tuple(sorted([index(i, scope) for i in written.indexes], key=attrgetter("name"))),
        strict=written.strict,
        without_rowid=written.without_rowid,
    )


def column(written: Column, scope: Scope) -> Column:
    """The canonical column."""
    form = _stored(written)
    return (
        form if written.generated is None else replace(form, generated=_generated(written.generated, scope))
    )


@lru_cache(maxsize=4096)
def _stored(written: Column) -> Column:
    """The canonical column but for what it is generated from, which alone can name others; many are alike."""
    return Column(
        name=written.name,
        type=declared_type(written.type),
        not_null=written.not_null,
        default=None if written.default is None else default(written.default),
        collation=collation(written.collation),
        constraint_names=tuple(sorted(written.constraint_names)),
    )


def index(written: Index, scope: Scope) -> Index:
    """The canonical index."""
    return Index(
        name=written.name,
        table=fold(written.table),
        columns=keys.entries(written.columns, scope),
        unique=written.unique,
        where=written.where and expression(written.where, scope.names),
    )


def _generated(written: Generated, scope: Scope) -> Generated:
    return Generated(expression=expression(written.expression, scope.names), stored=written.stored)


def _check(written: Check, scope: Scope) -> Check:
    return Check(expression=expression(written.expression, scope.names), name=written.name)


def _ordered(constraints: Iterable[_Value]) -> tuple[_Value, ...]:
    """Constraints in one order, whatever order they were written in."""
    found = tuple(constraints)
    return tuple(sorted(found, key=repr)) if len(found) > 1 else found
