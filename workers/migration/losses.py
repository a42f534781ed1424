"""What was written since a change that the schema before it has no place for, said before it is discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.execution.virtual import is_empty
from migrations_engine.model import fold, quote
from migrations_engine.online import capture
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from migrations_engine.model import Column, Objects
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.schema import Schema


def unplaced(
    conn: apsw.Connection, now: Schema, before: Objects, mappings: Sequence[Mapping]
) -> Iterator[str]:
    """Say what has no place in the older schema, one sentence each.

    Args:
        conn: The file of now, with the change log that began when it opened.
        now: Its schema.
        before: The older schema.
        mappings: The way back of every table that lived on.
    """
    back = {fold(mapping.source.name): mapping for mapping in mappings}
    for table in now.tables:
        mapping = back.get(fold(table.name))
        if mapping is None:
            yield from _counted(conn, f"SELECT count(*) FROM {quote(table.name)}", f"table {table.name}")
        else:
            yield from _columns(conn, mapping)
    known = {fold(virtual.name) for virtual in before.virtual_tables}
    added = (virtual for virtual in now.virtual_tables if fold(virtual.name) not in known)
    for virtual in added:
        if definition(virtual).keeps and not is_empty(conn, virtual, virtual.name):
            yield f"virtual table {virtual.name}: all that it holds"


def _columns(conn: apsw.Connection, mapping: Mapping) -> Iterator[str]:
    """The columns of one table that the older schema lacks, where rows written since have values in them."""
    table = mapping.source.table
    used = " ".join(expression for _, expression in mapping.values)
    for column in table.columns:
        if column.generated is None and quote(column.name) not in used:
            where = f"{quote(column.name)} IS NOT {_default(column)} AND {_touched(mapping)}"
            query = f"SELECT count(*) FROM {quote(table.name)} WHERE {where}"
            yield from _counted(conn, query, f"column {table.name}.{column.name}", (mapping.source.name,))


def _touched(mapping: Mapping) -> str:
    keys = [f"k{number}" for number in range(len(mapping.source.key))]
    same = " AND ".join(
        f"noted.{key} IS {quote(mapping.source.name)}.{quote(name)}"
        for key, name in zip(keys, mapping.source.key, strict=True)
    )
    return f"EXISTS (SELECT 1 FROM {capture.LOG} AS noted WHERE noted.tbl = ? AND {same})"


def _default(column: Column) -> str:
    return f"({column.default})" if column.default is not None else "NULL"


def _counted(conn: apsw.Connection, query: str, what: str, parameters: tuple[str, ...] = ()) -> Iterator[str]:
    count = sqlite.value(conn, query, parameters)
    if count:
        yield f"{what}: {count} row{'' if count == 1 else 's'} with values"
