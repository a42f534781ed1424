from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tenantdb.cli.conftest import Command


def test_a_server_is_a_folder_that_is_made(tenantdb: Command, folder: Path) -> None:
    said = tenantdb("server", "add", "eu", "file:srv/eu", "--region", "eu", "--tier", "gold")
    assert said.code == 0
    assert f"Added server 'eu': {folder}/srv/eu" in said.out
    assert (folder / "srv/eu").is_dir()


def test_servers_are_listed_with_what_they_hold(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "eu", f"file:{folder}/eu", "--region", "eu", "--weight", "3", "--capacity", "5")
    tenantdb("tenant", "create", "acme", "--server", "eu")
    listed = tenantdb("server", "list", "--json").document
    assert [server["id"] for server in listed] == ["eu", "local"]
    assert listed[0] == {
        "id": "eu",
        "url": f"file://{folder}/eu",
        "state": "active",
        "region": "eu",
        "tier": None,
        "weight": 3,
        "capacity": 5,
        "tenants": 1,
    }
    assert tenantdb("server", "show", "eu", "--json").document["free"] > 0


def test_the_table_fits_into_80_columns(tenantdb: Command, folder: Path) -> None:
    tenantdb(
        "server", "add", "a-rather-long-server-name", f"file:{folder}/{'deep/' * 20}", "--region", "eu-west-1"
    )
    lines = tenantdb("server", "list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "deep" in "".join(lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eu", "ssh://user@host/srv"), "not in this version"),
        (("eu", "/srv/eu"), "use file:/path"),
        (("local", "file:other"), "exists already"),
        (("a/b", "file:other"), "1 to 32 ASCII letters"),
        (("eu", "file:home/servers/local"), "overlaps with the folder of server 'local'"),
    ],
)
def test_what_can_be_no_server_is_refused(tenantdb: Command, words: tuple[str, str], said: str) -> None:
    done = tenantdb("server", "add", *words)
    assert done.code == 2
    assert said in done.err
    assert len(tenantdb("server", "list", "--json").document) == 1


def test_a_refused_folder_is_no_server_afterwards(tenantdb: Command) -> None:
    assert tenantdb("server", "add", "eu", "file:/proc/self/eu").code == 2
    assert tenantdb("server", "show", "eu").code == 2


def test_an_unknown_server_is_not_found(tenantdb: Command) -> None:
    said = tenantdb("server", "show", "eu", "--json")
    assert said.code == 2
    assert said.document["error"]["type"] == "ServerNotFound"
