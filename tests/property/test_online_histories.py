"""Whatever is written while a file is copied: at the end the copy is equal to it, row by row.

Each history is made from its number alone. TENANTDB_HISTORIES sets how many run (the default takes seconds),
TENANTDB_FIRST_HISTORY where to begin, to see one again.
"""

from __future__ import annotations

import contextlib
import os
import random
from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import introspect, loads, sqlite
from migrations_engine.changes.carry import rowid_column
from migrations_engine.errors import DataDoesNotFit, Unsupported
from migrations_engine.execution import execute, fresh
from migrations_engine.execution.compiling import compiled
from migrations_engine.model import quote
from migrations_engine.online import capture, copy, mapping, remainder, replay, verify
from migrations_engine.online.shape import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.shape import TableShape
    from migrations_engine.planning.plan import Plan
    from migrations_engine.schema import Schema

COUNT = int(os.environ.get("TENANTDB_HISTORIES", "48"))
FIRST = int(os.environ.get("TENANTDB_FIRST_HISTORY", "0"))
PIECES = 8

SCHEMA = """
CREATE TABLE plain (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INT, c REAL);
CREATE UNIQUE INDEX plain_bc ON plain (b, c);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a COLLATE NOCASE UNIQUE, b);
CREATE TABLE texts (code TEXT PRIMARY KEY, a, b UNIQUE);
CREATE TABLE bare (a, b);
CREATE TABLE "Odd "" table" (rowid TEXT, "select" INT UNIQUE, "b'" TEXT, UNIQUE (rowid, "b'"));
CREATE TABLE pairs (a TEXT COLLATE NOCASE, b INT, c, PRIMARY KEY (a, b), UNIQUE (c)) WITHOUT ROWID;
CREATE TABLE folded (a TEXT, b, c INT UNIQUE, PRIMARY KEY (a COLLATE NOCASE, b DESC)) WITHOUT ROWID;
CREATE TABLE strict_any (a ANY PRIMARY KEY, b TEXT, c INT UNIQUE) STRICT, WITHOUT ROWID;
CREATE TABLE computed (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'b', b INT NOT NULL DEFAULT 3,
    low AS (lower(a)) UNIQUE, twice INT AS (b * 2) STORED, joined AS (low || twice));
CREATE UNIQUE INDEX computed_joined ON computed (joined);
CREATE TABLE indexed (id INTEGER PRIMARY KEY, a TEXT, b INT NOT NULL DEFAULT 2, c);
CREATE UNIQUE INDEX indexed_a ON indexed (lower(a)) WHERE b > 1;
CREATE UNIQUE INDEX indexed_b ON indexed (b = '2', c COLLATE NOCASE) WHERE c IS NOT NULL;
CREATE TABLE replacing (a UNIQUE ON CONFLICT REPLACE, b NOT NULL ON CONFLICT REPLACE DEFAULT 1, c,
    UNIQUE (b, c) ON CONFLICT REPLACE);
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY,
    parent INT REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE,
    name TEXT UNIQUE REFERENCES parent (name) ON DELETE SET NULL ON UPDATE SET NULL);
CREATE TABLE tree (id INTEGER PRIMARY KEY,
    up INT REFERENCES tree (id) ON DELETE CASCADE ON UPDATE CASCADE, a UNIQUE);
CREATE TABLE watched (id INTEGER PRIMARY KEY, a UNIQUE, b);
CREATE TABLE seen (a UNIQUE, n);
CREATE TRIGGER watched_i AFTER INSERT ON watched
    BEGIN INSERT OR REPLACE INTO seen VALUES (NEW.a, NEW.id); END;
CREATE TRIGGER watched_b BEFORE UPDATE ON watched BEGIN DELETE FROM seen WHERE a = OLD.a; END;
CREATE TRIGGER watched_d AFTER DELETE ON watched BEGIN UPDATE seen SET n = NULL WHERE a IS OLD.a; END;
CREATE TRIGGER watched_s AFTER INSERT ON watched WHEN NEW.b = 3 BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER watched_t AFTER UPDATE ON watched WHEN NEW.b = 2 BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER watched_u AFTER DELETE ON watched WHEN OLD.b = 1 BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER seen_b BEFORE INSERT ON seen WHEN NEW.n > 3
    BEGIN UPDATE watched SET b = 0 WHERE id = NEW.n; END;
"""

