"""A fleet whose schema uses functions and collations that only the application has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = """
def register(conn):
    conn.create_scalar_function("twice", lambda x: None if x is None else 2 * x, 1, deterministic=True)
    conn.create_collation("backwards", lambda a, b: (a < b) - (a > b))
"""

TABLE = {
    "id": "INTEGER PRIMARY KEY",
    "n": "INTEGER CHECK (twice(n) < 100)",
    "double": "INTEGER GENERATED ALWAYS AS (twice(n)) STORED",
    "name": "TEXT COLLATE backwards",
    "_indexes": [{"columns": ["twice(n)"], "name": "by_twice", "unique": True}],
    "_unique_constraints": [["name"]],
}

WRITES = """
from tenantdb import get_tenant_db
db = get_tenant_db("acme")
db.execute("INSERT INTO t (n, name) VALUES (4, 'a'), (5, 'b')")
print(db.query("SELECT double FROM t ORDER BY name"))
try:
    db.execute("INSERT INTO t (n, name) VALUES (70, 'c')")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.fixture
def application(tmp_path, monkeypatch):
    """The working folder, with the application's module in it, named in tenantdb.toml."""
    (tmp_path / "our_functions.py").write_text(FUNCTIONS)
    (tmp_path / "schema.json").write_text(json.dumps({"t": TABLE}))
    wider = {**TABLE, "n": "INTEGER NOT NULL CHECK (twice(n) < 200)"}
    (tmp_path / "wider.json").write_text(json.dumps({"t": wider}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENANTDB_HOME", raising=False)
    (tmp_path / "tenantdb.toml").write_text('extensions = ["our_functions:register"]\n')
    return tmp_path


def tenantdb(*words, code=0):
    command = Path(sys.executable).with_name("tenantdb")
    return said(command, *words, code=code)


def said(*words, code=0):
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, env=os.environ)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_a_fleet_is_made_written_moved_and_changed_with_the_applications_functions(application):
    tenantdb("init", "--schema", "schema.json")
    for server in ("near", "far"):
        tenantdb("server", "add", server, f"file:{application}/{server}")
    tenantdb("tenant", "create", "acme", "--server", "near")
    assert said(sys.executable, "-c", WRITES).split("\n")[:2] == ["[(10,), (8,)]", "IntegrityError"]
    tenantdb("tenant", "move", "acme", "--to", "far")
    tenantdb("rollout", "start", "wider.json")
    shown = said(sys.executable, "-c", WRITES.replace("(4, 'a'), (5, 'b')", "(9, 'd')"))
    assert shown.split("\n")[0] == "[(18,), (10,), (8,)]"
    tenantdb("doctor")


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("source", ["environment", "file"])
def test_the_schema_commands_know_them(monkeypatch, source):
    if source == "environment":
        Path("tenantdb.toml").unlink()
        monkeypatch.setenv("TENANTDB_EXTENSIONS", "our_functions:register")
    tenantdb("schema", "apply", "schema.json", "one.db")
    assert tenantdb("schema", "hash", "one.db") == tenantdb("schema", "hash", "schema.json")
