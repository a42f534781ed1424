"""One tenant's migration by a new generation, which is written anew, or copied and then rebuilt.

Either while the old one is read and written.

The list is that of a move with one phase more; the cut-over is the same.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrations_engine import versions
from migrations_engine.errors import Unsupported
from migrations_engine.execution import execute, fresh
from migrations_engine.online import capture, remainder, virtual
from migrations_engine.online.mapping import between, reverse
from migrations_engine.online.phases import Phase
from migrations_engine.online.upkeep import upkeep_of
from tenantdb import fence
from tenantdb.errors import OperationFailed
from workers.handover import stages
from workers.handover.cutover import cut_over
from workers.handover.execution import carry_out
from workers.handover.transfer import all_pages

if TYPE_CHECKING:
    import apsw

    from migrations_engine.online.copy import CopyReport
    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.shape import TableShape
    from migrations_engine.planning.plan import Plan
    from migrations_engine.schema import Schema
    from workers.handover.transfer import Own, Told, Transfer


def rebuild_tables(transfer: Transfer) -> None:
    """Change the structure of the born copy; its triggers are laid aside once they are the new ones."""
    target = transfer.target
    with execute.prepared(target), transfer.admit(target):
        transfer.change(transfer)
        transfer.triggers = remainder.user_triggers(target)
        remainder.drop_user_triggers(target)


REBUILD: tuple[Phase[Transfer], ...] = (
    stages.CLAIM,
    stages.CAPTURE,
    stages.SNAPSHOT,
    stages.PREPARE,
    Phase(name="rebuild", run=rebuild_tables),
    stages.DRAIN,
    stages.VERIFY,
    Phase(name="cut-over", run=cut_over),
    stages.SEAL,
    stages.ARCHIVE,
)


def rebuild(transfer: Transfer, plan: Plan) -> None:
    """Bring a tenant to the new schema of a plan, in a new generation.

    Args:
        transfer: The handover.
        plan: What is done, with its costs on the tenant's file.

    Raises:
        DataDoesNotFit: Rows that the new schema rejects, there at the beginning or written meanwhile.
        OperationFailed: It could not be done.
        LeaseLost: Another worker took the operation over.
    """
    work = _Rebuild(plan=plan, operation=transfer.operation.id)
    transfer.mapped, transfer.copied = work.mapped, work.copied
    transfer.change, transfer.finish = work.change, work.finish
    transfer.becomes = lambda _: plan.new
    carry_out(transfer, REBUILD)


@dataclass(slots=True, kw_only=True)
class _Rebuild:
    """What a rebuild gives to the phases that all handovers share.

    ``is_fresh`` says whether the target was written in the new schema, ``noted`` which tables note their keys
    in it for a rollback.
    """

    plan: Plan
    operation: str
    is_fresh: bool = False
    noted: tuple[TableShape, ...] = ()

    def mapped(self, found: Schema) -> tuple[Mapping, ...]:
        """What feeds which table; refused where the structure is no more the one that was planned for."""
        if found.hash != self.plan.old.hash:  # a table that came since would not be replayed
            raise OperationFailed(self.operation, reason="its structure was changed meanwhile")
        return between(self.plan.old, self.plan.new)

    def copied(self, transfer: Transfer, told: Told, own: Own) -> CopyReport:
        """Make the target: by row where most of the file has to be written anew, else by page."""
        self.is_fresh = False
        if fresh.is_quicker(transfer.source, self.plan):
            with contextlib.suppress(Unsupported):  # by page it can be done, or is said what is wrong
                report = fresh.rows(transfer.source, transfer.target_path, self.plan, progress=told, own=own)
                self.is_fresh = True
                return report
        return all_pages(transfer, told, own)

    def change(self, transfer: Transfer) -> None:
        """Change the structure of the target where it is the old one still."""
        if not self.is_fresh:
            execute.change_in(transfer.target, self.plan, after_ddl=fence.install_guards)
        execute.refuse_dangling(self.plan)
        self.noted = _noted(transfer.target, self.plan)

    def finish(self, transfer: Transfer, pause: float) -> None:
        """Write the version down, and have the target note its keys from its first write on."""
        versions.record(transfer.target, self.plan.new, strategy="rebuild", pause=pause, way_back="none")
        # A rollback brings them along. Last of all triggers: SQLite fires those that were made last first.
        capture.install(transfer.target, self.noted)


def _noted(conn: apsw.Connection, plan: Plan) -> tuple[TableShape, ...]:
    """The tables whose writes a rollback would bring along; none where the change has no such way back."""
    try:
        mappings = reverse(plan.old, plan.new)
        upkeep = upkeep_of(conn, plan.new, plan.old, mappings)
    except Unsupported:
        return ()
    return tuple(mapping.source for mapping in (*mappings, *upkeep.noted))


def is_online(plan: Plan) -> bool:
    """Whether a new generation can follow what is written meanwhile; what cannot is changed in place."""
    try:
        virtual.fates(plan.old, plan.new, between(plan.old, plan.new))
    except Unsupported:
        return False
    return True
