"""What the tests of commands share: commands run in this process, in a folder of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from migrations_engine.commands import app
from migrations_engine.commands.running import Program


class Shell:
    """Runs commands; keeps the exit code and what went to standard error of the last one."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.code = 0
        self.err = ""

    def __call__(self, *words: str) -> str:
        self._capfd.readouterr()
        self.code = Program(name="schema", app=app).run(list(words))
        out, self.err = self._capfd.readouterr()
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def shell(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    return Shell(capfd)
