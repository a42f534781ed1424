from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import apsw
import pytest

from tenantdb import get_tenant_db

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.tenantdb.cli.conftest import Command


@pytest.fixture
def acme(tenantdb: Command, folder: Path) -> Command:
    """Runs ``tenant shell acme`` with the words that follow."""
    conn = apsw.Connection(str(folder / "old.db"))
    conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'one'), (2, x'00ff')")
    conn.close()
    assert tenantdb("tenant", "adopt", "old.db", "--id", "acme").code == 0
    return lambda *words, stdin="": tenantdb("tenant", "shell", "acme", *words, stdin=stdin)


def test_an_argument_is_run(acme: Command) -> None:
    assert acme("SELECT v FROM t WHERE id = 1").out == "one\n"
    assert acme("--", "SELECT v FROM t WHERE id = 1").out == "one\n"


def test_statements_come_from_standard_input_too(acme: Command) -> None:
    assert acme(stdin="SELECT v FROM t WHERE id = 1;\nSELECT 2;\n").out == "one\n2\n"
    assert acme(stdin="SELECT v FROM t\nWHERE id = 1").out == "one\n"
    assert acme(stdin="").out == ""


def test_rows_are_a_document_for_programs(acme: Command) -> None:
    assert acme("SELECT * FROM t", "--json").document == [{"id": 1, "v": "one"}, {"id": 2, "v": "00ff"}]
    assert acme("--json", stdin="SELECT 1 AS a; SELECT 2 AS b").document == [{"a": 1}, {"b": 2}]
    assert acme("--json", "SELECT 1 WHERE 0").document == []


@pytest.mark.parametrize("words", [("DELETE FROM t",), ("DELETE FROM t", "--json"), ()])
def test_without_write_nothing_is_changed(acme: Command, words: tuple[str, ...]) -> None:
    said = acme(*words, stdin="DELETE FROM t;")
    assert said.code == 1
    assert "start it with --write" in said.err + said.out
    assert get_tenant_db("acme").query("SELECT count(*) FROM t") == [(2,)]


def test_with_write_each_statement_is_committed(acme: Command) -> None:
    assert acme("--write", "INSERT INTO t VALUES (3, 'three'); DELETE FROM t WHERE id = 1").code == 0
    assert get_tenant_db("acme").query("SELECT id FROM t") == [(2,), (3,)]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x(y)",
        "DROP TABLE t",
        "ATTACH 'other.db' AS o",
        "VACUUM INTO 'other.db'",
        "PRAGMA journal_mode = delete",
        "PRAGMA writable_schema = on",
        "UPDATE _tenantdb_control SET state = 'born'",
        "SELECT load_extension('x')",
    ],
)
def test_what_an_application_may_not_a_shell_may_not(acme: Command, folder: Path, sql: str) -> None:
    said = acme("--write", sql)
    assert said.code == 1
    assert said.err.startswith("Error: ")
    assert "Traceback" not in said.err
    assert not (folder / "other.db").exists()


@pytest.mark.parametrize(
    "line",
    [".open other.db", ".restore old.db", ".load x", ".shell touch other.db", ".py 1", ".import old.db t"],
)
def test_commands_that_reach_past_the_file_are_not_there(acme: Command, folder: Path, line: str) -> None:
    said = acme("--write", stdin=line + "\n")
    assert said.code == 1
    assert "not part of a tenant's shell" in said.err
    assert not (folder / "other.db").exists()


def test_commands_that_look_work(acme: Command) -> None:
    assert "t" in acme(stdin=".tables\n").out.split()


def test_a_wrong_statement_is_one_sentence(acme: Command) -> None:
    said = acme("SELECT nowhere FROM t")
    assert (said.code, said.out) == (1, "")
    assert said.err == "Error: no such column: nowhere\n"


def test_a_file_that_names_another_tenant_is_not_opened(tenantdb: Command, acme: Command) -> None:
    path = tenantdb("tenant", "path", "acme").out.strip()
    apsw.Connection(path).execute("UPDATE _tenantdb_control SET tenant = 'other'")
    said = acme("SELECT 1")
    assert said.code == 1
    assert "its control row names another" in said.err


def test_a_person_is_asked_for_statements_and_told_of_mistakes(tenantdb: Command, acme: Command) -> None:
    del acme
    master, slave = pty.openpty()
    code = "from tenantdb.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "tenant", "shell", "acme"], stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    os.write(master, b"SELECT v FROM t WHERE id = 1;\nDELETE FROM t;\nSELECT 1 + 1 AS two;\n.quit\n")
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while block := os.read(master, 4096):
            said += block
    os.close(master)
    assert process.wait() == 0
    text = said.decode()
    assert "Note: this shell only reads; start it with --write." in text
    assert "one" in text
    assert "two" in text
    assert "Traceback" not in text
    assert get_tenant_db("acme").query("SELECT count(*) FROM t") == [(2,)]
