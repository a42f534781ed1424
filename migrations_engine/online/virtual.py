"""What becomes of virtual tables while their file is copied and perhaps changed: followed, or made again.

An index of another table (external content) holds nothing of its own. Where a change leaves what it indexes
as it was, it is followed like all others, just as the application fed it; where not, it is made again from
the new rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine.changes.carry import rowid_column
from migrations_engine.errors import Unsupported
from migrations_engine.model import fold, quote
from migrations_engine.normalize import statements
from migrations_engine.sql.lexer import Malformed, tokenize, unquote
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine.model import Objects, View, VirtualTable
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.sql.virtual import Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What becomes of the virtual tables of a file whose schema changes, or does not.

    Attributes:
        followed: Those that are the same on both sides: what is written to them is brought over.
        refilled: Indexes of tables whose rows differ: made again at the target.
    """

    followed: tuple[VirtualTable, ...] = ()
    refilled: tuple[VirtualTable, ...] = ()


def fates(old: Objects, new: Objects, mappings: Sequence[Mapping]) -> Fates:
    """Decide on every virtual table of a new schema.

    Args:
        old: What the source holds.
        new: What the target holds.
        mappings: Every ordinary table that lives on.

    Raises:
        Unsupported: One with content of its own changes its form: what is written to it meanwhile has no way.
    """
    followed: list[VirtualTable] = []
    refilled: list[VirtualTable] = []
    same = {fold(table.name) for table in lasting(old, new)}
    there = {fold(table.name) for table in old.virtual_tables}
    for table in new.virtual_tables:
        reads = definition(table)
        is_index = reads.content == "external"
        if fold(table.name) in same and not (is_index and _is_stale(reads, old, new, mappings)):
            followed.append(table)
        elif is_index:
            refilled.append(table)
        elif fold(table.name) in there:
            raise Unsupported(
                f"virtual table {table.name} changes its form, so what is written to it meanwhile cannot be "
                "followed. Use the in-place strategy",
                object_name=table.name,
            )
    return Fates(followed=tuple(followed), refilled=tuple(refilled))


def lasting(old: Objects, new: Objects) -> tuple[VirtualTable, ...]:
    """The virtual tables of a new schema that are the same in the old one."""
    known = {fold(table.name): statements.virtual_table(table) for table in old.virtual_tables}
    return tuple(
        table
        for table in new.virtual_tables
        if known.get(fold(table.name)) == statements.virtual_table(table)
    )


def feeds(table: VirtualTable, mappings: Sequence[Mapping]) -> tuple[str, ...]:
    """The source tables whose changes make an index of others stale; empty where any may do so."""
    content = fold(definition(table).source or "")
    return tuple(mapping.source.name for mapping in mappings if fold(mapping.target.name) == content)


def _is_stale(reads: Definition, old: Objects, new: Objects, mappings: Sequence[Mapping]) -> bool:
    """Whether an index that stays as it is finds other values, or other rows, in what it indexes."""
    content = fold(reads.source or "")
    mapping = next((each for each in mappings if fold(each.target.name) == content), None)
    if mapping is not None:
        return not _keeps(mapping, reads)
    if new.table(content) is not None:
        return True
    before, after = _view(old, content), _view(new, content)
    return before != after or (after is not None and _shows_others(after, mappings))


def _keeps(mapping: Mapping, reads: Definition) -> bool:
    """Whether the rows of an indexed table keep their numbers, and the indexed columns their values."""
    if mapping.source.table == mapping.target.table:
        return True
    if fold(mapping.source.name) != fold(mapping.target.name):
        return False  # something else bore that name before
    table = mapping.target.table
    kept = {fold(name) for name, came in mapping.values if name in mapping.exact and came == quote(name)}
    number = mapping.target.rowid or rowid_column(table) or ""
    key = reads.source_key if table.column(reads.source_key) else number
    # FTS4 takes all columns where none is named.
    read = reads.columns or tuple(column.name for column in table.columns)
    return {fold(name) for name in (key, number, *read) if name} <= kept


def _shows_others(view: View, mappings: Sequence[Mapping]) -> bool:
    """Whether a view names a table that the change makes anew."""
    made = {fold(each.target.name) for each in mappings if each.source.table != each.target.table}
    try:
        return bool(made & {fold(unquote(token.text)) for token in tokenize(view.sql)})
    except Malformed:
        return True


def _view(schema: Objects, name: str) -> View | None:
    return next((view for view in schema.views if fold(view.name) == name), None)
