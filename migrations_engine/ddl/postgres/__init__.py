"""A schema as the statements that build it in PostgreSQL 15 or later, or a list of what has no equal there.

The order in which the modules build on each other: ``refusals`` (how a translation says no), ``values``
(a translated expression with its type), ``types`` (declared types), ``constants``, ``conversions``,
``moments``, the tables of allowed nodes (``operators``, ``comparisons``, ``functions``, ``dates``,
``aggregates``), ``parsing`` (the only door to sqlglot's parser), ``expressions`` (the walk), ``relations``
(typed tables and views), ``names``, ``tables``, ``keys``, ``indexes``, ``sources`` and ``queries`` (SELECT),
``views``.
"""

from migrations_engine.ddl.postgres.statements import statements
from migrations_engine.ddl.postgres.types import COLUMN_TYPES, ColumnRule

__all__ = ["COLUMN_TYPES", "ColumnRule", "statements"]
