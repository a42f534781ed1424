"""From two schemas to a plan: which table goes which way, proved on an empty database in memory.

A plan depends on the two schemas alone, so that a fleet compiles it once for all files of one schema.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import apsw

from migrations_engine import extensions, sqlite
from migrations_engine.changes import carry, hints, steps
from migrations_engine.changes.compare import compare
from migrations_engine.changes.renaming import renamed
from migrations_engine.checks import parent_keys
from migrations_engine.ddl import sqlite as ddl
from migrations_engine.errors import Fault, MigrationError, SchemaError, UnknownStrategy, Unsupported
from migrations_engine.execution import execute, virtual
from migrations_engine.model import ForeignKey, Table, Trigger, fold, quote
from migrations_engine.planning.inplace import NotInPlace, alteration
from migrations_engine.planning.plan import WISHES, Plan, TableAction, Wish
from migrations_engine.planning.virtual import actions
from migrations_engine.recent import Recent
from migrations_engine.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migrations_engine.changes.hints import Renames
    from migrations_engine.changes.steps import Change, Step


_PLANS: Recent[Plan] = Recent(64)


def compiled(
    old: Schema,
    new: Schema,
    *,
    strategy: Wish = "auto",
    back: bool = False,
    rebuilding: frozenset[str] = frozenset(),
) -> Plan:
    """The plan that turns a file of one schema into one of another, made and proved once for all such files.

    Args:
        old: What the file holds.
        new: What it is to hold.
        strategy: ``auto`` alters in place what can be; ``in-place`` refuses the rest; ``rebuild`` copies
            every table that differs.
        back: The new schema is one that the file had before, whatever is wrong with it.
        rebuilding: Folded new names of tables to copy, though they could be changed where they lie.

    Raises:
        SchemaError: SQLite refuses the new schema, its hints contradict each other, or a foreign key would
            lose the key of its parent.
        UnknownStrategy: There is no such strategy.
        Unsupported: A virtual table is out of reach, or a step cannot be done in the wanted way.
    """
    if strategy not in WISHES:
        raise UnknownStrategy(strategy, available=list(WISHES))
    # By identity: schemas of one hash may differ in texts and hints. The plan holds both, so that no other
    # schema can have their ids while it is kept.
    key = (id(old), id(new), strategy, back, rebuilding)
    return _PLANS.get(key, lambda: _made(old, new, strategy=strategy, back=back, rebuilding=rebuilding))


def _made(old: Schema, new: Schema, *, strategy: Wish, back: bool, rebuilding: frozenset[str]) -> Plan:
    if old.hash == new.hash:
        hints.acting(old, new)  # nothing acts; a swap of equal columns is refused, as it always is
        return Plan(old=old, new=new, change=steps.Change())
    change = compare(old, new)
    draft = _Draft(old, new, change, rebuilding, back=back)
    if not back:
        draft.refuse_lost_keys()
    plan = draft.plan(altering=strategy != "rebuild", strict=strategy == "in-place")
    fault = _proved(plan)
    if fault is not None and strategy == "auto" and plan.going("alter"):
        plan = draft.plan(altering=False)
        fault = _proved(plan)
    if fault is not None:
        raise fault
    return plan


class _Draft:
    """Two schemas and the steps between them, sorted by table."""

    def __init__(
        self, old: Schema, new: Schema, change: Change, rebuilding: frozenset[str], *, back: bool
    ) -> None:
        self._old, self._new, self._change = old, new, change
        self._rebuilding, self._back = rebuilding, back
        self._renames: Renames = hints.acting(old, new)
        self._steps: dict[str, list[Step]] = defaultdict(list)
        for step in change.steps:
            if (table := _table_of(step)) is not None:
                self._steps[fold(table)].append(step)

    def refuse_lost_keys(self) -> None:
        """Refuse foreign keys that would lose the key of their parent."""
        if self._old.tables:
            parent_keys.refuse_lost(renamed(self._old, self._new, self._renames), self._new)

    def plan(self, *, altering: bool, strict: bool = False) -> Plan:
        """The plan with ALTER TABLE wherever it serves, or without it."""
        tables = self._settled(altering=altering, strict=strict)
        virtual = actions(self._old, self._new, self._change, tables)
        if strict and (action := next((each for each in virtual if each.way == "rebuild"), None)):
            message = f"virtual table {action.name} cannot be changed in place. Use --strategy auto"
            raise Unsupported(message, object_name=action.name)
        return Plan(
            old=self._old,
            new=self._new,
            change=self._change,
            tables=tables,
            virtual=virtual,
            prelude=self._prelude(tables),
            finale=self._finale(tables),
        )

    def _settled(self, *, altering: bool, strict: bool) -> tuple[TableAction, ...]:
        """The actions, where no table is left behind that refers to another by its former names."""
        forced = dict.fromkeys(self._rebuilding, "")
        while True:
            tables = tuple(self._actions(forced, altering=altering, strict=strict))
            behind = {name: why for name, why in self._left_behind(tables).items() if name not in forced}
            if not behind:
                return tables
            forced |= behind

    def _left_behind(self, tables: Sequence[TableAction]) -> dict[str, str]:
        """Tables, by folded name, whose foreign keys name a parent as it was, and why they are rebuilt.

        ALTER TABLE carries new names into every reference. A parent that is rebuilt under new names takes
        nobody along.
        """
        rebuilt = {fold(a.old.name): a.name for a in tables if a.way == "rebuild" and a.old is not None}
        found = {}
        for table in self._new.tables:
            before = self._renames.old_table(table, self._old)
            if before is None:
                continue
            wanted = {_parent(key) for key in table.foreign_keys}
            for key in before.foreign_keys:
                if fold(key.parent) in rebuilt and _parent(key) not in wanted:
                    parent = rebuilt[fold(key.parent)]
                    found[fold(table.name)] = f"it refers to {parent}, which gets new names in a rebuild"
        return found

    def _actions(self, forced: Mapping[str, str], *, altering: bool, strict: bool) -> list[TableAction]:
        found = []
        for step in self._change.steps:
            if isinstance(step, steps.DropTable):
                found.append(TableAction(way="drop", old=step.table))
            elif isinstance(step, steps.AddTable):
                found.append(TableAction(way="create", new=step.table))
        for table in self._new.tables:
            before = self._renames.old_table(table, self._old)
            reason = "" if strict or self._back else self._loosened(table)
            wanted = bool(reason) or fold(table.name) in forced
            reason = reason or forced.get(fold(table.name), "")
            if before is not None and (wanted or self._steps[fold(table.name)]):
                altered = altering and not wanted
                action = self._changed(before, table, altering=altered, strict=strict)
                found.append(replace(action, reason=reason or action.reason))
        return found

    def _loosened(self, table: Table) -> str:
        """Which unique index of a table goes for good, if one does.

        It could be dropped where it lies. But then nothing would hold what the rows were before they came to
        share a key, and there would be no way back from that.
        """
        kept = {(index.columns, index.where) for index in table.indexes if index.unique}
        for step in self._change.steps:
            if isinstance(step, steps.DropIndex) and fold(step.index.table) == fold(table.name):
                index = step.index
                if index.unique and (index.columns, index.where) not in kept:
                    return f"rows that come to share a key of {index.name} need a way back"
        return ""

    def _changed(self, old: Table, new: Table, *, altering: bool, strict: bool) -> TableAction:
        changes = self._steps[fold(new.name)]
        columns = self._columns(old, new)
        fills = {
            fold(step.column.name if isinstance(step, steps.AddColumn) else step.after.name): step.fill
            for step in changes
            if isinstance(step, (steps.AddColumn, steps.ChangeColumn)) and step.fill is not None
        }
        action = TableAction(
            way="rebuild",
            old=old,
            new=new,
            carry=carry.between(old, new, columns=columns, fills=fills),
            columns=columns,
            fills=fills,
        )
        if not altering:
            return action
        try:
            altered = alteration(old, new, changes, back=self._back)
            return replace(action, way="alter", statements=altered.statements, scans=altered.scans)
        except NotInPlace as reason:
            if strict:
                message = f"{new.name} cannot be changed in place: {reason}. Use --strategy auto"
                raise Unsupported(message, object_name=new.name) from None
            return replace(action, reason=str(reason))

    def _columns(self, old: Table, new: Table) -> dict[str, str]:
        pairs = ((fold(c.name), self._renames.old_column(new, c.name, old)) for c in new.columns)
        return {name: before for name, before in pairs if before is not None}

    def _prelude(self, tables: Sequence[TableAction]) -> tuple[str, ...]:
        # The indexes of an old table that is put away go with it.
        away = {fold(i.name) for a in tables if a.way == "rebuild" and a.old for i in a.old.indexes}
        found = []
        for step in self._change.steps:
            if isinstance(step, steps.DropTrigger):
                found.append(f"DROP TRIGGER IF EXISTS {quote(step.trigger.name)}")
            elif isinstance(step, steps.DropView):
                found.append(f"DROP VIEW IF EXISTS {quote(step.view.name)}")
            elif isinstance(step, steps.DropIndex) and fold(step.index.name) not in away:
                found.append(f"DROP INDEX IF EXISTS {quote(step.index.name)}")
        return tuple(found)

    def _finale(self, tables: Sequence[TableAction]) -> tuple[str, ...]:
        fresh = {fold(a.new.name) for a in tables if a.way in ("rebuild", "create") and a.new is not None}
        indexes, views = [], []
        for step in self._change.steps:
            if isinstance(step, steps.AddIndex) and fold(step.index.table) not in fresh:
                indexes.append(ddl.create_index(step.index))
            elif isinstance(step, steps.AddView):
                views.append(step.view.sql)
        return (*indexes, *views, *(trigger.sql for trigger in self._triggers(fresh)))

    def _triggers(self, fresh: set[str]) -> list[Trigger]:
        """The triggers to make, by name: new ones, and those that went with their table or view."""
        gone = fresh | {fold(s.view.name) for s in self._change.steps if isinstance(s, steps.DropView)}
        added = {fold(s.trigger.name) for s in self._change.steps if isinstance(s, steps.AddTrigger)}
        chosen = [t for t in self._new.triggers if fold(t.name) in added or fold(t.table) in gone]
        return sorted(chosen, key=lambda trigger: fold(trigger.name))


def _parent(key: ForeignKey) -> tuple[str, tuple[str, ...]]:
    """What a foreign key refers to, by folded names."""
    return fold(key.parent), tuple(fold(column) for column in key.parent_columns)


def _table_of(step: Step) -> str | None:
    """The new name of the table that a step is about, where it needs more than indexes."""
    if isinstance(step, steps.RenameTable):
        return step.name
    tabled = (
        steps.ChangeOptions,
        steps.AddColumn,
        steps.DropColumn,
        steps.RenameColumn,
        steps.ChangeColumn,
        steps.AddConstraint,
        steps.DropConstraint,
    )
    return step.table if isinstance(step, tabled) else None


def _proved(plan: Plan) -> MigrationError | None:
    """Run a plan on an empty database that has the old schema; the error where it leads elsewhere.

    An old schema that cannot be built here (a function that only the application has, say) proves nothing:
    the same proof is made on the file itself, before the change is committed.
    """
    with contextlib.closing(sqlite.in_memory()) as conn, execute.prepared(conn):
        virtual.require_modules(conn, plan)
        conn.execute("BEGIN")
        try:
            _build(conn, plan)
        except apsw.Error:
            return None
        try:
            execute.prove_in(conn, plan)
        except MigrationError as error:
            return error
        except apsw.Error as error:
            fault = Fault(f"SQLite refuses it: {extensions.advised(str(error))}")
            return SchemaError([fault], source="the new schema")
    return None


def _build(conn: apsw.Connection, plan: Plan) -> None:
    """Make the old schema; a virtual table that cannot be made here is there by its statement alone.

    Raises:
        apsw.Error: The old schema cannot be made here, or the plan is about such a virtual table.
    """
    concerned = {fold(table.name) for each in plan.virtual for table in (each.old, each.new) if table}
    for statement in ddl.statements(Schema(tables=plan.old.tables)):
        conn.execute(statement)
    for table in plan.old.virtual_tables:
        try:
            conn.execute(table.sql)
        except apsw.SQLError:
            if fold(table.name) in concerned:
                raise
            virtual.declare(conn, table)
    for statement in ddl.statements(replace(plan.old, tables=(), virtual_tables=())):
        conn.execute(statement)
