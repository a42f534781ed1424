"""The steps of a change, as data: what differs between two schemas, never how a file gets there.

Names are the new schema's where it has the object, the old one's where the object goes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from migrations_engine.changes.virtual import filling
from migrations_engine.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    PrimaryKey,
    Table,
    Trigger,
    Unique,
    View,
    VirtualTable,
)
from migrations_engine.sql.virtual import definition

if TYPE_CHECKING:
    from collections.abc import Mapping

Constraint = PrimaryKey | Unique | Check | ForeignKey

_CONSTRAINT_WORDS: dict[type, str] = {
    PrimaryKey: "PRIMARY KEY",
    Unique: "UNIQUE",
    Check: "CHECK",
    ForeignKey: "FOREIGN KEY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One difference; ``kind`` names it for programs, ``text`` says it to people."""

    kind: ClassVar[str]

    @property
    def subject(self) -> str:
        """The object that it is about, as ``Table`` or ``Table.column``."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The step in a few words."""
        return f"{self.kind.replace('-', ' ')} {self.subject}"

    @property
    def destroys(self) -> str | None:
        """What data it drops or rewrites; None for a step that keeps all of it."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTable(Step):
    """A table that was not there."""

    kind: ClassVar[str] = "add-table"
    table: Table

    @property
    def subject(self) -> str:
        """The new table."""
        return self.table.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable(Step):
    """A table that goes, with its rows."""

    kind: ClassVar[str] = "drop-table"
    table: Table

    @property
    def subject(self) -> str:
        """The old table."""
        return self.table.name

    @property
    def destroys(self) -> str | None:
        """All of its rows."""
        return f"table {self.table.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameTable(Step):
    """A table that takes another name, or another spelling of its name."""

    kind: ClassVar[str] = "rename-table"
    old_name: str
    name: str

    @property
    def subject(self) -> str:
        """The new name."""
        return self.name

    @property
    def text(self) -> str:
        """Both names."""
        return f"rename table {self.old_name} to {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOptions(Step):
    """STRICT or WITHOUT ROWID comes or goes."""

    kind: ClassVar[str] = "change-options"
    table: str
    strict: bool
    without_rowid: bool

    @property
    def subject(self) -> str:
        """The table."""
        return self.table

    @property
    def text(self) -> str:
        """The options that the table has from now on."""
        chosen = [("STRICT", self.strict), ("WITHOUT ROWID", self.without_rowid)]
        words = [word for word, on in chosen if on] or ["no options"]
        return f"make table {self.table} {', '.join(words)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn(Step):
    """A column that was not there; ``fill`` is the expression over the old row that gives its values."""

    kind: ClassVar[str] = "add-column"
    table: str
    column: Column
    fill: str | None = None

    @property
    def subject(self) -> str:
        """Table and column."""
        return f"{self.table}.{self.column.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumn(Step):
    """A column that goes, with its values."""

    kind: ClassVar[str] = "drop-column"
    table: str
    column: Column

    @property
    def subject(self) -> str:
        """Table and column."""
        return f"{self.table}.{self.column.name}"

    @property
    def destroys(self) -> str | None:
        """All of its values."""
        return f"column {self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn(Step):
    """A column that takes another name, or another spelling of its name."""

    kind: ClassVar[str] = "rename-column"
    table: str
    old_name: str
    name: str

    @property
    def subject(self) -> str:
        """Table and new name."""
        return f"{self.table}.{self.name}"

    @property
    def text(self) -> str:
        """Both names."""
        return f"rename column {self.table}.{self.old_name} to {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeColumn(Step):
    """Another type, NOT NULL, default, collation or generated expression of a column.

    ``rewrites`` says that values which are stored now can come out as others ('007' as 7).
    """

    kind: ClassVar[str] = "change-column"
    table: str
    before: Column
    after: Column
    rewrites: bool = False
    fill: str | None = None

    @property
    def subject(self) -> str:
        """Table and column."""
        return f"{self.table}.{self.after.name}"

    @property
    def text(self) -> str:
        """The column with each part that changes, before and after."""
        parts = [
            f"{word} {_shown(old)} becomes {_shown(new)}" for word, old, new in self._facets() if old != new
        ]
        if (self.before.not_null is None) != (self.after.not_null is None):
            parts.append("becomes NOT NULL" if self.after.not_null else "may be NULL again")
        return f"change column {self.subject}: {', '.join(parts) or 'its definition'}"

    @property
    def destroys(self) -> str | None:
        """The values as they are stored now, where the new type rewrites them."""
        return f"values of {self.subject} as stored" if self.rewrites else None

    def _facets(self) -> list[tuple[str, str | None, str | None]]:
        old, new = self.before, self.after
        return [
            ("type", old.type, new.type),
            ("default", old.default, new.default),
            ("collation", old.collation, new.collation),
            ("expression", _expression(old), _expression(new)),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddConstraint(Step):
    """A PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY that was not there."""

    kind: ClassVar[str] = "add-constraint"
    table: str
    constraint: Constraint

    @property
    def subject(self) -> str:
        """The table."""
        return self.table

    @property
    def text(self) -> str:
        """The rule."""
        return f"add {rule(self.constraint)} to {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropConstraint(Step):
    """A PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY that goes."""

    kind: ClassVar[str] = "drop-constraint"
    table: str
    constraint: Constraint

    @property
    def subject(self) -> str:
        """The table."""
        return self.table

    @property
    def text(self) -> str:
        """The rule."""
        return f"drop {rule(self.constraint)} of {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIndex(Step):
    """An index that was not there, or not in this form."""

    kind: ClassVar[str] = "add-index"
    index: Index

    @property
    def subject(self) -> str:
        """The index and its table."""
        return f"{self.index.name} on {self.index.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIndex(Step):
    """An index that goes, or changes its form."""

    kind: ClassVar[str] = "drop-index"
    index: Index

    @property
    def subject(self) -> str:
        """The index and its table."""
        return f"{self.index.name} on {self.index.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddView(Step):
    """A view that was not there, or not in this form."""

    kind: ClassVar[str] = "add-view"
    view: View

    @property
    def subject(self) -> str:
        """The view."""
        return self.view.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DropView(Step):
    """A view that goes, or changes its form."""

    kind: ClassVar[str] = "drop-view"
    view: View

    @property
    def subject(self) -> str:
        """The view."""
        return self.view.name


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTrigger(Step):
    """A trigger that was not there, or not in this form."""

    kind: ClassVar[str] = "add-trigger"
    trigger: Trigger

    @property
    def subject(self) -> str:
        """The trigger and what it stands on."""
        return f"{self.trigger.name} on {self.trigger.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTrigger(Step):
    """A trigger that goes, or changes its form."""

    kind: ClassVar[str] = "drop-trigger"
    trigger: Trigger

    @property
    def subject(self) -> str:
        """The trigger and what it stands on."""
        return f"{self.trigger.name} on {self.trigger.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddVirtualTable(Step):
    """A virtual table that was not there."""

    kind: ClassVar[str] = "add-virtual-table"
    table: VirtualTable

    @property
    def subject(self) -> str:
        """The virtual table."""
        return self.table.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeVirtualTable(Step):
    """Another module, or other arguments, of a virtual table that stays."""

    kind: ClassVar[str] = "change-virtual-table"
    before: VirtualTable
    after: VirtualTable

    @property
    def subject(self) -> str:
        """The virtual table."""
        return self.after.name

    @property
    def destroys(self) -> str | None:
        """What of its rows the new form does not hold."""
        return ", ".join(filling(self.before, self.after).lost) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class DropVirtualTable(Step):
    """A virtual table that goes."""

    kind: ClassVar[str] = "drop-virtual-table"
    table: VirtualTable

    @property
    def subject(self) -> str:
        """The virtual table."""
        return self.table.name

    @property
    def destroys(self) -> str | None:
        """What it holds; nothing for an index of another table, which can be made again."""
        return f"virtual table {self.table.name}" if definition(self.table).keeps else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Something that went and something that came, which look like one thing that was renamed.

    Attributes:
        old: What went, as ``Table`` or ``Table.column``.
        new: What came, in the same form.
        table: The table of the new document in which the hint is to stand.
        hint: The hint, as it stands in the document.
    """

    old: str
    new: str
    table: str
    hint: Mapping[str, object]

    @property
    def text(self) -> str:
        """What to write, for whom it was a rename."""
        written = json.dumps(dict(self.hint), ensure_ascii=False)[1:-1]
        return f"{self.old} goes and {self.new} comes; if that is a rename, write {written} in {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What differs between two schemas, read as one transformation; it never depends on rows.

    Attributes:
        steps: What differs.
        suggestions: The hints that may be missing: a drop and an add that look like a rename.
    """

    steps: tuple[Step, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def destructive(self) -> bool:
        """Whether a table or a column is dropped, or a type rewrites what is stored."""
        return bool(self.losses)

    @property
    def losses(self) -> tuple[str, ...]:
        """What is dropped or rewritten, one name each."""
        return tuple(step.destroys for step in self.steps if step.destroys)


def rule(constraint: Constraint) -> str:
    """A constraint in the words that errors use: its kind and what it is about."""
    word = _CONSTRAINT_WORDS[type(constraint)]
    if isinstance(constraint, Check):
        return f"{word} ({constraint.expression})"
    if isinstance(constraint, ForeignKey):
        parents = f"({', '.join(constraint.parent_columns)})" if constraint.parent_columns else ""
        return f"{word} ({', '.join(constraint.columns)}) REFERENCES {constraint.parent}{parents}"
    return f"{word} ({', '.join(part.expression for part in constraint.columns)})"


def _expression(column: Column) -> str | None:
    return column.generated.expression if column.generated else None


def _shown(value: str | None) -> str:
    return "none" if value is None else value or "untyped"
