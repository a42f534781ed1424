"""Schemas that real applications could have had, step by step: each step on a filled file, and back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

import migrations_engine as engine

HISTORIES = Path(__file__).parent.parent / "data" / "histories"
STEPS = [
    (before, after)
    for folder in sorted(HISTORIES.iterdir())
    for before, after in zip(sorted(folder.iterdir()), sorted(folder.iterdir())[1:], strict=False)
]


def built(path: Path, sql: Path) -> Path:
    with closing(apsw.Connection(str(path))) as conn:
        conn.pragma("journal_mode", "wal")
        conn.execute(sql.read_text())
    return path


def fill(path: Path) -> None:
    """A few rows in every table, parents first; a gap, and a counter that runs ahead."""
    with closing(apsw.Connection(str(path))) as conn:
        for table in engine.introspect(conn).tables:
            columns = [c for c in table.columns if c.generated is None]
            names = ", ".join(f'"{c.name}"' for c in columns)
            for number in range(1, 8):
                values = [number if c.name != "email" else f"user{number}@example.org" for c in columns]
                marks = ", ".join("?" * len(columns))
                conn.execute(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', values)
            if not table.without_rowid:
                conn.execute(f'DELETE FROM "{table.name}" WHERE rowid IN (3, 7)')


def contents(path: Path) -> dict[str, object]:
    schema = engine.introspect(path)
    with closing(apsw.Connection(str(path))) as conn:
        rows = {
            table.name: conn.execute(
                f'SELECT {"" if table.without_rowid else "rowid, "}* FROM "{table.name}" ORDER BY 1'
            ).fetchall()
            for table in schema.tables
        }
    return {"schema": schema.hash, "rows": rows}


@pytest.mark.parametrize("sql", sorted(HISTORIES.rglob("*.sql")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_schema_survives_the_round_trip(sql, tmp_path):
    found = engine.introspect(built(tmp_path / "given.db", sql))
    engine.apply(engine.loads(found.to_json()), tmp_path / "made.db")
    assert engine.introspect(tmp_path / "made.db").hash == found.hash


@pytest.mark.parametrize(("before", "after"), STEPS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_step_of_a_history_keeps_all_rows_and_can_be_taken_back(before, after, tmp_path):
    file = built(tmp_path / "file.db", before)
    fill(file)
    wanted = engine.introspect(built(tmp_path / "wanted.db", after))
    old = contents(file)
    engine.apply(wanted, file, allow_destructive=True)
    new = contents(file)
    assert new["schema"] == wanted.hash
    for table, rows in new["rows"].items():
        assert len(rows) == len(old["rows"].get(table, ()))
    engine.rollback(file)
    assert contents(file) == old