BEFORE = """
CREATE TABLE same (id INTEGER PRIMARY KEY, a UNIQUE, b);
CREATE TABLE old_name (id INTEGER PRIMARY KEY, a TEXT UNIQUE, gone, b INT);
CREATE TABLE retyped (a TEXT, b, c REAL);
CREATE TABLE swapped (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INT UNIQUE);
CREATE TABLE pairs (a TEXT, b INT NOT NULL, c UNIQUE, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE keyed (a TEXT NOT NULL PRIMARY KEY, b UNIQUE);
CREATE TABLE tree (id INTEGER PRIMARY KEY, up INT REFERENCES tree (id) ON DELETE CASCADE, a UNIQUE);
CREATE TABLE dropped (a UNIQUE);
CREATE TRIGGER same_i AFTER INSERT ON same BEGIN INSERT OR REPLACE INTO dropped VALUES (NEW.a); END;
"""

AFTER = """{
"same": {"id": "INTEGER PRIMARY KEY", "a": "UNIQUE", "b": ""},
"new_name": {"id": "INTEGER PRIMARY KEY", "b": "INT", "kept_a": "TEXT UNIQUE", "filled": "INT",
             "added": "TEXT NOT NULL DEFAULT 'x'", "low": "TEXT AS (lower(kept_a)) STORED",
             "_renamed_from": "old_name", "_renames": {"kept_a": "a"},
             "_fill": {"filled": "coalesce(b, -1) * 2"}},
"retyped": {"a": "INT", "b": "TEXT", "c": "", "d": "DEFAULT 7"},
"swapped": {"id": "INTEGER PRIMARY KEY", "a": "INT UNIQUE", "b": "TEXT UNIQUE",
            "_renames": {"a": "b", "b": "a"}},
"pairs": {"a": "TEXT", "b": "INT NOT NULL", "c": "UNIQUE", "_primary_key": ["a", "b"]},
"keyed": {"a": "TEXT NOT NULL PRIMARY KEY", "b": "UNIQUE", "_options": {"without_rowid": true}},
"tree": {"id": "INTEGER PRIMARY KEY", "up": "INT REFERENCES tree(id) ON DELETE SET NULL", "a": "UNIQUE",
         "_fill": {"a": "CASE WHEN typeof(a) = 'text' THEN upper(a) ELSE a END"}},
"added": {"id": "INTEGER PRIMARY KEY"}
}"""

