"""The schema commands: what they print for people and programs, and how they exit."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from migrations_engine.commands import app
from migrations_engine.commands.running import Program

A = {"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL", "zip": "TEXT"}}
B = {"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL", "zip": "INTEGER", "tag": "TEXT"}}


def outside(path, sql):
    """Run statements with the standard library's sqlite3, in a process of its own."""
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, path, sql], check=True)


class Shell:
    """Runs commands in this process, in a folder with two documents."""

    def __init__(self, capfd):
        self._capfd = capfd
        self.err = ""

    def __call__(self, *words):
        self._capfd.readouterr()
        self.code = Program(name="schema", app=app).run(list(words))
        self.out, self.err = self._capfd.readouterr()
        return self.out

    def json(self, *words):
        return json.loads(self(*words, "--json"))


@pytest.fixture
def shell(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(A))
    (tmp_path / "b.json").write_text(json.dumps(B))
    return Shell(capfd)


@pytest.fixture
def applied(shell):
    shell("apply", "a.json", "f.db")
    outside("f.db", "INSERT INTO Users VALUES (1, 'a@x', '007')")
    return shell


def test_hash_takes_a_document_and_a_file(applied):
    of_document = applied("hash", "a.json")
    assert len(of_document) == 65
    assert applied("hash", "f.db") == of_document
    assert applied.json("hash", "f.db") == {"hash": of_document.strip()}


def test_check_says_what_was_found_and_warns(shell, tmp_path):
    document = {
        **A,
        "C": {"p": "INT REFERENCES Gone(id)"},
        "D": {"x": "INT REFERENCES C(p)"},
        "_views": {"v": "CREATE VIEW v AS SELECT * FROM C"},
    }
    (tmp_path / "c.json").write_text(json.dumps(document))
    printed = shell("check", "c.json")
    assert "c.json is sound: 3 tables, 1 view" in printed
    warnings = shell.json("check", "c.json")["warnings"]
    assert [(w["rule"], w["object"]) for w in warnings] == [
        ("missing-parent", "C"),
        ("parent-key", "D"),
        ("positional", "v"),
    ]
    assert shell.code == 0


def test_every_fault_of_a_document_is_in_the_error(shell, tmp_path):
    (tmp_path / "bad.json").write_text('{\n"T": {\n"a": "TEXT NOT NUL",\n"b": "INT, c INT"}}')
    shell("check", "bad.json")
    assert (shell.code, shell.out) == (2, "")
    assert "line 3: T.a" in shell.err
    assert "line 4: T.b" in shell.err
    error = shell.json("check", "bad.json")["error"]
    assert error["type"] == "SchemaError"
    assert [(f["line"], f["table"], f["column"]) for f in error["faults"]] == [(3, "T", "a"), (4, "T", "b")]
    assert (shell.code, shell.err) == (2, "")


