"""What the engine's tests share: schemas from plain dicts, and one database file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import apsw
import pytest

import migrations_engine as engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migrations_engine import Schema


class Database:
    """A file, with one connection that stays open all the while, as an application's would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._conn: apsw.Connection | None = None

    @property
    def conn(self) -> apsw.Connection:
        if self._conn is None:
            self._conn = apsw.Connection(str(self.path))
        return self._conn

    def run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.conn.execute(sql, values or None).fetchall()

    def apply(self, document: dict[str, Any], **options: Any) -> engine.Result:
        return engine.apply(schema_of(document), self.path, **options)

    @property
    def hash(self) -> str:
        return engine.introspect(self.path).hash

    def picture(self) -> dict[str, Any]:
        """Everything that a change must keep or restore: structure, rows with rowids and types, counters."""
        schema = engine.introspect(self.path)
        header = ("user_version", "application_id", "page_size", "encoding")
        return {
            "schema": schema.hash,
            "rows": {table.name: self.rows(table.name) for table in schema.tables},
            "counters": self.counters(),
            "header": [self.run(f"PRAGMA {name}")[0][0] for name in header],
        }

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """The rows of a table in the order of their keys, each value with its storage class."""
        info = self.run(f"SELECT name FROM pragma_table_xinfo('{table}') ORDER BY name")
        names = [f'"{name}"' for (name,) in info]
        without_rowid = self.run(f"SELECT wr FROM pragma_table_list('{table}')")[0][0]
        key = [] if without_rowid else ["rowid"]
        shown = ", ".join([*key, *(f"{part}" for name in names for part in (name, f"typeof({name})"))])
        return self.run(f'SELECT {shown} FROM "{table}" ORDER BY 1, 2')

    def counters(self) -> dict[str, int]:
        if not self.run("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
            return {}
        return {
            n: s
            for n, s in self.run("SELECT name, seq FROM sqlite_sequence")
            if not n.startswith("_tenantdb")
        }

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()


def schema_of(document: dict[str, Any]) -> Schema:
    return engine.loads(json.dumps(document))


@pytest.fixture
def schema() -> Callable[[dict[str, Any]], Schema]:
    """Makes a schema of a document that is given as a dict."""
    return schema_of


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A database file that is not there yet."""
    made = Database(tmp_path / "lone.db")
    yield made
    made.close()
