from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import apsw

from tenantdb.catalog import store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.tenantdb.cli.conftest import Command

SCHEMA = '{"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL"}}'


def test_a_home_is_made_for_its_owner_only(command: Command, folder: Path) -> None:
    said = command("init")
    assert said.code == 0
    assert f"Made a home at {folder}/home" in said.out
    assert "Try next:  tenantdb tenant create" in said.out
    assert stat.S_IMODE((folder / "home").stat().st_mode) == 0o700


def test_it_may_be_repeated(command: Command) -> None:
    command("init")
    before = command("server", "list", "--json").document
    said = command("init")
    assert said.code == 0
    assert "is up to date" in said.out
    assert command("server", "list", "--json").document == before


def test_it_says_what_it_did_as_a_document(command: Command, folder: Path) -> None:
    first, second = command("init", "--json").document, command("init", "--json").document
    assert first["home"] == f"{folder}/home"
    assert (first["created"], second["created"]) == (True, False)
    assert first["schema"] == second["schema"]


def test_new_tenants_get_the_schema_that_is_given(command: Command, folder: Path) -> None:
    (folder / "schema.json").write_text(SCHEMA, encoding="utf-8")
    said = command("init", "--schema", "schema.json")
    assert "New tenants get the schema" in said.out
    command("tenant", "create", "acme")
    assert command("tenant", "shell", "acme", "select count(*) from Users").out == "0\n"


def test_a_schema_may_be_given_later_while_there_is_no_tenant(command: Command, folder: Path) -> None:
    (folder / "schema.json").write_text(SCHEMA, encoding="utf-8")
    empty = command("init", "--json").document["schema"]
    assert command("init", "--schema", "schema.json", "--json").document["schema"] != empty


def test_a_fleet_with_tenants_changes_its_schema_by_a_rollout(command: Command, folder: Path) -> None:
    (folder / "schema.json").write_text(SCHEMA, encoding="utf-8")
    command("init")
    command("tenant", "create", "acme")
    said = command("init", "--schema", "schema.json")
    assert said.code == 3
    assert "tenantdb rollout start" in said.err


def test_a_wrong_document_is_refused_before_anything_is_made(command: Command, folder: Path) -> None:
    (folder / "schema.json").write_text('{"Users": {"id": 7}}', encoding="utf-8")
    said = command("init", "--schema", "schema.json", "--json")
    assert said.code == 2
    assert said.document["error"]["type"] == "SchemaError"
    assert not (folder / "home").exists()


def test_a_document_that_is_not_there_is_named(command: Command) -> None:
    said = command("init", "--schema", "nowhere.json")
    assert said.code == 2
    assert "nowhere.json" in said.err


def test_a_catalog_of_another_version_is_one_clear_sentence(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("init")
    apsw.Connection(str(folder / "home/catalog.db")).execute(
        "UPDATE alembic_version SET version_num = '0000'"
    )
    monkeypatch.setattr(store, "_OPENED", {})  # as in another process
    said = command("status")
    assert said.code == 2
    assert "upgrade it with: tenantdb init" in said.err
    assert said.err.count("\n") == 1


def test_the_home_may_be_anywhere(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENANTDB_HOME")
    elsewhere = folder / "else where" / "100% mine"
    (folder / "tenantdb.toml").write_text(f'home = "{elsewhere}"\n', encoding="utf-8")
    assert command("init", "--json").document["home"] == str(elsewhere)
    assert command("tenant", "create", "acme").code == 0
    assert elsewhere.is_dir()
    assert not (folder / ".tenantdb").exists()