KNOWN = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE, phone DEFAULT 'none', n INT);
CREATE TABLE codes (code TEXT PRIMARY KEY, a UNIQUE, gone DEFAULT 3);
CREATE TABLE pairs (a TEXT COLLATE NOCASE, b INT, c UNIQUE, gone, PRIMARY KEY (a, b)) WITHOUT ROWID;
"""

FEWER = """{
"people": {"id": "INTEGER PRIMARY KEY", "full_name": "TEXT UNIQUE", "n": "INT", "new": "",
           "_renames": {"full_name": "name"}},
"codes": {"code": "TEXT PRIMARY KEY", "a": "UNIQUE"},
"pairs": {"a": "TEXT COLLATE NOCASE", "b": "INT", "c": "UNIQUE", "_primary_key": ["a", "b"],
          "_options": {"without_rowid": true}}
}"""

MERGED = {
    "people": (
        "SELECT id, name, phone, n",
        (
            "SELECT n.id, n.full_name, iif(o.id IS NULL, 'none', o.phone), n.n"
            " FROM after.people AS n LEFT JOIN main.people AS o ON o.id = n.id"
        ),
    ),
    "codes": (
        "SELECT rowid, code, a, gone",
        (
            "SELECT n.rowid, n.code, n.a, iif(o.rowid IS NULL, 3, o.gone)"
            " FROM after.codes AS n LEFT JOIN main.codes AS o ON o.rowid = n.rowid"
        ),
    ),
    "pairs": (
        "SELECT a, b, c, gone",
        "SELECT n.a, n.b, n.c, o.gone FROM after.pairs AS n LEFT JOIN main.pairs AS o USING (a, b)",
    ),
}
"""Table: what the merged copy holds, and the same from the file of now beside the one of then."""

COMMON = ["0", "1", "2", "3", "4", "1.0", "'1'", "'a'", "'A'", "'b'", "'B'"]
RARE = ["NULL", "-1", "2.5", "9e999", "9223372036854775807", "'3'", "''", "x'61'"]
RARE += ["'a' || char(0) || 'b'", "CAST(x'ff61' AS TEXT)"]
NUMBERS = ["NULL", "0", "1", "2", "3", "4", "5", "-7"]

CONFLICTS = ["", "", " OR REPLACE", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ROLLBACK"]


class Table:
    """What a history knows of a table: what can be written, and which of that is its rowid."""

    def __init__(self, shape: TableShape) -> None:
        self.name = quote(shape.name)
        self.columns = [quote(name) for name in shape.columns]
        self.written = self.columns + ([quote(shape.rowid)] if shape.rowid else [])
        self.rowid = quote(shape.rowid or rowid_column(shape.table) or "")
        plain = [unique for unique in shape.uniques if unique.is_plain]
        self.uniques = [[quote(part.expression) for part in unique.columns] for unique in plain]
        self.uniques += [[quote(name) for name in shape.key if name != shape.rowid]]


class History:
    """Random statements, a function of the seed alone."""

    def __init__(self, seed: int, tables: Sequence[Table]) -> None:
        self.random = random.Random(seed)
        self.tables = self.random.sample(tables, k=self.random.randint(2, len(tables)))

    def transaction(self) -> list[str]:
        """Some statements: each its own transaction, one in all, or some of them taken back."""
        statements = [self.statement() for _ in range(self.random.randint(1, 5))]
        kind = self.random.random()
        if kind < 0.6:
            return statements
        if kind < 0.8:
            return ["BEGIN IMMEDIATE", *statements, "COMMIT"]
        if kind < 0.9:
            return ["BEGIN", statements[0], "SAVEPOINT s", *statements[1:], "ROLLBACK TO s", "COMMIT"]
        return ["BEGIN", *statements, "ROLLBACK"]

    def statement(self) -> str:
        inserts = [self.insert, self.insert, self.insert, self.insert_select, self.upsert]
        others = [self.update, self.update, self.update, self.delete]
        return self.random.choice(inserts + others)(self.random.choice(self.tables))

    def value(self, table: Table, name: str) -> str:
        """A value, mostly one of few, so that rows collide."""
        if name == table.rowid and self.random.random() < 0.95:
            return self.random.choice(NUMBERS)
        return self.random.choice(COMMON if self.random.random() < 0.8 else RARE)

    def some(self, names: Sequence[str]) -> list[str]:
        return self.random.sample(list(names), k=self.random.randint(1, len(names)))

    def insert(self, table: Table) -> str:
        names = self.some(table.written)
        count = self.random.choice([1, 1, 2, 5])
        rows = [f"({', '.join(self.value(table, name) for name in names)})" for _ in range(count)]
        verb = self.random.choice(["INSERT" + conflict for conflict in CONFLICTS] + ["REPLACE"])
        returning = self.random.choice(["", "", " RETURNING 1"])
        return f"{verb} INTO {table.name} ({', '.join(names)}) VALUES {', '.join(rows)}{returning}"

    def insert_select(self, table: Table) -> str:
        conflict = self.random.choice(CONFLICTS)
        names = self.some(table.columns)
        terms = ", ".join(self.random.choice([name, self.value(table, name)]) for name in names)
        order = self.random.choice(["", " ORDER BY 1 DESC LIMIT 3"])
        return (
            f"INSERT{conflict} INTO {table.name} ({', '.join(names)}) SELECT {terms} FROM {table.name}{order}"
        )

    def upsert(self, table: Table) -> str:
        columns = self.random.choice(table.uniques)
        target = f" ({', '.join(columns)})" if columns and self.random.random() < 0.7 else ""
        action = f"DO UPDATE SET {self.assignments(table)}" if self.random.random() < 0.8 else "DO NOTHING"
        return f"{self.insert(table).removesuffix(' RETURNING 1')} ON CONFLICT{target} {action}"

    def assignments(self, table: Table) -> str:
        return ", ".join(f"{name} = {self.assigned(table, name)}" for name in self.some(table.written))

    def assigned(self, table: Table, name: str) -> str:
        swapped = f"CASE {name} WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE {name} END"
        other = self.random.choice(table.columns)
        return self.random.choice([self.value(table, name), other, f"{name} + 1", f"-{name}", swapped])

    def update(self, table: Table) -> str:
        conflict = self.random.choice(CONFLICTS)
        return f"UPDATE{conflict} {table.name} SET {self.assignments(table)} {self.where(table)}"

    def delete(self, table: Table) -> str:
        return f"DELETE FROM {table.name} {self.where(table)}"

    def where(self, table: Table) -> str:
        name = self.random.choice(table.written)
        operator = self.random.choice(["=", "=", "IS", ">"])
        return self.random.choice(["", f"WHERE {name} {operator} {self.value(table, name)}"])


def perform(conn: apsw.Connection, statements: Sequence[str]) -> None:
    """Run statements; refusals are a part of the history, and what was done before one may stay (OR FAIL)."""
    for statement in statements:
        with contextlib.suppress(apsw.ConstraintError, apsw.SQLError, apsw.MismatchError, apsw.FullError):
            conn.execute(statement).fetchall()
    if conn.in_transaction:
        conn.execute("COMMIT")


def contents(
    conn: apsw.Connection, schema: Schema, *, without_rowids: Sequence[str] = ()
) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is stored, as type and bytes, generated columns and rowids included."""
    found = {}
    for shape in shapes(schema):
        names = [column.name for column in shape.table.columns]
        names += [shape.rowid] if shape.rowid and shape.name not in without_rowids else []
        terms = ", ".join(f"typeof({quote(n)}), hex({quote(n)}), hex(quote({quote(n)}))" for n in names)
        rows = conn.execute(f"SELECT {terms} FROM {quote(shape.name)}").fetchall()
        found[shape.name] = sorted(rows)
    return found


