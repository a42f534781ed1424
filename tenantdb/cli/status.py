"""``tenantdb status``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from tenantdb import overview, settings
from tenantdb.catalog import Catalog
from tenantdb.cli import output

if TYPE_CHECKING:
    from tenantdb.catalog.models import Operation
    from tenantdb.overview import Overview, ServerOverview

app = typer.Typer(add_completion=False)


@app.command()
def status(*, as_json: output.AsJson = False) -> None:
    """Show what runs, what is stuck, how full the servers are."""
    now = settings.current()
    seen = overview.look(Catalog.open(now))
    if as_json:
        output.document({"home": str(now.home), **_document(seen)})
        return
    output.facts(
        [
            ("home", now.home),
            ("tenants", _counts({state.value: count for state, count in seen.tenants.items()})),
            ("schemas", _counts({_short(each): count for each, count in seen.schemas.items()})),
            ("new tenants", _short(seen.schema)),
        ]
    )
    output.say("")
    output.table(
        ["server", "state", "region", "tier", "tenants", "capacity", "free"],
        [_server_row(each) for each in seen.servers],
    )
    _print_operations(seen)


def _print_operations(seen: Overview) -> None:
    if not seen.running and not seen.stuck:
        output.say("", "No operation is running or stuck.")
        return
    rows = [_operation_row(each, "running") for each in seen.running]
    rows += [_operation_row(each, "stuck") for each in seen.stuck]
    output.say("")
    output.table(["operation", "kind", "tenant", "phase", "state", "since"], rows)
    if seen.stuck:
        output.say("", "Finish or undo what is stuck with: tenantdb recover")


def _document(seen: Overview) -> dict[str, Any]:
    return {
        "tenants": {state.value: count for state, count in seen.tenants.items()},
        "schemas": [{"schema": each, "tenants": count} for each, count in seen.schemas.items()],
        "schema": seen.schema,
        "servers": [
            {
                "id": each.server.id,
                "state": each.server.state.value,
                "tenants": each.tenants,
                "capacity": each.server.capacity,
                "free": each.free,
            }
            for each in seen.servers
        ],
        "running": [_operation(each) for each in seen.running],
        "stuck": [_operation(each) for each in seen.stuck],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "kind": operation.kind.value,
        "tenant": operation.tenant_id,
        "phase": operation.phase,
        "started": operation.created_at,
    }


def _server_row(each: ServerOverview) -> tuple[object, ...]:
    server = each.server
    free = "not there" if each.free is None else output.size(each.free)
    return (server.id, server.state.value, server.region, server.tier, each.tenants, server.capacity, free)


def _operation_row(operation: Operation, state: str) -> tuple[object, ...]:
    since = f"{time.time() - operation.created_at:.0f} s"
    return (operation.id, operation.kind.value, operation.tenant_id, operation.phase, state, since)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.items()) or "none"


def _short(schema_hash: str | None) -> str:
    return "no schema" if schema_hash is None else schema_hash[:12]
