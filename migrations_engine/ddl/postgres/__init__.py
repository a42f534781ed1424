"""A schema as the statements that build it in PostgreSQL 15 or later, or a list of what has no equal there.

Each module builds on those before it: ``refusals`` (how a translation says no), ``values`` (a translated
expression and what is known of it), ``types`` (declared types), ``constants``, ``conversions``; the lists
of allowed nodes with what each becomes: ``operators``, ``comparisons``, ``dates``, ``functions`` and
``aggregates``; ``parsing`` (the only door to sqlglot's parser), ``precedence``, ``expressions`` (the walk);
``names``, ``relations`` (typed tables), ``tables``, ``indexes``, ``keys``; ``sources``, ``ordering``,
``grouping``, ``queries``, ``views``; ``statements`` puts all in order.
"""

from migrations_engine.ddl.postgres.statements import statements
from migrations_engine.ddl.postgres.types import AFFINITY_TYPES, COLUMN_TYPES, ColumnRule

__all__ = ["AFFINITY_TYPES", "COLUMN_TYPES", "ColumnRule", "statements"]
