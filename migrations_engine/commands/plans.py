"""A plan as people read it, table by table, and as programs get it."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

from migrations_engine.commands import output
from migrations_engine.commands.documents import change_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migrations_engine.planning.leave import Leave
    from migrations_engine.planning.outlook import Concern, PlannedStep
    from migrations_engine.planning.plan import Plan, TableAction, VirtualAction


def show(plan: Plan, file: str, *, leaves: Sequence[Leave] | None, as_json: bool) -> None:
    """Print a plan for a file.

    Args:
        plan: The plan, considered.
        file: What people call the file.
        leaves: What is allowed: no more is said of it; None where every loss is.
        as_json: Whether for programs.
    """
    left = [concern for concern in plan.concerns if not _is_allowed(concern, leaves)]
    if as_json:
        output.document(_document(plan, left))
    elif plan.strategy == "none":
        output.say(f"{file} has this schema already.")
    else:
        output.say(f"{file}: from schema {plan.old.hash[:12]} to {plan.new.hash[:12]}")
        _print_steps(plan)
        _print_concerns(left)
        for each in plan.change.suggestions:
            output.say("")
            _say(f"Hint: {each.text}", indent=0)
        _print_sum(plan)


def _is_allowed(concern: Concern, leaves: Sequence[Leave] | None) -> bool:
    if leaves is None:
        return concern.refuses
    return any(leave.covers(concern.rule, concern.names) for leave in leaves)


def _document(plan: Plan, concerns: Iterable[Concern]) -> dict[str, Any]:
    found = change_document(plan.change)
    return {
        "from": plan.old.hash,
        "to": plan.new.hash,
        "strategy": plan.strategy,
        "online": plan.online,
        "rows": plan.rows,
        "bytes": plan.bytes,
        "pause_ms": round(plan.pause * 1000, 3),
        "way_back": plan.way_back,
        "loses": list(plan.loses),
        **found,
        "steps": [
            {**step, **_step_document(planned)}
            for step, planned in zip(found["steps"], plan.steps, strict=True)
        ],
        "tables": [*map(_table_document, plan.tables), *map(_table_document, plan.virtual)],
        "concerns": [
            {
                "rule": concern.rule,
                "object": concern.object_name,
                "message": concern.message,
                "refuses": concern.refuses,
                "allow": concern.allow,
            }
            for concern in concerns
        ],
    }


def _table_document(action: TableAction | VirtualAction) -> dict[str, Any]:
    return {"table": action.name, "way": action.way, "reason": action.reason or None}


def _step_document(step: PlannedStep) -> dict[str, Any]:
    return {
        "table": step.table,
        "way": step.way,
        "why": step.why,
        "rows": step.rows,
        "bytes": step.bytes,
        "pause_ms": round(step.pause * 1000, 3),
        "risk": step.risk,
        "way_back": step.way_back.kind,
        "loses": step.way_back.loses,
    }


def _print_steps(plan: Plan) -> None:
    """The steps, those of one table together."""
    tables: dict[str | None, list[PlannedStep]] = {}
    for step in plan.steps:
        tables.setdefault(step.table, []).append(step)
    for table, found in tables.items():
        output.say("", _head(plan, table, found))
        if why := next((step.why for step in found if step.why), None):
            _say(f"copied, not altered where it lies: {why}", indent=2)
        for step in found:
            _say(step.step.text, indent=2)
            lost = f": {step.step.destroys}" if step.step.destroys else ""
            _say(f"{step.risk}{lost}; way back {step.way_back}", indent=6)
    for action in plan.virtual:
        if action.way == "reindex":
            output.say("", f"{action.name}: indexed again, because {action.reason}")


def _head(plan: Plan, table: str | None, steps: Sequence[PlannedStep]) -> str:
    """What is done with a table, and what that costs."""
    if table is None:
        return "Views"
    way = "online rebuild" if plan.online and steps[0].way == "rebuild" else steps[0].way
    costs = {(step.rows, step.bytes, step.pause) for step in steps}
    rows, size, pause = (sum(numbers) for numbers in zip(*costs, strict=True))
    if not plan.costs:
        return f"{table}: {way}"
    listed = [way, output.counted(int(rows), "row"), output.size(int(size)), f"writers wait {_ms(pause)}"]
    return f"{table}: {', '.join(listed)}"


def _print_concerns(concerns: Sequence[Concern]) -> None:
    for title, refuses in (("Refused without leave", True), ("Warnings", False)):
        found = [concern for concern in concerns if concern.refuses == refuses]
        if found:
            output.say("", title)
        for concern in found:
            _say(f"{concern.rule}  {concern.object_name}: {concern.message}", indent=2)
            # Whole, however long: it is there to be copied.
            output.say(f"      --allow {shlex.quote(concern.allow)}")


def _print_sum(plan: Plan) -> None:
    lost = f": of what is written since it would lose {', '.join(plan.loses)}" if plan.loses else ""
    output.say("")
    output.facts(
        [
            ("strategy", f"{plan.strategy}, online" if plan.online else plan.strategy),
            ("rows", plan.rows),
            ("bytes", output.size(plan.bytes)),
            ("predicted pause", _ms(plan.pause)),
            ("way back", f"{plan.way_back}{lost}"),
        ]
    )
    if any(step.risk != "safe" for step in plan.steps) and plan.rows:
        output.say("")
        output.say("Name the rows that do not fit, or are rewritten, with: tenantdb schema rehearse")


def _say(text: str, *, indent: int) -> None:
    """Print a sentence in the width of the terminal; lines that continue it are indented once more."""
    output.say(
        *textwrap.wrap(
            text,
            width=shutil.get_terminal_size().columns,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
