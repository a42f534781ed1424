"""A schema as the statements of one database or another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migrations_engine.ddl import sqlite
from migrations_engine.ddl.omission import without
from migrations_engine.errors import UnknownDialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from migrations_engine.model import Objects


def statements(schema: Objects, dialect: str = "sqlite", *, omit: Iterable[str] = ()) -> list[str]:
    """The statements that build a schema, in the order in which they succeed.

    Args:
        schema: The schema.
        dialect: ``sqlite`` or ``postgresql``.
        omit: Objects to leave out, as ``kind:name`` (``trigger:stamp``) or ``kind:*``; the kinds are table,
            index, view, trigger and virtual-table.

    Raises:
        UnknownDialect: No such dialect; the error names those that there are.
        UnknownObject: Something to leave out is not there.
        NotTranslatable: The other database has no equal for something; the error lists everything.
    """
    render = _DIALECTS.get(dialect)
    if render is None:
        raise UnknownDialect(dialect, available=sorted(_DIALECTS))
    return render(without(schema, omit))


def _postgresql(schema: Objects) -> list[str]:
    # sqlglot comes with it, which takes longer to import than all of the engine.
    from migrations_engine.ddl import postgres  # noqa: PLC0415

    return postgres.statements(schema)


_DIALECTS: Final[dict[str, Callable[[Objects], list[str]]]] = {
    "sqlite": sqlite.statements,
    "postgresql": _postgresql,
}
