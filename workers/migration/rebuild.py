"""One tenant's migration by a new generation: its pages are copied, and the copy is rebuilt while it is born.

The list is that of a move with one phase more; the cut-over is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import versions
from migrations_engine.errors import Unsupported
from migrations_engine.execution import execute
from migrations_engine.online import capture, remainder, virtual
from migrations_engine.online.mapping import between, reverse
from migrations_engine.online.phases import Phase
from migrations_engine.online.shape import TableShape
from migrations_engine.online.upkeep import upkeep_of
from tenantdb import fence
from tenantdb.errors import OperationFailed
from workers.handover import stages
from workers.handover.cutover import cut_over
from workers.handover.execution import carry_out

if TYPE_CHECKING:
    import apsw

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.planning.plan import Plan
    from migrations_engine.schema import Schema
    from workers.handover.transfer import Transfer


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

    Raises:
        DataDoesNotFit: Rows that the new schema rejects, there at the beginning or written meanwhile.
        OperationFailed: It could not be done.
        LeaseLost: Another worker took the operation over.
    """

    def change(this: Transfer) -> None:
        execute.change_in(this.target, plan, after_ddl=fence.install_guards)
        execute.refuse_dangling(plan)
        noted.extend(_noted(this.target, plan))

    def finish(this: Transfer, pause: float) -> None:
        versions.close_way_back(this.target, "dropped")
        versions.record(this.target, plan.new, strategy="rebuild", pause=pause, way_back="none")
        # From its first write on the new schema notes its keys: a rollback brings them along. Last of all
        # triggers, because SQLite fires those that were made last first.
        capture.install(this.target, noted)

    def mapped(found: Schema) -> tuple[Mapping, ...]:
        if found.hash != plan.old.hash:  # a table that came since the plan was made would not be replayed
            raise OperationFailed(this_operation, reason="its structure was changed meanwhile")
        return between(plan.old, plan.new)

    noted, this_operation = list[TableShape](), transfer.operation.id
    transfer.mapped, transfer.change, transfer.finish = mapped, change, finish
    transfer.becomes = lambda _: plan.new
    carry_out(transfer, REBUILD)


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
