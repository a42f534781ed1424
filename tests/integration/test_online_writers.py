"""Processes that know nothing of us, with another SQLite, write at full speed while their file is copied."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from migrations_engine import introspect, sqlite
from migrations_engine.online import capture, copy, mapping, remainder, replay, verify
from migrations_engine.online.link import linked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT COLLATE NOCASE UNIQUE,
    n INT NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX accounts_n ON accounts (n) WHERE n > 0;
CREATE TABLE lines (account INT REFERENCES accounts (id) ON DELETE CASCADE ON UPDATE CASCADE, n INT, text,
    PRIMARY KEY (account, n)) WITHOUT ROWID;
CREATE TABLE plain (k UNIQUE, v);
CREATE TRIGGER counted AFTER INSERT ON lines
    BEGIN INSERT OR REPLACE INTO plain VALUES (NEW.n % 7, NEW.text); END;
"""

WRITER = """
import random, sqlite3, sys
chance = random.Random(int(sys.argv[2]))
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
conn.execute("PRAGMA foreign_keys = ON")
conn.execute("PRAGMA synchronous = OFF")
STATEMENTS = [
    "INSERT OR REPLACE INTO accounts (email, n) VALUES ('user' || :a, :b)",
    "INSERT OR IGNORE INTO accounts (id, email) VALUES (:a, 'USER' || :b)",
    "UPDATE OR REPLACE accounts SET n = :b WHERE id % 50 = :a",
    "UPDATE OR IGNORE accounts SET id = id + :a WHERE id % 50 = :b",
    "DELETE FROM accounts WHERE id % 40 = :b AND id > 100",
    "REPLACE INTO lines SELECT id, :a % 5, 'text' || :b FROM accounts LIMIT 5",
    "INSERT INTO lines SELECT id, :a, :b FROM accounts WHERE true LIMIT 3"
    " ON CONFLICT DO UPDATE SET text = text || :b",
    "UPDATE OR REPLACE plain SET k = :a WHERE k = :b",
    "DELETE FROM plain WHERE k > 40",
]
while True:
    conn.execute("BEGIN IMMEDIATE")
    for _ in range(chance.randint(1, 4)):
        try:
            conn.execute(chance.choice(STATEMENTS), {"a": chance.randrange(50), "b": chance.randrange(50)})
        except sqlite3.IntegrityError:
            pass
    conn.execute("COMMIT")
"""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[apsw.Connection]:
    conn = sqlite.connect(tmp_path / "source.db", mode="rwc")
    conn.execute("PRAGMA journal_mode = WAL").fetchall()
    conn.execute(SCHEMA)
    yield conn
    conn.close()


@pytest.fixture
def writers(source: apsw.Connection) -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, source.filename, str(number)]) for number in range(3)
    ]
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_a_copy_of_a_file_that_three_other_processes_write_is_equal_under_the_lock(
    source: apsw.Connection, writers: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    schema = introspect(source)
    mappings = mapping.identities(schema)
    with sqlite.immediate(source, wait=30):
        capture.install(source, [each.source for each in mappings])
    path = tmp_path / "target.db"
    path.touch()
    watermark = copy.pages(source, path).watermark
    target = sqlite.connect(path)
    target.execute("PRAGMA synchronous = OFF")
    with sqlite.immediate(target):
        capture.remove(target)
        remainder.drop_user_triggers(target)
    reader = sqlite.connect(source.filename)
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        report = replay.drain(reader, target, mappings, after=watermark, admit=sqlite.immediate, batch=200)
        watermark = report.watermark
    proof = verify.full(reader, target, mappings, after=watermark, admit=sqlite.immediate, chunk=20)
    with linked(reader, target), sqlite.immediate(source, wait=30):
        last = verify.keys(reader, target, mappings, after=proof.watermark, admit=sqlite.immediate)
        remainder.carry_over(reader, target, mappings, admit=sqlite.immediate)
        assert remainder.differences(reader, target, mappings) == ()
        for table in schema.tables:
            everything = f'SELECT *, quote("{table.columns[0].name}") FROM "{table.name}" ORDER BY 1, 2'
            assert sqlite.rows(target, everything) == sqlite.rows(source, everything)
    assert all(process.poll() is None for process in writers)
    assert last.watermark > 100
    target.close()
    reader.close()
