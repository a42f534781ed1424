"""A schema as a short text that says all that its hash stands for: for a prompt, or for a quick look.

It is made from the canonical form, so that schemas of one hash are described alike but for the order of
tables and columns, and those of another hash never are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from migrations_engine.model import fold, quote
from migrations_engine.normalize import canonical, naming
from migrations_engine.sql.compact import compact
from migrations_engine.sql.keywords import KEYWORDS
from migrations_engine.sql.lexer import tokenize, unquote
from migrations_engine.sql.spelling import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from migrations_engine.model import (
        Column,
        ForeignKey,
        Index,
        IndexedColumn,
        NotNull,
        Objects,
        PrimaryKey,
        Table,
        Unique,
    )

LEGEND: Final = (
    "-- * primary key, ! not null, = default, > references (del/upd: on delete/update), x: constraint's name"
)
"""The first line of every description; all else is SQL's own words."""

_PLAIN_TYPE: Final = re.compile(r"[a-z_][a-z0-9_]*(?: [a-z0-9_]+)*(?:\([-+0-9.,]*\))?")


class _Statement(Protocol):
    """An object that is carried as its whole statement."""

    @property
    def name(self) -> str: ...

    @property
    def sql(self) -> str: ...


def describe(schema: Objects, *, comments: bool = False) -> str:
    """The most compact text of a schema that loses nothing of it, a line for each object.

    Two schemas have equal descriptions exactly where they have equal hashes, but for the order of tables,
    columns and other objects, which is the schema's own.

    Args:
        schema: Any schema.
        comments: Add the comments of tables and columns, which are no part of the hash.
    """
    made = canonical(schema)
    tables = {table.name: table for table in made.tables}
    declared = {fold(table.name): table for table in schema.tables}
    lines = [LEGEND]
    for table in schema.tables:
        lines += _note(table.comment) if comments else ()
        lines.append(_Line(table, tables[table.name], declared, comments=comments).text())
    texts: list[tuple[str, tuple[_Statement, ...], tuple[_Statement, ...]]] = [
        ("virtual", schema.virtual_tables, made.virtual_tables),
        ("view", schema.views, made.views),
        ("trigger", schema.triggers, made.triggers),
    ]
    for kind, order, found in texts:
        canonical_sql = {each.name: each.sql for each in found}
        lines += [f"{kind} {identifier(e.name)} {compact(canonical_sql[e.name])}" for e in order]
    return "\n".join(lines) + "\n"


