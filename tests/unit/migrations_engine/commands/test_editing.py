import json
import os
import stat
from pathlib import Path

import pytest

import migrations_engine as engine
from migrations_engine.commands import written

UNTIDY = '{"t": {"a":"INT", // the first\n "_renames": {"a": "b"}}}'
TIDY = '{\n  "t": {\n    "a": "INT", // the first\n    "_renames": {"a": "b"}\n  }\n}\n'


@pytest.fixture
def document(shell):
    path = Path("schema.json")
    path.write_text(UNTIDY)
    return path


def test_format_prints_the_canonical_layout(shell, document):
    assert shell("format", "schema.json") == TIDY
    assert shell.json("format", "schema.json") == {"changed": True, "text": TIDY}
    assert document.read_text() == UNTIDY
    assert engine.loads(TIDY).hash == engine.load(document).hash


def test_format_checks_and_writes(shell, document):
    assert shell("format", "schema.json", "--check") == "schema.json has another layout.\n"
    assert shell.code == 1
    assert shell.json("format", "schema.json", "--check") == {"changed": True}
    document.chmod(0o640)
    assert shell("format", "schema.json", "--write") == "schema.json is formatted.\n"
    assert (shell.code, document.read_text()) == (0, TIDY)
    assert stat.S_IMODE(document.stat().st_mode) == 0o640
    assert shell("format", "schema.json", "--check") == "schema.json has this layout already.\n"
    assert shell.code == 0
    assert shell("format", "schema.json", "--write") == "schema.json has this layout already.\n"


def test_format_writes_elsewhere(shell, document):
    shell("format", "schema.json", "-o", "tidy.json")
    assert (Path("tidy.json").read_text(), document.read_text()) == (TIDY, UNTIDY)


def test_a_link_stays_a_link(shell, document):
    Path("link.json").symlink_to(document)
    shell("format", "link.json", "--write")
    assert Path("link.json").is_symlink()
    assert document.read_text() == TIDY


@pytest.mark.parametrize(
    "words",
    [
        ["schema.json", "--write", "--check"],
        ["schema.json", "--write", "-o", "x"],
        ["-", "--write"],
        ["no.json"],
    ],
)
def test_wrong_use_of_format_changes_nothing(shell, document, words):
    shell("format", *words)
    assert (shell.code, document.read_text()) == (2, UNTIDY)
    assert "Traceback" not in shell.err


def test_a_document_with_faults_is_not_formatted(shell, document):
    document.write_text('{"t": {"a": "INT INT, b"}}')
    shell("format", "schema.json", "--write")
    assert (shell.code, document.read_text()) == (2, '{"t": {"a": "INT INT, b"}}')
    assert "line 1: t.a" in shell.err


def test_what_cannot_be_written_leaves_no_litter(shell, document, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device", "schema.json")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        written.write(document, TIDY)
    assert [path.name for path in Path().iterdir()] == ["schema.json"]
    assert document.read_text() == UNTIDY


def test_the_json_schema_is_printed_and_written(shell):
    printed = shell("json-schema")
    assert json.loads(printed)["title"] == "Schema document"
    shell("json-schema", "-o", "document.schema.json")
    assert Path("document.schema.json").read_text() == printed
    assert shell.json("json-schema") == json.loads(printed)
