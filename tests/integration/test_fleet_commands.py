"""The fleet's commands as people and programs run them: processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tenantdb = Callable[..., subprocess.CompletedProcess[str]]

PROGRAM = [sys.executable, "-c", "from tenantdb.cli import main; main()"]


@pytest.fixture
def tenantdb(tmp_path: Path) -> Tenantdb:
    """Runs the program in a folder of its own, where the home is ./.tenantdb."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENANTDB_")}

    def execute(*words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *words],
            cwd=tmp_path,
            input=stdin,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return execute


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_fleet_from_nothing(tenantdb: Tenantdb, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(
        '{"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL"}} // people', encoding="utf-8"
    )
    assert document(tenantdb("init", "--schema", "schema.json", "--json"))["home"] == f"{tmp_path}/.tenantdb"
    made = document(tenantdb("tenant", "create", "acme", "--json"))
    insert = "INSERT INTO Users(email) VALUES ('é@x.example')"
    assert tenantdb("tenant", "shell", "acme", "--write", stdin=insert).returncode == 0
    (row,) = document(tenantdb("tenant", "shell", "acme", "--json", "SELECT * FROM Users"))
    assert row == {"id": 1, "email": "é@x.example"}
    assert tenantdb("tenant", "path", "acme").stdout == made["path"] + "\n"
    assert tenantdb("doctor").returncode == 0


def test_nobody_else_can_read_what_the_program_makes(tenantdb: Tenantdb, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        tenantdb("init")
        tenantdb("tenant", "create", "acme")
    finally:
        os.umask(before)
    made = [tmp_path / ".tenantdb", *(tmp_path / ".tenantdb").rglob("*")]
    assert len(made) > 5
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_of_many_that_create_one_tenant_at_once_one_does(tenantdb: Tenantdb) -> None:
    tenantdb("init")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: tenantdb("tenant", "create", "acme", "--json"), range(3)))
    assert [each.returncode for each in done].count(0) == 1
    errors = [json.loads(each.stdout)["error"]["type"] for each in done if each.returncode != 0]
    assert set(errors) <= {"TenantExists", "TenantBusy"}
    assert tenantdb("doctor").returncode == 0