def test_a_document_comes_from_standard_input(tmp_path):
    command = [sys.executable, "-m", "migrations_engine", "apply", "-", str(tmp_path / "f.db"), "--json"]
    done = subprocess.run(command, input=json.dumps(A), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["changed"] is True


def test_diff_exits_0_unless_it_is_asked(applied):
    assert "change column Users.zip: type TEXT becomes INTEGER  (destroys: values" in applied(
        "diff", "f.db", "b.json"
    )
    assert applied.code == 0
    applied("diff", "f.db", "b.json", "--exit-code")
    assert applied.code == 1
    assert applied("diff", "f.db", "a.json", "--exit-code") == "No difference.\n"
    assert applied.code == 0


def test_diff_for_programs(applied):
    found = applied.json("diff", "a.json", "b.json")
    assert (found["same"], found["destructive"]) == (False, True)
    assert [step["kind"] for step in found["steps"]] == ["change-column", "add-column"]


def test_plan_shows_way_and_cost_and_changes_nothing(applied, tmp_path):
    before = (tmp_path / "f.db").read_bytes()
    assert "predicted pause" in applied("plan", "b.json", "f.db")
    found = applied.json("plan", "b.json", "f.db")
    assert (found["strategy"], found["rows"], found["way_back"]) == ("rebuild", 1, "lossy")
    assert [(s["table"], s["way"], s["risk"], s["way_back"]) for s in found["steps"]] == [
        ("Users", "rebuild", "destructive", "lossless"),
        ("Users", "rebuild", "safe", "lossy"),
    ]
    assert [(c["rule"], c["object"], c["refuses"], c["allow"]) for c in found["concerns"]] == [
        ("narrow-type", "Users.zip", True, "narrow-type:Users.zip"),
    ]
    assert found["tables"][0]["reason"].startswith("change column Users.zip")
    assert (tmp_path / "f.db").read_bytes() == before


def test_a_dry_run_is_the_plan_and_changes_nothing(applied, tmp_path):
    before = (tmp_path / "f.db").read_bytes()
    assert applied("apply", "b.json", "f.db", "--dry-run") == applied("plan", "b.json", "f.db")
    assert applied.json("apply", "b.json", "f.db", "--dry-run") == applied.json("plan", "b.json", "f.db")
    assert applied.code == 0
    assert (tmp_path / "f.db").read_bytes() == before
    applied("apply", "b.json", "none.db", "--dry-run")
    assert not (tmp_path / "none.db").exists()


def test_a_plan_shows_the_leave_that_it_takes_until_it_is_given(applied):
    assert "      --allow narrow-type:Users.zip\n" in applied("plan", "b.json", "f.db")
    assert "--allow" not in applied("plan", "b.json", "f.db", "--allow", "narrow-type:users.ZIP")
    assert "--allow" not in applied("apply", "b.json", "f.db", "--dry-run", "--allow-destructive")
    applied("plan", "b.json", "f.db", "--allow", "narrow-typ:Users.zip")
    assert applied.code == 2


@pytest.mark.parametrize("columns", [80, 120])
def test_a_plan_fits_the_terminal_and_is_whole(applied, tmp_path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    long = "an_email_address_with_a_long_name"
    rules = f"TEXT NOT NULL UNIQUE CHECK ({long} <> '' AND {long} LIKE '%@%')"
    (tmp_path / "n.json").write_text(json.dumps({"Users": {"id": "INTEGER PRIMARY KEY", long: rules}}))
    printed = applied("plan", "n.json", "f.db")
    assert max(map(len, printed.splitlines())) <= columns
    words = " ".join(printed.split())
    for step in applied.json("plan", "n.json", "f.db")["steps"]:
        assert f"{step['text']} {step['risk']}" in words


def test_apply_and_rollback_for_programs(applied):
    done = applied.json("apply", "b.json", "f.db", "--allow-destructive")
    assert (done["changed"], done["strategy"], done["rows"], done["version"]) == (True, "rebuild", 1, 2)
    assert applied.json("apply", "b.json", "f.db")["changed"] is False
    assert applied.json("rollback", "f.db")["left_out"] == []
    history = applied.json("history", "f.db")
    assert [(v["version"], v["strategy"], v["way_back"]) for v in history] == [
        (1, "in-place", "none"),
        (2, "rebuild", "used"),
        (3, "rollback", "used"),
    ]


def test_apply_takes_leave_for_exactly_one_loss(applied):
    assert applied.json("apply", "b.json", "f.db")["error"]["allow"] == ["narrow-type:Users.zip"]
    assert applied.code == 3
    assert applied.json("apply", "b.json", "f.db", "--allow", "narrow-type:Users.zip")["changed"] is True


def test_rehearse_names_rows_for_people_and_programs(applied, tmp_path):
    document = {"Users": {**B["Users"], "email": "TEXT NOT NULL CHECK (email = 'b')"}}
    (tmp_path / "n.json").write_text(json.dumps(document))
    printed = applied("rehearse", "n.json", "f.db")
    assert applied.code == 1
    assert "f.db does not fit schema" in printed
    assert "Users: CHECK (email = 'b'): 1 row\n" in printed
    assert "1    'a@x'" in printed
    assert "Users: TYPE (zip): 1 row to rewrite (leave: --allow narrow-type:Users.zip)" in printed
    found = applied.json("rehearse", "n.json", "f.db")
    assert applied.code == 1
    assert (found["fits"], found["from"]) == (False, applied("hash", "f.db").strip())
    assert [(f["table"], f["rule"], f["fits"], f["count"], f["rows"]) for f in found["found"]] == [
        ("Users", "CHECK (email = 'b')", False, 1, [{"key": 1, "values": {"email": "a@x"}}]),
        ("Users", "TYPE (zip)", True, 1, [{"key": 1, "values": {"before": "007", "after": 7}}]),
    ]


def test_rehearse_exits_0_where_all_rows_fit(applied):
    assert "no row would be refused" in applied("rehearse", "b.json", "f.db")
    assert applied.code == 0
    assert applied.json("rehearse", "a.json", "f.db")["found"] == []
    assert applied.json("rehearse", "a.json", "nothing.db")["fits"] is True


def test_apply_and_rollback_for_people(applied):
    assert "1 row copied, writers waited" in applied("apply", "b.json", "f.db", "--allow-destructive")
    assert "kept" in applied("history", "f.db")
    assert "is back at schema" in applied("rollback", "f.db")
    assert "keeps nothing" in applied("cleanup", "f.db")


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["apply", "b.json", "f.db"], 3, "DestructiveChange"),
        (["apply", "b.json", "f.db", "--allow", "drop-column:Users.zip"], 3, "DestructiveChange"),
        (["apply", "b.json", "f.db", "--allow", "Users.zip"], 2, "WrongLeave"),
        (["apply", "b.json", "f.db", "--allow-destructive", "--max-pause", "0"], 3, "PauseTooLong"),
        (["apply", "n.json", "f.db"], 1, "DataDoesNotFit"),
        (["apply", "b.json", "f.db", "--strategy", "in-place", "--allow-destructive"], 2, "Unsupported"),
        (["apply", "nothing.json", "f.db"], 2, "FileNotFoundError"),
        (["apply", "a.json", "a.json.db/f.db"], 2, "FileNotFoundError"),
        (["rollback", "f.db"], 2, "NoWayBack"),
        (["rollback", "nothing.db"], 2, "FileNotFoundError"),
        (["hash", "nothing.db"], 2, "FileNotFoundError"),
        (["ddl", "a.json", "--dialect", "oracle"], 2, "UnknownDialect"),
        (["ddl", "a.json", "--omit", "view:v"], 2, "UnknownObject"),
        (["ddl", "n.json", "--dialect", "postgresql"], 2, "NotTranslatable"),
        (["apply", "a.json"], 2, "UsageError"),
        (["apply", "a.json", "f.db", "--strategy", "fast"], 2, "UsageError"),
    ],
)
def test_failures_have_their_exit_code_and_document(applied, tmp_path, words, code, kind):
    strict = {
        "Users": {**A["Users"], "email": "TEXT NOT NULL CHECK (email = 'b' AND typeof(email) = 'text')"}
    }
    (tmp_path / "n.json").write_text(json.dumps(strict))
    assert applied.json(*words)["error"]["type"] == kind
    assert applied.code == code
    applied(*words)
    assert (applied.code, applied.out) == (code, "")
    assert applied.err
    assert "Traceback" not in applied.err


