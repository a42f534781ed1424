"""What the arguments of a CREATE VIRTUAL TABLE say, for the modules that come with SQLite.

Every module has a language of its own there: https://sqlite.org/fts5.html, https://sqlite.org/fts3.html,
https://sqlite.org/rtree.html, https://sqlite.org/geopoly.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from migrations_engine.model import VirtualTable, fold
from migrations_engine.sql import heads
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.lexer import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Family = Literal["fts", "rtree", "rtree_i32", "geopoly", "derived", "unknown"]
"""Modules whose rows go into one another; ``derived`` tables show what others hold."""

Content = Literal["own", "external", "contentless", "none", "unknown"]
"""Where the values are: in the table, in another one, nowhere (only their index is), or it has no rows."""

_FAMILIES: Final[Mapping[str, Family]] = {
    **dict.fromkeys(("fts3", "fts4", "fts5"), "fts"),
    "rtree": "rtree",
    "rtree_i32": "rtree_i32",
    "geopoly": "geopoly",
    **dict.fromkeys(("fts5vocab", "fts4aux", "fts3tokenize", "dbstat"), "derived"),
}

_SHADOWS: Final[Mapping[str, str]] = {
    "spellfix1": "vocab",
    "vec0": "chunks|rowids|info|auxiliary|(vector_chunks|metadatachunks|metadatatext)[0-9]+",
    "vss0": "index|data",
}
"""How the shadow tables of widespread modules end; SQLite itself tells it of modules that are loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A virtual table as its module reads it.

    Attributes:
        name: The table.
        module: In lower case.
        columns: Bare names of the columns that a row has besides its key, in order.
        key: The name by which the rowid is read and written.
        coordinates: How many of the columns, from the first on, are an R-tree's coordinates.
        content: Where the values are.
        source: The table or view that has them, where they are ``external``.
        source_key: What is the rowid there.
        options: Folded option -> its value without quotes.
    """

    name: str
    module: str
    columns: tuple[str, ...] = ()
    key: str = "rowid"
    coordinates: int = 0
    content: Content = "unknown"
    source: str | None = None
    source_key: str = "rowid"
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        """Which modules understand its rows."""
        return _FAMILIES.get(self.module, "unknown")

    def blank(self, column: str) -> str:
        """What a column has in a row that says nothing of it, as SQL."""
        return "0" if fold(column) == fold(self.options.get("languageid", "")) else "NULL"

    @property
    def keeps(self) -> bool:
        """Whether it holds what stands nowhere else."""
        return self.content in ("own", "contentless", "unknown")


def is_shadow(name: str, owner: VirtualTable) -> bool:
    """Whether a table is one in which a virtual table of a widespread module keeps what it holds."""
    prefix, ending = f"{fold(owner.name)}_", _SHADOWS.get(owner.module)
    is_prefixed = ending is not None and fold(name).startswith(prefix)
    return is_prefixed and re.fullmatch(ending or "", fold(name)[len(prefix) :]) is not None


def definition(table: VirtualTable) -> Definition:
    """Read the arguments of a virtual table.

    Raises:
        Malformed: They cannot be read.
    """
    family = _FAMILIES.get(table.module, "unknown")
    if family in ("derived", "unknown"):
        content: Content = "none" if family == "derived" else "unknown"
        return Definition(name=table.name, module=table.module, content=content)
    arguments = _arguments(table)
    if family == "fts":
        return _full_text(table, arguments)
    names = tuple(unquote(found[0]) for found in arguments if found[0] != "+")
    extra = tuple(unquote(found[1]) for found in arguments if found[0] == "+" and found[1:])
    if family == "geopoly":
        return Definition(name=table.name, module=table.module, columns=("_shape", *names), content="own")
    key, *coordinates = names or ("rowid",)
    return Definition(
        name=table.name,
        module=table.module,
        columns=(*coordinates, *extra),
        key=key,
        coordinates=len(coordinates),
        content="own",
    )


def _arguments(table: VirtualTable) -> list[list[str]]:
    """The tokens of each argument; one without any says nothing."""
    cursor = Cursor(table.sql)
    heads.begin(cursor, "VIRTUAL TABLE")
    heads.object_name(cursor)
    cursor.expect("USING")
    cursor.name()
    found: list[list[str]] = []
    if cursor.accept("("):
        while not cursor.accept(")"):
            if not cursor.accept(","):
                found.append(cursor.entry()[::2])
    return found


def _full_text(table: VirtualTable, arguments: Sequence[Sequence[str]]) -> Definition:
    """An FTS3, FTS4 or FTS5 table: columns and options stand in one list."""
    options: dict[str, str] = {}
    columns = []
    for found in arguments:
        option = _option(found, table.module)
        if option is None:
            columns.append(unquote(found[0]))
        else:
            options[option[0]] = option[1]
    if "languageid" in options:
        columns.append(options["languageid"])
    source = options.get("content")
    return Definition(
        name=table.name,
        module=table.module,
        columns=tuple(columns) or (("content",) if source is None else ()),
        content="own" if source is None else "external" if source else "contentless",
        source=source or None,
        source_key=options.get("content_rowid", "rowid"),
        options=options,
    )


def _option(tokens: Sequence[str], module: str) -> tuple[str, str] | None:
    """Name and value of an option; None where the argument is a column."""
    name = fold(unquote(tokens[0]))
    is_assigned = len(tokens) > 1 and tokens[1] == "="
    # FTS3 knows but one option, and takes it without an equals sign, as FTS4 does.
    if name == "tokenize" and len(tokens) > 1 and module != "fts5":
        return name, " ".join(tokens[1 + is_assigned :])
    if not is_assigned or module == "fts3":
        return None
    value = tokens[2:]
    return name, unquote(value[0]) if len(value) == 1 else " ".join(value)
