"""A plan as data: which table goes which way, which statements run around it, and what it will cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrations_engine.changes.carry import Carry
    from migrations_engine.changes.steps import Change
    from migrations_engine.changes.virtual import Filling
    from migrations_engine.model import Table, VirtualTable
    from migrations_engine.planning.outlook import Concern, PlannedStep
    from migrations_engine.schema import Schema

Way = Literal["create", "alter", "rebuild", "drop"]
"""How a table gets from one schema to the other; a table whose indexes alone differ has no way at all."""

_WAYS: Final[tuple[Way, ...]] = get_args(Way)

VirtualWay = Literal["create", "rebuild", "drop", "reindex"]
"""How a virtual table gets there; ``reindex`` is for one that stays while what it indexes changes."""

Strategy = Literal["none", "in-place", "rebuild"]

WayBackKind = Literal["lossless", "lossy", "none"]

Wish = Literal["auto", "in-place", "rebuild"]
"""What the user asks for."""

WISHES: Final[tuple[Wish, ...]] = get_args(Wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAction:
    """What happens to one table.

    Attributes:
        way: ``create`` a new one, ``alter`` it where it lies, ``rebuild`` it beside the old one, ``drop`` it.
        old: The table before; None where it is created.
        new: The table afterwards; None where it is dropped.
        statements: The ALTER TABLE statements of ``alter``.
        scans: How many of them read every row, to test it.
        carry: How rows go from ``old`` to ``new``; None where there is nothing to carry.
        columns: Folded new column -> old column, of those that stay.
        fills: Folded new column -> expression over the old row, of those whose fill acts.
        reason: What cannot be altered in place, for ``rebuild``.
    """

    way: Way
    old: Table | None = None
    new: Table | None = None
    statements: tuple[str, ...] = ()
    scans: int = 0
    carry: Carry | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    fills: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def name(self) -> str:
        """The new name where the table stays, the old one where it goes."""
        table = self.new or self.old
        return table.name if table else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualAction:
    """What happens to one virtual table.

    Attributes:
        way: ``create`` a new one, ``rebuild`` it beside the old one, ``drop`` it, or ``reindex`` its content.
        old: The table before; None where it is created.
        new: The table afterwards; None where it is dropped.
        filling: How the new one is filled; None where it is dropped.
    """

    way: VirtualWay
    old: VirtualTable | None = None
    new: VirtualTable | None = None
    filling: Filling | None = None

    @property
    def reason(self) -> str:
        """Why its rows are written anew; empty where they are not."""
        reasons = {"rebuild": "no ALTER for virtual tables", "reindex": "what it indexes changes"}
        return reasons.get(self.way, "")

    @property
    def name(self) -> str:
        """The table's name, as the new schema spells it where it stays."""
        table = self.new or self.old
        return table.name if table else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an action or an index costs on one file; ``pause`` is predicted, in seconds."""

    name: str
    rows: int
    bytes: int
    pause: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a file of one schema becomes one of another; asked the same for each file, it answers at once.

    Attributes:
        old: What the file holds.
        new: What it is to hold.
        change: The steps between them.
        tables: What happens to each table that differs.
        virtual: What happens to each virtual table that differs, or whose content does.
        prelude: Statements that run first: triggers, views and indexes that go.
        finale: Statements that run last: indexes, views and triggers that come.
        costs: What it takes on one file; empty until ``estimate`` has looked at one.
        online: Whether others write while tables are copied: on a lone file, where that is the shorter pause.
        steps: The steps of the change with way, cost, risk and way back; empty until they are considered.
        concerns: What it loses, whom it may refuse, which code it breaks; likewise.
    """

    old: Schema
    new: Schema
    change: Change
    tables: tuple[TableAction, ...] = ()
    virtual: tuple[VirtualAction, ...] = ()
    prelude: tuple[str, ...] = ()
    finale: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    online: bool = False
    steps: tuple[PlannedStep, ...] = ()
    concerns: tuple[Concern, ...] = ()

    @cached_property
    def strategy(self) -> Strategy:
        """``none`` where nothing differs, ``rebuild`` where any table is copied, else ``in-place``."""
        if not (self.tables or self.virtual or self.prelude or self.finale):
            return "none"
        copies = any(action.way == "rebuild" for action in self.tables)
        copies |= any(action.way in ("rebuild", "reindex") for action in self.virtual)
        return "rebuild" if copies else "in-place"

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The steps of the change, in words."""
        return tuple(step.text for step in self.change.steps)

    @property
    def rows(self) -> int:
        """Rows that are copied or looked at while writers wait."""
        return sum(cost.rows for cost in self.costs)

    @property
    def bytes(self) -> int:
        """Bytes of the tables and indexes that are written anew."""
        return sum(cost.bytes for cost in self.costs)

    @property
    def pause(self) -> float:
        """Seconds that writers will wait, as predicted."""
        return sum(cost.pause for cost in self.costs)

    @property
    def way_back(self) -> WayBackKind:
        """How it is undone: ``lossy`` where writes made since may be lost, ``none`` for what was empty."""
        if not (self.old.tables or self.old.views or self.old.virtual_tables):
            return "none"
        return "lossy" if self.loses else "lossless"

    @property
    def loses(self) -> tuple[str, ...]:
        """What of the writes made since the way back would lose, step by step."""
        return tuple(step.way_back.loses for step in self.steps if step.way_back.loses is not None)

    def __str__(self) -> str:
        """Steps and concerns, one a line, then strategy, cost and way back."""
        cost = f"{self.rows} rows, {self.bytes} bytes, pause about {self.pause * 1000:.1f} ms"
        end = f"{self.strategy}: {cost}; way back: {self.way_back}"
        lost = f" (loses {', '.join(self.loses)})" if self.loses else ""
        lines = [*self.texts, *(str(concern) for concern in self.concerns)]
        return "\n".join([*lines, end + lost])

    def going(self, way: Way) -> tuple[TableAction, ...]:
        """The actions of one way, in order."""
        return self._going[way]

    @cached_property
    def _going(self) -> Mapping[Way, tuple[TableAction, ...]]:
        return {way: tuple(action for action in self.tables if action.way == way) for way in _WAYS}
