from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tenantdb import overview
from tenantdb.cli import app

if TYPE_CHECKING:
    from tests.unit.tenantdb.cli.conftest import Command

HELP = """
import sys
from tenantdb.cli.app import run
code = run(["--help"])
heavy = ("sqlalchemy", "celery", "redis", "apsw", "pydantic", "alembic", "migrations_engine.changes.compare")
print(code, [name for name in heavy if name in sys.modules], file=sys.stderr)
"""


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert done.stderr == "0 []\n"
    for name, entry in app.ENTRIES.items():
        assert name in done.stdout
        assert entry.help.split()[0] in done.stdout


@pytest.mark.parametrize("name", app.ENTRIES)
def test_each_command_says_what_it_is_for(command: Command, name: str) -> None:
    said = command(name, "--help")
    assert said.code == 0
    assert f"Usage: tenantdb {name}" in said.out


def test_an_unknown_command_is_wrong_use(command: Command) -> None:
    said = command("frobnicate")
    assert said.code == 2
    assert "frobnicate" in said.err
    assert said.out == ""


def test_wrong_use_is_a_document_for_programs(command: Command) -> None:
    said = command("tenant", "show", "--json")
    assert said.code == 2
    assert said.document["error"]["type"] == "UsageError"
    assert "tenant" in said.document["error"]["message"]


@pytest.mark.parametrize(
    "words", [("status",), ("tenant", "list"), ("server", "list"), ("tenant", "show", "x")]
)
def test_without_a_home_the_absolute_folder_is_named(
    command: Command, folder: Path, words: tuple[str, ...]
) -> None:
    said = command(*words)
    assert (said.code, said.out) == (2, "")
    assert f"no tenantdb home at {folder}/home" in said.err
    assert "tenantdb init" in said.err
    assert command(*words, "--json").document["error"]["home"] == f"{folder}/home"
    assert not (folder / "home").exists()


def test_a_wrong_setting_is_one_sentence(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTDB_DURABILITY", "half")
    said = command("status")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "TENANTDB_DURABILITY" in said.err


def test_words_after_two_dashes_are_no_options_of_ours(tenantdb: Command) -> None:
    said = tenantdb("tenant", "show", "--", "--json")
    assert said.code == 2
    assert said.err == "Error: no tenant '--json'. List them with: tenantdb tenant list\n"


def test_ctrl_c_ends_without_a_traceback(tenantdb: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(overview, "look", interrupted)
    said = tenantdb("status")
    assert said.code == 130
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from tenantdb.cli import main; main()", "tenantdb.cli.program"),
        ("import runpy; runpy.run_module('migrations_engine', run_name='__main__')", "rich.console"),
    ],
)
def test_ctrl_c_while_modules_are_imported_ends_without_a_traceback(line: str, module: str) -> None:
    program = f"""
import sys

class Finder:
    def find_spec(name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder)
sys.argv = ["tenantdb", "schema", "check", "schema.json"]
{line}
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (130, "")


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    line = f"{sys.executable} -c 'from tenantdb.cli import main; main()' --help | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


def test_documents_are_the_only_thing_on_standard_output(tenantdb: Command) -> None:
    for words in (("init",), ("status",), ("server", "list"), ("tenant", "list"), ("tenant", "create", "a")):
        json.loads(tenantdb(*words, "--json").out)


def test_the_console_script_is_the_function_that_the_package_names() -> None:
    text = Path(inspect.getfile(app)).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8")
    assert 'tenantdb = "tenantdb.cli:main"' in text
