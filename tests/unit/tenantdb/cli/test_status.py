from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tenantdb import settings
from tenantdb.catalog import Catalog, leases, operations
from tenantdb.catalog.states import OperationKind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tenantdb.cli.conftest import Command


def begin(tenant: str, *, seconds: float) -> str:
    """Let an operation begin whose lease lives for so long."""
    operation = operations.new_id()
    with Catalog.open(settings.current()).begin() as session:
        token = leases.take(session, tenant=tenant, owner="me", seconds=seconds, operation=operation)
        assert token is not None
        operations.begin(
            session,
            operation=operation,
            kind=OperationKind.MOVE,
            tenant=tenant,
            token=token,
            boot_id="boot",
            payload={},
        )
        operations.note(session, operation=operation, token=token, phase="drain")
    return operation


def test_an_empty_fleet_is_quiet(tenantdb: Command) -> None:
    said = tenantdb("status")
    assert said.code == 0
    assert "No operation is running or stuck." in said.out


def test_tenants_are_counted_by_state_and_schema(tenantdb: Command, folder: Path) -> None:
    for tenant in ("a", "b", "c"):
        tenantdb("tenant", "create", tenant)
    tenantdb("tenant", "delete", "c", "--yes")
    found = tenantdb("status", "--json").document
    assert found["home"] == f"{folder}/home"
    assert found["tenants"] == {"active": 2, "deleted": 1}
    assert found["schemas"] == [{"schema": found["schema"], "tenants": 2}]
    assert [(server["id"], server["tenants"]) for server in found["servers"]] == [("local", 2)]
    assert found["servers"][0]["free"] > 0


def test_what_runs_is_told_from_what_is_stuck(tenantdb: Command) -> None:
    for tenant in ("a", "b"):
        tenantdb("tenant", "create", tenant)
    lives, lapsed = begin("a", seconds=60), begin("b", seconds=-1)
    found = tenantdb("status", "--json").document
    assert [each["id"] for each in found["running"]] == [lives]
    assert [(each["id"], each["kind"], each["tenant"], each["phase"]) for each in found["stuck"]] == [
        (lapsed, "move", "b", "drain")
    ]
    said = tenantdb("status").out
    assert "tenantdb recover" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_server_whose_folder_is_gone_shows(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "eu", "file:eu")
    shutil.rmtree(folder / "eu")
    assert "not there" in tenantdb("status").out
    assert tenantdb("status", "--json").document["servers"][0]["free"] is None
