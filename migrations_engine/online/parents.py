"""Foreign keys that only the target has: its rows must have their parents under these as well.

Replays run with foreign keys off. Under a foreign key that both sides have, equal contents lack the same
parents, so there is nothing to check; what a new one refuses, nobody has refused at the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.checks import references
from migrations_engine.errors import DataDoesNotFit
from migrations_engine.model import fold, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from migrations_engine.checks.references import Tie
    from migrations_engine.model import ForeignKey, Table
    from migrations_engine.online.mapping import Mapping


def require(target: apsw.Connection, mappings: Sequence[Mapping]) -> None:
    """Check every table that has a new foreign key, whole; without one this costs nothing.

    Raises:
        DataDoesNotFit: Rows without parents: the rule, the count and some keys.
    """
    now = {fold(mapping.source.name): fold(mapping.target.name) for mapping in mappings}
    for mapping in mappings:
        if mapping.source is not mapping.target and any(_new_keys(mapping, now)):
            found = references.orphans(target, [mapping.target.name])
            known = {tie: found[tie] for tie in found if not _is_new(tie, mapping, now)}
            misfits = references.newly_lost(known, found)
            if misfits:
                raise DataDoesNotFit(misfits)


def _new_keys(mapping: Mapping, now: dict[str, str]) -> Iterator[ForeignKey]:
    """The target's foreign keys that the source does not have."""
    lasting = set(_lasting_keys(mapping, now))
    return (key for key in mapping.target.table.foreign_keys if _tied(key) not in lasting)


def _is_new(tie: Tie, mapping: Mapping, now: dict[str, str]) -> bool:
    return any(_tied(key) == (tie.columns, tie.parent) for key in _new_keys(mapping, now))


def _lasting_keys(mapping: Mapping, now: dict[str, str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(columns, parent) of the source's foreign keys, under the names and columns that the target has."""
    came = {expression: fold(name) for name, expression in mapping.values}
    source: Table = mapping.source.table
    for key in source.foreign_keys:
        columns = [came.get(quote(column.name)) for name in key.columns if (column := source.column(name))]
        if None not in columns:
            yield tuple(filter(None, columns)), now.get(fold(key.parent), "")


def _tied(key: ForeignKey) -> tuple[tuple[str, ...], str]:
    return tuple(fold(name) for name in key.columns), fold(key.parent)
