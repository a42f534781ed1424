"""What SQLite itself says about its tables: the witness against which reading the statements is held."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from migrations_engine import sqlite
from migrations_engine.model import fold
from migrations_engine.sql import heads
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.virtual import is_shadow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

    from migrations_engine.model import Column, Table, VirtualTable

_VIRTUAL, _STORED = 2, 3
"""What table_xinfo calls hidden: the two kinds of generated columns."""

# Virtual tables have no root page; asking about one would need its module, which may be the application's.
_ORDINARY = "m.type = 'table' AND m.rootpage > 0"

_JOINED = f"SELECT m.name, {{}} FROM main.sqlite_schema AS m JOIN {{}} AS p WHERE {_ORDINARY}"

# Not the type: SQLite may cut that within a character.
_COLUMNS = _JOINED.format(
    'p.name, p."notnull", p.dflt_value, p.pk, p.hidden', "pragma_table_xinfo(m.name, 'main')"
)

_FOREIGN_KEYS = _JOINED.format("p.*", "pragma_foreign_key_list(m.name, 'main')")

_KINDS = "SELECT name, type FROM pragma_table_list WHERE schema = 'main'"

_UNIQUES = f"""SELECT m.name, l.name, i.name FROM main.sqlite_schema AS m
    JOIN pragma_index_list(m.name, 'main') AS l JOIN pragma_index_info(l.name, 'main') AS i
    WHERE {_ORDINARY} AND l.origin IN ('u', 'pk')"""


def shadow_tables(conn: apsw.Connection) -> frozenset[str]:
    """The folded names of tables that belong to a virtual table.

    SQLite tells those of the modules that are loaded; a few others are known by how they end.
    """
    kinds = {fold(name): kind for name, kind in sqlite.rows(conn, _KINDS)}
    found = {name for name, kind in kinds.items() if kind == "shadow"}
    for owner in _virtual_tables(conn) if "virtual" in kinds.values() else ():
        found |= {name for name, kind in kinds.items() if kind == "table" and is_shadow(name, owner)}
    return frozenset(found)


def _virtual_tables(conn: apsw.Connection) -> Iterator[VirtualTable]:
    query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0"
    for (sql,) in sqlite.rows(conn, query):
        with contextlib.suppress(Malformed):  # whoever reads the table says so
            yield heads.parse_virtual_table(sql)


@dataclass(slots=True)
class _Facts:
    """What both sides must agree on."""

    columns: list[tuple[object, ...]] = field(default_factory=list)
    uniques: set[tuple[str, ...]] = field(default_factory=set)
    foreign_keys: Counter[tuple[object, ...]] = field(default_factory=Counter)


def differences(conn: apsw.Connection, tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """Where tables differ from the file's: (table, what), empty if nothing was lost in reading."""
    there = _facts_of_file(conn)
    for table in tables:
        want, got = there[fold(table.name)], _facts_of_table(table)
        for what in ("columns", "uniques", "foreign_keys"):
            if getattr(want, what) != getattr(got, what):
                label = what.replace("_", " ")
                yield table.name, f"its {label} are {getattr(want, what)}, not {getattr(got, what)}"


def _facts_of_table(table: Table) -> _Facts:
    """What a table that was read says."""
    key = table.primary_key
    order = (
        {fold(column.expression): at for at, column in reversed(list(enumerate(key.columns, 1)))}
        if key
        else {}
    )
    facts = _Facts(columns=[_column(column, order, table) for column in table.columns])
    keys = [unique.columns for unique in table.uniques]
    if key and not key.is_rowid:
        keys.append(key.columns)
    facts.uniques = {_distinct(fold(c.expression) for c in columns) for columns in keys}
    for foreign in table.foreign_keys:
        parents = tuple(map(fold, foreign.parent_columns)) or (None,) * len(foreign.columns)
        pairs = tuple(zip(map(fold, foreign.columns), parents, strict=True))
        actions = (foreign.on_update or "NO ACTION", foreign.on_delete or "NO ACTION")
        facts.foreign_keys[(fold(foreign.parent), pairs, *actions)] += 1
    return facts


def _column(column: Column, order: dict[str, int], table: Table) -> tuple[object, ...]:
    place = order.get(fold(column.name), 0)
    generated = column.generated
    hidden = 0 if generated is None else _STORED if generated.stored else _VIRTUAL
    # SQLite itself makes the keys of WITHOUT ROWID and STRICT tables NOT NULL, but not a rowid.
    implied = place > 0 and (table.without_rowid or (table.strict and not _has_rowid_key(table)))
    required = column.not_null is not None or implied
    return column.name, required, column.default is not None, place, hidden


def _has_rowid_key(table: Table) -> bool:
    return table.primary_key is not None and table.primary_key.is_rowid


def _distinct(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns of a key; WITHOUT ROWID takes one that is named twice once."""
    return tuple(dict.fromkeys(columns))


def _facts_of_file(conn: apsw.Connection) -> dict[str, _Facts]:
    """What SQLite says, by folded table name; three statements for the whole file."""
    facts: defaultdict[str, _Facts] = defaultdict(_Facts)
    for table, name, required, default, place, hidden in sqlite.rows(conn, _COLUMNS):
        entry = (name, bool(required), default is not None, place, hidden)
        facts[fold(table)].columns.append(entry)
    _add_uniques(conn, facts)
    _add_foreign_keys(conn, facts)
    return facts


def _add_uniques(conn: apsw.Connection, facts: dict[str, _Facts]) -> None:
    """Note the columns of every index that a constraint made."""
    keys: dict[tuple[str, str], list[str]] = {}
    for table, index, column in sqlite.rows(conn, _UNIQUES):
        keys.setdefault((table, index), []).append(fold(column))
    for (table, _), named in keys.items():
        facts[fold(table)].uniques.add(_distinct(named))


def _add_foreign_keys(conn: apsw.Connection, facts: dict[str, _Facts]) -> None:
    """Note every foreign key with its pairs of columns and its actions."""
    keys: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    for table, number, *key in sqlite.rows(conn, _FOREIGN_KEYS):
        keys.setdefault((table, number), []).append(tuple(key))
    for (table, _), parts in keys.items():
        parts.sort()
        _, parent, _, _, on_update, on_delete, _ = parts[0]
        pairs = tuple((fold(child), to and fold(to)) for _, _, child, to, *_ in parts)
        facts[fold(table)].foreign_keys[(fold(parent), pairs, on_update, on_delete)] += 1
