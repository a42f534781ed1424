"""The old schema under its new names, so that what is compared differs in nothing but its definitions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrations_engine.model import (
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    Objects,
    PrimaryKey,
    Table,
    fold,
    quote,
)
from migrations_engine.sql.lexer import Malformed, tokenize, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from migrations_engine.changes.hints import Renames


def renamed(old: Objects, new: Objects, renames: Renames) -> Objects:
    """Give the tables and columns of ``old`` the names that they have in ``new``.

    Tables and columns that go are left out, so that a name which passes from one to another is there once.
    Views and triggers keep their text: where they name what is renamed they differ, and are made again.
    """
    pairs = [(before, t) for t in new.tables if (before := renames.old_table(t, old)) is not None]
    stays = {fold(before.name) for before, _ in pairs}
    others = {fold(before.name) for before, after in pairs if not _keeps_names(before, after, renames)}
    kept = [table for table in old.tables if fold(table.name) in stays]
    if others:
        tables = {fold(before.name): after.name for before, after in pairs}
        columns = {fold(before.name): column_names(before, after, renames) for before, after in pairs}
        kept = [_table(table, tables, columns) if _mentions(table, others) else table for table in kept]
    return replace(old, tables=tuple(kept))


def _keeps_names(old: Table, new: Table, renames: Renames) -> bool:
    """Whether a table and all of its columns are called what they were."""
    if old.name != new.name or renames.columns.get(fold(new.name)):
        return False
    return old is new or {c.name for c in old.columns} <= {c.name for c in new.columns}


def _mentions(table: Table, others: Collection[str]) -> bool:
    """Whether a table is one of some, by folded name, or refers to one."""
    return fold(table.name) in others or any(fold(key.parent) in others for key in table.foreign_keys)


def column_names(old: Table, new: Table, renames: Renames) -> dict[str, str]:
    """Folded old name -> new name, of every column that stays."""
    pairs = ((renames.old_column(new, column.name, old), column.name) for column in new.columns)
    return {fold(before): after for before, after in pairs if before is not None}


def respell(expression: str, names: Mapping[str, str]) -> str:
    """Replace names in the text of an expression; ``names`` maps folded old names to new ones."""
    if all(fold(after) == before for before, after in names.items()):
        return expression
    try:
        tokens = tokenize(expression)
    except Malformed:
        return expression
    parts, at = [], 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        after = names.get(fold(unquote(token.text))) if token.kind in ("word", "quoted") else None
        is_call = following is not None and following.text == "("
        if after is not None and not is_call and fold(after) != fold(unquote(token.text)):
            parts += [expression[at : token.start], quote(after)]
            at = token.end
    return "".join([*parts, expression[at:]])


def _table(table: Table, tables: Mapping[str, str], columns: Mapping[str, Mapping[str, str]]) -> Table:
    key = fold(table.name)
    names = columns.get(key, {})

    def name(column: str) -> str:
        return names.get(fold(column), column)

    return replace(
        table,
        name=tables.get(key, table.name),
        columns=tuple(_column(c, name, names) for c in table.columns if fold(c.name) in names),
        primary_key=_primary_key(table.primary_key, name, names),
        uniques=tuple(replace(u, columns=_parts(u.columns, name, names)) for u in table.uniques),
        checks=tuple(replace(c, expression=respell(c.expression, names)) for c in table.checks),
        foreign_keys=tuple(_foreign_key(f, name, tables, columns) for f in table.foreign_keys),
        indexes=tuple(_index(i, tables.get(key, table.name), name, names) for i in table.indexes),
    )


def _column(column: Column, name: Callable[[str], str], names: Mapping[str, str]) -> Column:
    generated = column.generated
    if generated is not None:
        generated = replace(generated, expression=respell(generated.expression, names))
    return replace(column, name=name(column.name), generated=generated)


def _primary_key(
    key: PrimaryKey | None, name: Callable[[str], str], names: Mapping[str, str]
) -> PrimaryKey | None:
    return None if key is None else replace(key, columns=_parts(key.columns, name, names))


def _parts(
    parts: tuple[IndexedColumn, ...], name: Callable[[str], str], names: Mapping[str, str]
) -> tuple[IndexedColumn, ...]:
    return tuple(
        replace(p, expression=name(p.expression) if p.is_column else respell(p.expression, names))
        for p in parts
    )


def _foreign_key(
    key: ForeignKey,
    name: Callable[[str], str],
    tables: Mapping[str, str],
    columns: Mapping[str, Mapping[str, str]],
) -> ForeignKey:
    theirs = columns.get(fold(key.parent), {})
    return replace(
        key,
        columns=tuple(name(c) for c in key.columns),
        parent=tables.get(fold(key.parent), key.parent),
        parent_columns=tuple(theirs.get(fold(c), c) for c in key.parent_columns),
    )


def _index(index: Index, table: str, name: Callable[[str], str], names: Mapping[str, str]) -> Index:
    return replace(
        index,
        table=table,
        columns=_parts(index.columns, name, names),
        where=None if index.where is None else respell(index.where, names),
    )
