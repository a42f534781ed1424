"""A schema as a page in Markdown: a diagram, and for each object all that the document says of it."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from migrations_engine.ddl import definitions
from migrations_engine.ddl.sqlite import create_index
from migrations_engine.model import fold, quote
from migrations_engine.renderings import columns
from migrations_engine.renderings.diagram import diagram

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrations_engine.model import Column, ForeignKey, Index, Objects, Table, Trigger

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|#~&$])")


def page(schema: Objects, *, title: str) -> str:
    """The page of a schema.

    Args:
        schema: Any schema.
        title: The heading, as plain text.
    """
    return "\n".join(_Page(schema).lines(title)) + "\n"


class _Page:
    """Writes the page section by section; tables know who refers to them."""

    def __init__(self, schema: Objects) -> None:
        self._schema = schema
        self._anchors = {fold(table.name): f"table-{at}" for at, table in enumerate(schema.tables, 1)}

    def lines(self, title: str) -> Iterator[str]:
        """The whole page."""
        schema = self._schema
        yield from (f"# {_text(title)}", "")
        if schema.tables:
            yield from ("## Diagram", "", *_fenced(diagram(schema), "mermaid"), "")
            yield from ("## Tables", "", *(f"- {self._link(table.name)}" for table in schema.tables), "")
        for table in schema.tables:
            yield from self._table(table)
        for heading, group in (("Views", schema.views), ("Virtual tables", schema.virtual_tables)):
            if group:
                yield from (f"## {heading}", "")
            for each in group:
                yield from (f"### {_text(each.name)}", "", *_fenced(each.sql, "sql"), "")
        yield from self._triggers(schema.triggers)

    def _table(self, table: Table) -> Iterator[str]:
        yield from (f'<a id="{self._anchors[fold(table.name)]}"></a>', "", f"### {_text(table.name)}", "")
        if table.comment:
            yield from (_text(table.comment), "")
        yield "| column | type | null | default | key | about |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for column in table.columns:
            yield f"| {' | '.join(self._cells(column, table))} |"
        yield ""
        facts = list(self._facts(table))
        yield from (*(f"- {fact}" for fact in facts), *[""] * bool(facts))

    def _cells(self, column: Column, table: Table) -> Iterator[str]:
        """The row of a column."""
        yield _text(column.name) or "(no name)"
        yield _cell(column.type)
        yield "no" if columns.is_required(column, table) else "yes"
        yield _cell(column.default or "")
        yield ", ".join(self._keys(column, table))
        yield " ".join(_about(column))

    def _keys(self, column: Column, table: Table) -> Iterator[str]:
        if columns.in_primary_key(column, table):
            yield "primary"
        if columns.is_unique(column, table):
            yield "unique"
        yield from (f"to {self._link(k.parent)}" for k in table.foreign_keys if column.name in k.columns)

    def _facts(self, table: Table) -> Iterator[str]:
        """What is said of the table below its columns."""
        options = ["WITHOUT ROWID"] * table.without_rowid + ["STRICT"] * table.strict
        if options:
            yield f"Options: {', '.join(options)}"
        key = table.primary_key
        if key is not None:
            auto = " AUTOINCREMENT" * key.autoincrement
            listed = definitions.columns(key.columns)
            yield _code(
                definitions.named(key.name, f"PRIMARY KEY ({listed}{auto}){definitions.conflict(key)}")
            )
        for unique in table.uniques:
            listed = definitions.columns(unique.columns)
            yield _code(definitions.named(unique.name, f"UNIQUE ({listed}){definitions.conflict(unique)}"))
        yield from (_code(definitions.check_clause(check)) for check in table.checks)
        yield from (self._reference(foreign) for foreign in table.foreign_keys)
        yield from (_code(_index(index)) for index in table.indexes)
        parents = [t.name for t in self._schema.tables if _refers(t, table)]
        if parents:
            yield f"Referenced by {', '.join(map(self._link, parents))}"
        yield from (
            f"Trigger {_text(t.name)}" for t in self._schema.triggers if fold(t.table) == fold(table.name)
        )

    def _reference(self, key: ForeignKey) -> str:
        clause = f"FOREIGN KEY ({definitions.names(key.columns)}) {definitions.references(key)}"
        return f"{_code(definitions.named(key.name, clause))}: {self._link(key.parent)}"

    def _link(self, table: str) -> str:
        """A table's name, as a link where it is on the page."""
        anchor = self._anchors.get(fold(table))
        name = _text(table) or "(no name)"
        return name if anchor is None else f"[{name}](#{anchor})"

    def _triggers(self, triggers: Sequence[Trigger]) -> Iterator[str]:
        if triggers:
            yield from ("## Triggers", "")
        for trigger in triggers:
            head = f"### {_text(trigger.name)}"
            yield from (head, "", f"On {self._link(trigger.table)}.", "", *_fenced(trigger.sql, "sql"), "")


def _about(column: Column) -> Iterator[str]:
    """What a column is for, and how it gets or compares its values."""
    if column.comment:
        yield _text(column.comment)
    if column.generated:
        yield f"= {_cell(column.generated.expression)}{' (stored)' * column.generated.stored}"
    if column.collation:
        yield f"COLLATE {_text(column.collation)}"


def _refers(table: Table, parent: Table) -> bool:
    return any(fold(key.parent) == fold(parent.name) for key in table.foreign_keys)


def _index(index: Index) -> str:
    """An index without CREATE and without its table, which the page names already."""
    return create_index(index).removeprefix("CREATE ").replace(f" ON {quote(index.table)} (", " (", 1)


def _text(text: str) -> str:
    """A text in which nothing is taken for markup, on one line."""
    return "<br>".join(_MARKUP.sub(r"\\\1", line.strip()) for line in text.splitlines())


def _code(text: str) -> str:
    """SQL as it is, on one line; nothing where there is none."""
    line = " ".join(text.split())
    if not line:
        return ""
    marks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{marks}{pad}{line}{pad}{marks}"


def _cell(text: str) -> str:
    """SQL in a cell of a table, where a bar ends the cell even in code."""
    return _code(text).replace("|", "\\|")


def _fenced(text: str, language: str) -> list[str]:
    """A block of code, in a fence that nothing in it ends."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return [f"{fence}{language}", text.rstrip("\n"), fence]


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    return max(chain((0,), (len(run) for run in re.findall("`+", text))))
