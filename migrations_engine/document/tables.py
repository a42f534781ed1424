"""One table of a document: its columns, constraints, indexes and hints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from migrations_engine.document import forms
from migrations_engine.document.faults import Faults, nearest
from migrations_engine.document.fills import parse_fill
from migrations_engine.model import (
    Check,
    Column,
    Conflict,
    ForeignKey,
    Index,
    IndexedColumn,
    PrimaryKey,
    Table,
    Unique,
    fold,
    quote,
)
from migrations_engine.normalize import naming, texts
from migrations_engine.recent import Recent, RecentOf
from migrations_engine.sql import clauses
from migrations_engine.sql.assembly import TableParts, assemble
from migrations_engine.sql.columns import ColumnParts, parse_column
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.expressions import parse_expression
from migrations_engine.sql.lexer import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from migrations_engine.document.jsonc import Path, Value

_Form = TypeVar("_Form", bound=forms.Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """An index as read, and where it stands; ``naming.UNNAMED`` where the document gives it no name."""

    index: Index
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """A table as read, without its indexes, and where it stands; ``apart`` are columns below ``_columns``."""

    table: Table
    path: Path
    indexes: tuple[IndexEntry, ...]
    apart: Container[str]

    def place(self, column: str) -> Path:
        """Where a column stands."""
        return _place(self.path, column, is_apart=column in self.apart)

    def whole(self, indexes: Sequence[Index]) -> Table:
        """The table with its indexes, which have their names by now."""
        names = tuple(index.name for index in indexes)
        return _WHOLE.get(
            self, lambda _: texts.settled(replace(self.table, indexes=tuple(indexes))), beside=names
        )


_READ: Recent[tuple[TableEntry | None, Faults]] = Recent(4096)
"""Tables as they were read: the next version of a document has most of them again, word for word."""

_WHOLE: RecentOf[TableEntry, Table] = RecentOf(4096)


def _place(table: Path, column: str, *, is_apart: bool) -> Path:
    """Where a column of a table stands: beside its other keys, or apart from them."""
    return (*table, "_columns", column) if is_apart else (*table, column)


def read_table(value: Value, *, path: Path, faults: Faults) -> TableEntry | None:
    """Read the entry of a table; what is wrong with it is noted, and the rest of it is read all the same."""
    entry, found = _READ.get((path, repr(value)), lambda: _read(value, path))
    faults.join(found)
    return entry


def _read(value: Value, path: Path) -> tuple[TableEntry | None, Faults]:
    """The entry of a table, and what is wrong with it."""
    name, faults = str(path[-1]), Faults()
    if isinstance(value, dict):
        return _TableReader(name, value, path, faults).read(), faults
    faults.add("a table is an object: its columns with their definitions", path, table=name)
    return None, faults


class _TableReader:
    """Reads one table's entry key by key; faults leave gaps, not errors."""

    def __init__(self, name: str, value: dict[str, Value], path: Path, faults: Faults) -> None:
        self._name = name
        self._value = value
        self._path = path
        self._faults = faults
        self._parts = TableParts(name=name)
        self._declared: dict[str, str] = {}
        self._apart: set[str] = set()
        self._index_entries: list[IndexEntry] = []

    def read(self) -> TableEntry | None:
        """The table; None where its parts make none."""
        for name, definition, is_apart in self._definitions():
            self._column(name, definition, is_apart=is_apart)
        if not self._declared:
            self._fault("a table needs at least one column", self._path)
            return None
        for key, read in _READERS.items():
            if key in self._value:
                read(self, self._value[key], (*self._path, key))
        self._keep_one_primary_key()
        return TableEntry(
            table=assemble(self._parts),
            path=self._path,
            indexes=tuple(self._index_entries),
            apart=frozenset(self._apart),
        )

    def _fault(self, message: str, path: Path, *, column: str | None = None) -> None:
        self._faults.add(message, path, table=self._name, column=column)

    # columns

    def _definitions(self) -> Iterator[tuple[str, Value, bool]]:
        """Every column with its definition, and whether it stands apart; other keys must be known."""
        for key, value in self._value.items():
            if not key.startswith("_"):
                yield key, value, False
            elif key == "_columns":
                found = self._object(value, (*self._path, key))
                yield from ((name, definition, True) for name, definition in found.items())
            elif key not in _READERS:
                hint = nearest(key, (*_READERS, "_columns"))
                also = "" if hint else "; a column whose name begins with an underscore belongs into _columns"
                self._fault(f"unknown key {key!r}{hint}{also}", (*self._path, key))

    def _column(self, name: str, definition: Value, *, is_apart: bool) -> None:
        """Read one column; one with faults stays as its bare name, so that others may refer to it."""
        folded = fold(name)
        if folded in self._declared:
            path = _place(self._path, name, is_apart=is_apart)
            message = f"SQLite takes {name!r} and {self._declared[folded]!r} for one name"
            self._fault(message, path, column=name)
            return
        self._declared[folded] = name
        if is_apart:
            self._apart.add(name)
        self._parts.columns.append(self._parsed(name, definition))

    def _parsed(self, name: str, definition: Value) -> ColumnParts:
        if isinstance(definition, str):
            try:
                return parse_column(name, definition)
            except Malformed as error:
                message = str(error)
        else:
            message = "a column's definition is a string of SQL"
        self._fault(message, _place(self._path, name, is_apart=name in self._apart), column=name)
        return ColumnParts(Column(name=name))

    def _keep_one_primary_key(self) -> None:
        """Note every primary key but one, so that the rest of the table can be checked all the same."""
        columns = self._parts.columns
        keyed = [at for at, part in enumerate(columns) if part.primary_key is not None]
        if self._parts.primary_key is None:
            keyed = keyed[1:]
        for at in keyed:
            name = columns[at].column.name
            place = _place(self._path, name, is_apart=name in self._apart)
            self._fault("a table has one PRIMARY KEY only", place, column=name)
            columns[at] = columns[at]._replace(primary_key=None)

    # shapes

    def _object(self, value: Value, path: Path) -> dict[str, Value]:
        if isinstance(value, dict):
            return value
        self._fault(f"{path[-1]} is an object", path)
        return {}

    def _text(self, value: Value, path: Path) -> str | None:
        if isinstance(value, str):
            return value
        self._fault(f"{path[-1]} is a string", path)
        return None

    def _texts(self, value: Value, path: Path) -> dict[str, str]:
        """An object of strings whose keys are columns of this table."""
        found = {}
        for name, each in self._object(value, path).items():
            column = self._column_name(name, (*path, name))
            text = self._text(each, (*path, name))
            if column is not None and text is not None:
                found[column] = text
        return found

    def _entries(
        self, kind: type[_Form], value: Value, path: Path, *, short: str
    ) -> Iterator[tuple[_Form, Path]]:
        """The entries of a list in their object form; ``short`` is the key that a short form stands for."""
        if not isinstance(value, list):
            self._fault(f"{path[-1]} is a list", path)
            return
        for at, each in enumerate(value):
            form = self._form(kind, each, (*path, at), short=short)
            if form is not None:
                yield form, (*path, at)

    def _form(self, kind: type[_Form], value: Value, path: Path, *, short: str) -> _Form | None:
        given: Value = value if isinstance(value, dict) else {short: value}
        return forms.read_form(kind, given, path=path, faults=self._faults, table=self._name)

    # names

    def _column_name(self, text: str, path: Path) -> str | None:
        """A column's declared name from a text that is one, in any case or quotes."""
        found = self._declared.get(fold(text))
        if found is None:
            with self._faults.noted(path, table=self._name):
                cursor = Cursor(text)
                name = cursor.name()
                cursor.finish()
                found = self._declared.get(fold(name))
                if found is None:
                    self._unknown(name, path)
        return found

    def _unknown(self, name: str, path: Path) -> None:
        self._fault(f"unknown column {name!r}{nearest(name, self._declared.values())}", path)

    def _key(self, texts: tuple[str, ...], path: Path) -> tuple[IndexedColumn, ...] | None:
        """The columns of a key; None where one of them has a fault."""
        found = [self._indexed(text, path, expressions=False) for text in texts]
        return tuple(each for each in found if each) if all(found) else None

    def _indexed(self, text: str, path: Path, *, expressions: bool) -> IndexedColumn | None:
        """One entry of a key or an index: a column's whole name wins over reading it as SQL."""
        if (declared := self._declared.get(fold(text))) is not None:
            return IndexedColumn(expression=declared)
        with self._faults.noted(path, table=self._name):
            entry = clauses.parse_indexed_column(text)
            if not entry.is_column:
                if expressions:
                    return entry
                self._fault(f"{text!r} is an expression; only an index takes one", path)
                return None
            declared = self._declared.get(fold(entry.expression))
            if declared is not None:
                return replace(entry, expression=declared, as_string=entry.as_string and expressions)
            if expressions and text.lstrip().startswith('"'):
                # To SQLite a double-quoted word that is no column is a string.
                return replace(entry, expression=quote(entry.expression), is_column=False)
            self._unknown(entry.expression, path)
        return None

    # keys of the entry, one method each

    def primary_key(self, value: Value, path: Path) -> None:
        form = self._form(forms.PrimaryKeyForm, value, path, short="columns")
        columns = form and self._key(form.columns, path)
        if form and columns:
            self._parts.primary_key = PrimaryKey(
                columns=columns, name=form.name, on_conflict=_resolution(form.on_conflict)
            )

    def unique_constraints(self, value: Value, path: Path) -> None:
        for form, place in self._entries(forms.UniqueForm, value, path, short="columns"):
            columns = self._key(form.columns, place)
            if columns:
                unique = Unique(columns=columns, name=form.name, on_conflict=_resolution(form.on_conflict))
                self._parts.uniques.append(unique)

    def checks(self, value: Value, path: Path) -> None:
        for form, place in self._entries(forms.CheckForm, value, path, short="check"):
            with self._faults.noted(place, table=self._name):
                self._parts.checks.append(Check(expression=parse_expression(form.check), name=form.name))

    def foreign_keys(self, value: Value, path: Path) -> None:
        for form, place in self._entries(forms.ForeignKeyForm, value, path, short="columns"):
            columns = [self._column_name(text, place) for text in form.columns]
            with self._faults.noted(place, table=self._name):
                key = _foreign_key(form, tuple(name for name in columns if name is not None))
                if key.parent_columns and len(key.parent_columns) != len(columns):
                    counts = f"{len(columns)} and {len(key.parent_columns)}"
                    self._fault(f"columns and references name different numbers: {counts}", place)
                elif None not in columns:
                    self._parts.foreign_keys.append(key)

    def options(self, value: Value, path: Path) -> None:
        form = forms.read_form(forms.OptionsForm, value, path=path, faults=self._faults, table=self._name)
        if form:
            self._parts.strict, self._parts.without_rowid = form.strict, form.without_rowid

    def indexes(self, value: Value, path: Path) -> None:
        for form, place in self._entries(forms.IndexForm, value, path, short="columns"):
            columns = [self._indexed(text, place, expressions=True) for text in form.columns]
            with self._faults.noted(place, table=self._name):
                index = Index(
                    name=naming.UNNAMED if form.name is None else form.name,
                    table=self._name,
                    columns=tuple(column for column in columns if column),
                    unique=form.unique,
                    where=None if form.where is None else parse_expression(form.where),
                )
                if None not in columns:
                    self._index_entries.append(IndexEntry(index=index, path=place))

    def comment(self, value: Value, path: Path) -> None:
        self._parts.comment = self._text(value, path) or None

    def comments(self, value: Value, path: Path) -> None:
        texts = self._texts(value, path)
        self._parts.columns = [
            part.commented(texts.get(part.column.name) or None) for part in self._parts.columns
        ]

    def renamed_from(self, value: Value, path: Path) -> None:
        self._parts.hints = replace(self._parts.hints, renamed_from=self._text(value, path))

    def renames(self, value: Value, path: Path) -> None:
        self._parts.hints = replace(self._parts.hints, renames=self._texts(value, path))

    def fill(self, value: Value, path: Path) -> None:
        fill = {}
        for column, text in self._texts(value, path).items():
            with self._faults.noted((*path, column), table=self._name, column=column):
                fill[column] = parse_fill(text)
        self._parts.hints = replace(self._parts.hints, fill=fill)