class _Line:
    """Writes one table in its canonical form, columns in declared order, names in declared spelling."""

    def __init__(self, declared: Table, made: Table, tables: Mapping[str, Table], *, comments: bool) -> None:
        self._declared = declared
        self._made = made
        self._tables = tables
        self._comments = comments
        self._spelling = {fold(column.name): column.name for column in declared.columns}

    def text(self) -> str:
        """The line of the table."""
        parts = [*self._columns(), *self._constraints(), *map(self._index, self._made.indexes)]
        options = " without rowid" * self._made.without_rowid + " strict" * self._made.strict
        return f"{identifier(self._made.name)}({', '.join(parts)}){options}"

    def _columns(self) -> Iterator[str]:
        made = {column.name: column for column in self._made.columns}
        for column in self._declared.columns:
            note = f" /* {column.comment.replace('*/', '* /')} */" if column.comment else ""
            yield self._column(made[column.name]) + note * self._comments

    def _column(self, column: Column) -> str:
        """A column with everything that concerns it alone."""
        name = fold(column.name)
        key = self._made.primary_key
        marks = [identifier(column.name) + (f" {_type(column.type)}" if column.type else "")]
        if key is not None and _alone(key.columns) == name:
            marks.append(_named(key.name, "*" + " desc" * key.columns[0].descending + _key_words(key)))
        if column.not_null is not None:
            marks.append(_named(column.not_null.name, "!" + _conflict(column.not_null)))
        marks += self._clauses(column)
        marks += [
            _named(u.name, "unique" + _conflict(u)) for u in self._made.uniques if _alone(u.columns) == name
        ]
        marks += [self._reference(key) for key in self._made.foreign_keys if key.columns == (name,)]
        return "".join(mark if mark[0] in "*!" else f" {mark}" for mark in marks)[1:]

    def _clauses(self, column: Column) -> Iterator[str]:
        """Default, collation and generation, and names that constraints of the column have."""
        names = dict(column.constraint_names)
        if "NULL" in names:
            yield _named(names["NULL"], "null")
        if column.default is not None or "DEFAULT" in names:
            yield _named(names.get("DEFAULT"), f"={_default(column.default)}")
        if column.collation is not None or "COLLATE" in names:
            yield _named(names.get("COLLATE"), f"collate {identifier(column.collation or 'binary')}")
        if column.generated is not None:
            stored = " stored" if column.generated.stored else ""
            expression = self._expression(column.generated.expression)
            yield _named(names.get("GENERATED"), f"as({expression}){stored}")

    def _constraints(self) -> Iterator[str]:
        """What does not concern one column alone; checks always stand here."""
        key = self._made.primary_key
        if key is not None and _alone(key.columns) is None:
            yield _named(key.name, f"*({self._entries(key.columns)}){_key_words(key)}")
        for unique in self._made.uniques:
            if _alone(unique.columns) is None:
                yield _named(unique.name, f"unique({self._entries(unique.columns)}){_conflict(unique)}")
        for check in self._made.checks:
            yield _named(check.name, f"check({self._expression(check.expression)})")
        for foreign in self._made.foreign_keys:
            if len(foreign.columns) > 1:
                yield f"({self._names(foreign.columns)}){self._reference(foreign)}"

    def _reference(self, key: ForeignKey) -> str:
        parent = self._tables.get(key.parent)
        words = [f">{identifier(parent.name if parent else key.parent)}"]
        if key.parent_columns:
            spelling = {fold(column.name): column.name for column in parent.columns} if parent else {}
            columns = ",".join(identifier(spelling.get(name, name)) for name in key.parent_columns)
            words[0] += f"({columns})"
        words += [f"del {key.on_delete.lower()}"] if key.on_delete else []
        words += [f"upd {key.on_update.lower()}"] if key.on_update else []
        words += [f"match {identifier(key.match)}"] if key.match else []
        return _named(key.name, " ".join(words + ["deferred"] * key.deferred))

    def _index(self, index: Index) -> str:
        declared = next(each for each in self._declared.indexes if each.name == index.name)
        name = "" if naming.is_default(declared, self._declared) else f" {identifier(index.name)}"
        where = f" where {self._expression(index.where)}" if index.where else ""
        return f"{'unique ' * index.unique}index{name}({self._entries(index.columns)}){where}"

    def _entries(self, listed: Iterable[IndexedColumn]) -> str:
        return ",".join(self._entry(each) for each in listed)

    def _entry(self, entry: IndexedColumn) -> str:
        if entry.is_column:
            text = self._names([entry.expression])
        else:
            # A word alone would be taken for a column's name.
            text = self._expression(entry.expression)
            text = f"({text})" if len(tokenize(text)) == 1 else text
        collation = f" collate {identifier(entry.collation)}" if entry.collation is not None else ""
        return text + collation + " desc" * entry.descending

    def _names(self, folded: Iterable[str]) -> str:
        return ",".join(identifier(self._spelling.get(name, name)) for name in folded)

    def _expression(self, text: str) -> str:
        """An expression with the table's columns as they are declared."""
        tokens = tokenize(text)
        words = []
        for token, behind in zip(tokens, [*tokens[1:], None], strict=True):
            known = self._spelling.get(unquote(token.text)) if token.kind in ("word", "quoted") else None
            called = behind is not None and behind.text == "("
            keyword = token.kind == "word" and token.text.upper() in KEYWORDS
            words.append(token.text if known is None or called or keyword else identifier(known))
        return compact(" ".join(words))


def _alone(columns: tuple[IndexedColumn, ...]) -> str | None:
    """The column that a key stands behind: its only one, with nothing to say about its collation."""
    first = columns[0]
    return first.expression if len(columns) == 1 and first.collation is None else None


def _named(name: str | None, mark: str) -> str:
    return mark if name is None else f"{identifier(name)}:{mark}"


def _key_words(key: PrimaryKey) -> str:
    return " auto" * key.autoincrement + _conflict(key)


def _conflict(rule: NotNull | PrimaryKey | Unique) -> str:
    return f" on conflict {rule.on_conflict.lower()}" if rule.on_conflict else ""


def _default(text: str | None) -> str:
    """What follows DEFAULT: a value as it is, an expression in parentheses."""
    if text is None:
        return "null"
    tokens = tokenize(text)
    plain = len(tokens) == 1 or (len(tokens) == 2 and tokens[0].text in ("+", "-"))
    return compact(text) if plain else f"({compact(text)})"


def _type(text: str) -> str:
    """A declared type; in quotes where its words could be taken for what follows it."""
    plain = _PLAIN_TYPE.fullmatch(text) and not KEYWORDS.intersection(re.findall(r"\w+", text.upper()))
    return text if plain else quote(text)


def _note(comment: str | None) -> list[str]:
    """A comment as lines of its own."""
    return [f"-- {line}" for line in comment.split("\n")] if comment else []