class Story:
    """One file that is written at random while it is copied."""

    def __init__(self, folder: Path, seed: int, statements: str) -> None:
        self.chance = random.Random(seed * 7919 + 1)
        self.folder = folder
        self.source = self.open("source.db", mode="rwc")
        self.source.execute("PRAGMA journal_mode = WAL").fetchall()
        self.source.execute(statements)
        self.schema = introspect(self.source)
        self.history = History(seed, [Table(shape) for shape in shapes(self.schema)])
        self.writer = self.open("source.db")
        self.writer.execute(f"PRAGMA foreign_keys = {self.chance.choice(['ON', 'ON', 'OFF'])}")
        self.writer.execute(f"PRAGMA recursive_triggers = {self.chance.choice(['ON', 'OFF', 'OFF'])}")

    def open(self, name: str, *, mode: sqlite.Mode = "rw") -> apsw.Connection:
        conn = sqlite.connect(self.folder / name, mode=mode)
        conn.execute("PRAGMA synchronous = OFF")
        return conn

    def write(self, count: int) -> None:
        for _ in range(count):
            perform(self.writer, self.history.transaction())

    def copy(self, name: str) -> tuple[apsw.Connection, int]:
        """A copy of the file as it is now, and its watermark."""
        (self.folder / name).touch(mode=0o600)
        report = copy.pages(self.source, self.folder / name)
        target = self.open(name)
        with sqlite.immediate(target):
            capture.remove(target)
            remainder.drop_user_triggers(target)
        return target, report.watermark

    def write_fresh(self, name: str, plan: Plan) -> tuple[apsw.Connection, int]:
        """A fresh file with the rows that the file has now, and its watermark."""
        (self.folder / name).touch(mode=0o600)
        report = fresh.rows(self.source, self.folder / name, plan)
        target = self.open(name)
        with sqlite.immediate(target):
            remainder.drop_user_triggers(target)
        return target, report.watermark

    def follow(self, target: apsw.Connection, mappings: Sequence[Mapping], watermark: int) -> int:
        """Write, and replay it now and then; gives the last watermark."""
        for _ in range(self.chance.randint(2, 5)):
            self.write(self.chance.randint(1, 6))
            if self.chance.random() < 0.7:
                batch = self.chance.choice([1, 3, 7, 20_000])
                report = replay.drain(
                    self.source, target, mappings, after=watermark, admit=sqlite.immediate, batch=batch
                )
                watermark = report.watermark
        if self.chance.random() < 0.5:
            chunk = self.chance.choice([1, 2, 5])
            proof = verify.full(
                self.source, target, mappings, after=watermark, admit=sqlite.immediate, chunk=chunk
            )
            watermark = proof.watermark
            self.write(1)
        return watermark


