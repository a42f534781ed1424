from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tenantdb import settings
from tenantdb.cli import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.tenantdb.cli.conftest import Command


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    yield
    for name in logs.LOGGERS:
        logging.getLogger(name).removeHandler(logs._lines())
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_by_default_a_command_that_goes_well_logs_nothing(tenantdb: Command) -> None:
    assert tenantdb("tenant", "create", "acme").err == ""


def test_what_is_logged_goes_to_standard_error_with_ids_as_fields(
    tenantdb: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTDB_LOG", "info")
    settings.forget()
    said = tenantdb("tenant", "create", "acme", "--json")
    assert said.document["id"] == "acme"
    assert "INFO workers: create of tenant 'acme' is done event=operation.done operation=" in said.err


def test_a_record_is_one_line_however_often_logging_was_set_up(
    tenantdb: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        tenantdb("status")
    capsys.readouterr()
    logging.getLogger("tenantdb.handles.handle").warning("slow", extra={"tenant": "acme"})
    assert capsys.readouterr().err == "WARNING tenantdb.handles.handle: slow tenant=acme\n"


def test_commands_about_one_file_read_no_settings(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTDB_LOG", "loud")
    settings.forget()
    assert command("schema", "--help").code == 0
    assert command("status").code == 2