_READERS: Final[dict[str, Callable[[_TableReader, Value, Path], None]]] = {
    "_primary_key": _TableReader.primary_key,
    "_unique_constraints": _TableReader.unique_constraints,
    "_checks": _TableReader.checks,
    "_foreign_keys": _TableReader.foreign_keys,
    "_indexes": _TableReader.indexes,
    "_options": _TableReader.options,
    "_comment": _TableReader.comment,
    "_comments": _TableReader.comments,
    "_renamed_from": _TableReader.renamed_from,
    "_renames": _TableReader.renames,
    "_fill": _TableReader.fill,
}


def _resolution(word: Literal["ABORT"] | Conflict | None) -> Conflict | None:
    """An ON CONFLICT word as the model holds it."""
    return None if word == "ABORT" else word


def _foreign_key(form: forms.ForeignKeyForm, columns: tuple[str, ...]) -> ForeignKey:
    """A foreign key from its form; ``references`` is a table's name, columns in parentheses may follow."""
    cursor = Cursor(form.references)
    parent = cursor.name()
    parent_columns = cursor.names() if cursor.word() == "(" else ()
    if not cursor.done:
        cursor.fail(f"references is a table and its columns; more follows: {cursor.found()}")
    return ForeignKey(
        columns=columns,
        parent=parent,
        parent_columns=parent_columns,
        on_delete=_action(form.on_delete),
        on_update=_action(form.on_update),
        match=None if form.match is None or form.match.upper() == "SIMPLE" else form.match.upper(),
        deferred=form.deferrable == "INITIALLY DEFERRED",
        name=form.name,
    )


def _action(action: str | None) -> str | None:
    """A foreign key's action as the model holds it."""
    return None if action == "NO ACTION" else action
