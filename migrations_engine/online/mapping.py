"""Which source table feeds which target table, and with what: SQL expressions over the source row.

A mapping names the rows of both sides by keys that correspond one by one. Two keys correspond where their
values are stored alike and compared alike (same affinity, same collation), so that "all rows behind this key"
means the same rows on both sides. Where a change leaves no such key the way is not online.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.changes import carry, hints
from migrations_engine.changes.compare import compare
from migrations_engine.changes.steps import AddColumn, ChangeColumn
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.online.shape import key_collation, may_be_null, shape_of, shapes
from migrations_engine.sql.affinity import affinity, rewrites
from migrations_engine.sql.lexer import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrations_engine.model import Objects, Table
    from migrations_engine.online.shape import TableShape

_CHANCE = {"random", "randomblob"}
_STATE = {"changes", "total_changes", "last_insert_rowid"}
_CLOCK = {"current_date", "current_time", "current_timestamp", "date", "time", "datetime", "julianday"}
_VOLATILE = _CHANCE | _STATE | _CLOCK | {"unixepoch", "strftime", "timediff"}
"""Words of expressions that can give another value each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How rows of a source table become rows of a target table; all names are bare.

    Attributes:
        source: The source table; its key is the one that capture has to log.
        target: The target table; its key holds the values of ``source.key``, one by one.
        values: (target column or rowid alias, SQL expression over the source row) of all that is written.
        exact: The target names of those values that are stored just as the source has them.
        volatile: The target names of those that are new at each evaluation, so that nothing can prove them.
        kept: Target columns that the source does not know: a row that is at the target already keeps them.
    """

    source: TableShape
    target: TableShape
    values: tuple[tuple[str, str], ...]
    exact: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()
    kept: tuple[str, ...] = ()

    @property
    def proved(self) -> tuple[tuple[str, str], ...]:
        """The values that verification compares."""
        return tuple(value for value in self.values if value[0] not in self.volatile)

    @property
    def is_exact(self) -> bool:
        """Whether all compared values are stored just as the source has them."""
        return all(name in self.exact for name, _ in self.proved)


def identity(shape: TableShape) -> Mapping:
    """A table onto itself, with all stored columns and its rowid."""
    names = shape.columns if shape.rowid is None else (*shape.columns, shape.rowid)
    values = tuple((name, quote(name)) for name in names)
    return Mapping(source=shape, target=shape, values=values, exact=frozenset(names))


def identities(schema: Objects) -> tuple[Mapping, ...]:
    """Every table of a schema onto itself: for a move.

    Raises:
        Unsupported: A table that cannot be captured.
    """
    return tuple(identity(shape) for shape in shapes(schema))


def between(old: Objects, new: Objects) -> tuple[Mapping, ...]:
    """The tables that live on in a new schema, by their names and by the hints of the new one.

    Dropped and added tables have no mapping. A column of a new table takes its fill where that acts, else the
    column that had its name before, else its default.

    Raises:
        Unsupported: A table whose rows the two schemas cannot name alike.
        SchemaError: A hint that cannot be read one way only.
    """
    fills = _acting_fills(old, new)
    return tuple(
        _mapping(before, table, columns, fills.get(fold(table.name), {}))
        for before, table, columns in _lasting(old, new)
    )


def reverse(old: Objects, new: Objects) -> tuple[Mapping, ...]:
    """The way back from ``new`` to ``old``, for files that were migrated forward and written since.

    What both schemas know goes back, whatever filled it on the way there; what only ``old`` knows is kept.

    Raises:
        Unsupported: A table whose rows the two schemas cannot name alike.
        SchemaError: A hint that cannot be read one way only.
    """
    return tuple(
        _mapping(table, before, _inverse(table, columns), {}, merge=True)
        for before, table, columns in _lasting(old, new)
    )


def onto(source: Table, target: Table, *, columns: dict[str, str], fills: dict[str, str]) -> Mapping:
    """One table onto another, whatever both are called.

    Args:
        source: The table that is written.
        target: The table that its rows go to.
        columns: Folded target column -> source column, of those that stay.
        fills: Folded target column -> expression over the source row, of those whose fill acts.

    Raises:
        Unsupported: No key names the rows of both alike.
    """
    return _mapping(source, target, columns, fills)


def _lasting(old: Objects, new: Objects) -> Iterator[tuple[Table, Table, dict[str, str]]]:
    """(table before, table now, folded new column -> old column) of every table that lives on."""
    renames = hints.acting(old, new)
    for table in new.tables:
        before = renames.old_table(table, old)
        if before is not None:
            names = ((c.name, renames.old_column(table, c.name, before)) for c in table.columns)
            yield before, table, {fold(name): was for name, was in names if was is not None}


def _acting_fills(old: Objects, new: Objects) -> dict[str, dict[str, str]]:
    """Folded table -> folded column -> expression, of the fills that act in this change."""
    fills: dict[str, dict[str, str]] = {}
    for step in compare(old, new).steps:
        if isinstance(step, AddColumn | ChangeColumn) and step.fill is not None:
            column = step.column if isinstance(step, AddColumn) else step.after
            fills.setdefault(fold(step.table), {})[fold(column.name)] = step.fill
    return fills


def _inverse(new: Table, columns: dict[str, str]) -> dict[str, str]:
    """Folded old column -> new column."""
    spelled = {fold(column.name): column.name for column in new.columns}
    return {fold(was): spelled[name] for name, was in columns.items()}


def _mapping(
    source: Table, target: Table, columns: dict[str, str], fills: dict[str, str], *, merge: bool = False
) -> Mapping:
    way = carry.between(source, target, columns=columns, fills=fills)
    _require_key(source, target, way, columns)
    shape = shape_of(target, key=[name for name, _ in way.match])
    written = {fold(name) for name, _ in way.values}
    # A key that no column of the source gives is the rowid, which nothing converts.
    rowid = {name for name, _ in way.match if fold(name) not in columns}
    return Mapping(
        source=shape_of(source, key=[name for _, name in way.match]),
        target=shape,
        values=way.values,
        exact=frozenset(name for name, _ in way.exact) | rowid,
        volatile=frozenset(name for name, expression in way.values if _is_volatile(expression)),
        kept=tuple(name for name in shape.columns if merge and fold(name) not in written),
    )


def _require_key(source: Table, target: Table, way: carry.Carry, columns: dict[str, str]) -> None:
    """Refuse keys that could mean other rows on one side than on the other."""
    alike = (fold(name) not in columns or _are_alike(source, was, target, name) for name, was in way.match)
    if not way.match or not all(alike):
        raise Unsupported(
            f"no key names the rows of {source.name} before and of {target.name} after the change alike, so "
            "writes made meanwhile cannot be followed. Use the in-place strategy",
            object_name=target.name,
        )


def _are_alike(source: Table, was: str, target: Table, name: str) -> bool:
    """Whether two key columns store and compare values alike."""
    before, after = source.column(was), target.column(name)
    if (
        before is None
        or after is None
        or fold(key_collation(source, was)) != fold(key_collation(target, name))
    ):
        return False
    if rewrites(affinity(before.type, strict=source.strict), affinity(after.type, strict=target.strict)):
        return False
    # A NULL would be given a number of its own as the target's rowid.
    return name != carry.rowid_column(target) or not may_be_null(source, was)


def _is_volatile(expression: str) -> bool:
    return any(fold(token.text) in _VOLATILE for token in tokenize(expression) if token.kind == "word")
