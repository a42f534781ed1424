"""A schema as the statements of one database or another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migrations_engine.ddl import sqlite
from migrations_engine.errors import UnknownDialect

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrations_engine.model import Objects

_DIALECTS: Final[dict[str, Callable[[Objects], list[str]]]] = {"sqlite": sqlite.statements}


def statements(schema: Objects, dialect: str = "sqlite") -> list[str]:
    """The statements that build a schema, in the order in which they succeed.

    Raises:
        UnknownDialect: No such dialect; the error names those that there are.
    """
    render = _DIALECTS.get(dialect)
    if render is None:
        raise UnknownDialect(dialect, available=sorted(_DIALECTS))
    return render(schema)