def move(folder: Path, seed: int) -> None:
    story = Story(folder, seed, SCHEMA)
    source, mappings = story.source, mapping.identities(story.schema)
    story.write(6)
    with sqlite.immediate(source):
        capture.install(source, [each.source for each in mappings])
    story.write(1)
    target, watermark = story.copy("target.db")
    watermark = story.follow(target, mappings, watermark)
    verify.keys(source, target, mappings, after=watermark, admit=sqlite.immediate)
    remainder.carry_over(source, target, mappings, admit=sqlite.immediate)
    assert contents(target, story.schema) == contents(source, story.schema)
    assert remainder.differences(source, target, mappings) == ()
    assert target.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def rebuild(folder: Path, seed: int) -> None:
    """The target gets another structure first; at the end it is what the same change makes of the source."""
    story = Story(folder, seed, BEFORE)
    source, plan = story.source, compiled(story.schema, loads(AFTER))
    mappings = mapping.between(plan.old, plan.new)
    story.write(6)
    with sqlite.immediate(source):
        capture.install(source, [each.source for each in mappings])
    if story.chance.random() < 0.5:
        target, watermark = story.copy("target.db")
        changed(target, plan)
    else:
        try:
            target, watermark = story.write_fresh("target.db", plan)
        except Unsupported:
            return  # rows that the new structure refuses
    try:
        watermark = story.follow(target, mappings, watermark)
        verify.keys(source, target, mappings, after=watermark, admit=sqlite.immediate)
    except DataDoesNotFit:
        return  # a writer that knows the old structure alone may write what the new one refuses
    oracle, _ = story.copy("oracle.db")
    changed(oracle, plan)
    given = [each.target.name for each in mappings if each.source.table.without_rowid]  # new rowids
    assert contents(target, plan.new, without_rowids=given) == contents(
        oracle, plan.new, without_rowids=given
    )
    assert target.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def way_back(folder: Path, seed: int) -> None:
    """What was written under the new structure goes back into a copy of the old file, merged by key."""
    story = Story(folder, seed, KNOWN)
    story.write(6)
    before, _ = story.copy("before.db")
    target, _ = story.copy("target.db")
    plan = compiled(story.schema, loads(FEWER))
    changed(story.source, plan)
    mappings = mapping.reverse(plan.old, plan.new)
    with sqlite.immediate(story.source):
        capture.install(story.source, [each.source for each in mappings])
    story.history.tables = [Table(shape) for shape in shapes(plan.new)]
    story.write(8)
    verify.keys(story.source, target, mappings, after=0, admit=sqlite.immediate)
    before.execute("ATTACH ? AS after", (story.source.filename,))
    for table, (merged, expected) in MERGED.items():
        assert stored(target, f"{merged} FROM {table}") == stored(before, expected), table


def stored(conn: apsw.Connection, query: str) -> list[tuple[object, ...]]:
    """The rows of a query of four columns, as type and bytes."""
    terms = ", ".join(f"typeof({name}), hex({name}), hex(quote({name}))" for name in "abcd")
    return sorted(sqlite.rows(conn, f"WITH found(a, b, c, d) AS ({query}) SELECT {terms} FROM found"))


def changed(conn: apsw.Connection, plan: Plan) -> None:
    with execute.prepared(conn), sqlite.immediate(conn):
        execute.change_in(conn, plan)
    with sqlite.immediate(conn):
        remainder.drop_user_triggers(conn)


@pytest.mark.parametrize("piece", range(PIECES))
@pytest.mark.parametrize("tell", [move, rebuild, way_back])
@pytest.mark.timeout(0)
def test_a_copy_is_equal_to_its_source_after_any_history(
    tmp_path: Path, piece: int, tell: Callable[[Path, int], None]
) -> None:
    for seed in range(FIRST + piece, FIRST + COUNT, PIECES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            tell(folder, seed)
        except BaseException as error:
            error.add_note(f"history {seed}: TENANTDB_FIRST_HISTORY={seed} TENANTDB_HISTORIES=1")
            raise