def test_losses_of_a_rollback_are_listed_and_need_leave(applied):
    applied("apply", "b.json", "f.db", "--allow-destructive")
    outside("f.db", "UPDATE Users SET tag = 'x'")
    assert applied.json("rollback", "f.db")["error"]["losses"] == [
        "Users.tag: 1 row with values that the older schema cannot hold (keys 1)"
    ]
    assert applied.code == 3
    assert "Left out: Users.tag" in applied("rollback", "f.db", "--discard-since")


def test_import_writes_a_document_that_makes_the_same_file(applied, tmp_path):
    outside("f.db", "CREATE VIEW v AS SELECT email FROM Users")
    assert applied("import", "f.db", "-o", "c.json") == ""
    assert "carried as text: view v" in applied.err
    assert applied("hash", "c.json") == applied("hash", "f.db")
    assert json.loads(applied("import", "f.db"))["Users"]["zip"] == "TEXT"
    assert applied.json("import", "f.db")["carried_as_text"] == ["view v"]


def test_ddl_is_what_sqlite_takes(shell):
    written = shell("ddl", "b.json")
    outside("made.db", written)
    assert shell("hash", "made.db") == shell("hash", "b.json")


def test_cleanup_says_whether_it_dropped_anything(applied):
    applied("apply", "b.json", "f.db", "--allow-destructive")
    assert applied.json("cleanup", "f.db") == {"dropped": True}
    assert applied.json("cleanup", "f.db") == {"dropped": False}


def test_help_names_what_there_is_and_imports_no_more_than_it_needs():
    code = (
        "import sys; from migrations_engine.commands import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: print(sorted({'sqlalchemy', 'celery', 'sqlglot', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "rollback" in done.stdout
    assert "rehearse" in done.stdout


def test_tables_fit_a_terminal_of_80_columns(applied):
    applied("apply", "b.json", "f.db", "--allow-destructive")
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "migrations_engine", "history", "f.db"]
    subprocess.run(command, stdout=writer, env={**os.environ, "COLUMNS": "80"}, check=True)
    os.close(writer)
    printed = os.read(reader, 65536).decode()
    os.close(reader)
    assert max(len(line) for line in re.sub("\x1b\\[[0-9;]*m", "", printed).splitlines()) <= 80
