from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import migrations_engine as engine
from migrations_engine import extensions, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTIONS = """
def register(conn):
    conn.create_scalar_function("twice", lambda x: None if x is None else 2 * x, 1, deterministic=True)
    conn.create_collation("backwards", lambda a, b: (a < b) - (a > b))
"""

DOCUMENT = {
    "t": {
        "id": "INTEGER PRIMARY KEY",
        "n": "INTEGER CHECK (twice(n) < 100)",
        "double": "INTEGER GENERATED ALWAYS AS (twice(n)) STORED",
        "name": "TEXT COLLATE backwards",
        "_indexes": [{"columns": ["twice(n)"], "name": "by_twice"}, "name"],
        "_unique_constraints": [["name"]],
    }
}


def document(**columns: str) -> str:
    return json.dumps({"t": {**DOCUMENT["t"], **columns}})


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "functions_of_the_engine.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TENANTDB_EXTENSIONS", "functions_of_the_engine:register")
    yield
    extensions._found.cache_clear()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    conn = sqlite.connect(path)
    try:
        return sqlite.rows(conn, sql)
    finally:
        conn.close()


@pytest.mark.usefixtures("named")
def test_a_schema_that_uses_the_applications_functions_is_applied_and_read_back(tmp_path: Path) -> None:
    schema = engine.loads(document())
    engine.apply(schema, tmp_path / "a.db")
    assert engine.introspect(tmp_path / "a.db").hash == schema.hash
    rows(tmp_path / "a.db", "INSERT INTO t (n, name) VALUES (4, 'a'), (5, 'b')")
    assert rows(tmp_path / "a.db", "SELECT double FROM t ORDER BY name") == [(10,), (8,)]


@pytest.mark.usefixtures("named")
def test_a_rebuild_evaluates_them_for_each_row(tmp_path: Path) -> None:
    engine.apply(engine.loads(document()), tmp_path / "a.db")
    rows(tmp_path / "a.db", "INSERT INTO t (n, name) VALUES (4, 'a'), (49, 'b')")
    narrower = engine.loads(document(n="INTEGER NOT NULL CHECK (twice(n) < 50)"))
    with pytest.raises(engine.DataDoesNotFit, match=r"CHECK \(twice\(n\) < 50\): 1 row \(keys 2\)"):
        engine.apply(narrower, tmp_path / "a.db")
    wider = engine.loads(document(n="INTEGER NOT NULL CHECK (twice(n) < 200)"))
    assert engine.apply(wider, tmp_path / "a.db").strategy == "rebuild"
    assert rows(tmp_path / "a.db", "SELECT n, double FROM t ORDER BY id") == [(4, 8), (49, 98)]


def test_without_them_the_fault_says_how_to_name_them() -> None:
    with pytest.raises(engine.SchemaError, match=r"no such function: twice; .* in TENANTDB_EXTENSIONS"):
        engine.loads(document())


@pytest.mark.usefixtures("named")
def test_a_file_that_uses_them_is_read_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = engine.loads(document())
    engine.apply(schema, tmp_path / "a.db")
    monkeypatch.delenv("TENANTDB_EXTENSIONS")
    assert engine.introspect(tmp_path / "a.db").hash == schema.hash


@pytest.mark.parametrize(
    ("named_as", "reason"),
    [
        ("no_such_module:register", "No module named 'no_such_module'"),
        ("json:no_such_function", "no attribute 'no_such_function'"),
        ("json", "not of the form package:function"),
    ],
)
def test_an_extension_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named_as: str, reason: str
) -> None:
    monkeypatch.setenv("TENANTDB_EXTENSIONS", named_as)
    with pytest.raises(engine.UnknownExtension, match=reason) as caught:
        engine.apply(engine.loads('{"t": {"a": "TEXT"}}'), tmp_path / "a.db")
    assert caught.value.name == named_as
    assert not (tmp_path / "a.db").exists()


def test_the_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    extensions.use_by_default(lambda: ["json:loads"])
    try:
        assert extensions.in_use() == ("json:loads",)
        monkeypatch.setenv("TENANTDB_EXTENSIONS", "a.b:c, d:e,")
        assert extensions.in_use() == ("a.b:c", "d:e")
    finally:
        extensions.use_by_default(tuple)
