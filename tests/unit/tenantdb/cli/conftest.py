"""Runs command lines in this process, on a home of the test's own."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tenantdb import settings
from tenantdb.catalog import Catalog
from tenantdb.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Command(Protocol):
    """Runs a command line."""

    def __call__(self, *words: str, stdin: str = "") -> Said: ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with no home in it yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENANTDB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    settings.forget()
    yield tmp_path
    for catalog in Catalog.opened():
        catalog.close()
    settings.forget()


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs command lines where there is no home yet."""

    def execute(*words: str, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = run(words)
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return execute


@pytest.fixture
def tenantdb(command: Command, empty_home: Path, folder: Path) -> Command:
    """Runs command lines on a fleet that has one server and no tenant."""
    shutil.copytree(empty_home, folder / "home")
    assert command("init").code == 0
    return command
