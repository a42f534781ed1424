"""Whatever two documents and whatever rows: a change keeps what it must, and the way back restores all."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import migrations_engine as engine
from migrations_engine import sqlite
from migrations_engine.execution import execute, fresh
from migrations_engine.execution.compiling import compiled
from migrations_engine.model import is_engine_name
from migrations_engine.online import copy
from migrations_engine.sql.affinity import affinity, rewrites

MANY = settings(
    max_examples=int(os.environ.get("TENANTDB_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TABLES = ("T", "U", "t v", "_w")
NAMES = ("a", "b", "c d", "Été", "rowid", "select", "", "1st", "it's", 'q"q', "_id", "draft")
TYPES = ("", "TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC", "VARCHAR(10)", "BOOLEAN", "FLOATING POINT")
STRICT_TYPES = ("TEXT", "INTEGER", "REAL", "BLOB", "ANY", "INT")
DEFAULTS = (
    "1",
    "''",
    "NULL",
    "(abs(-2))",
    "draft",
    "1.50",
    "TRUE",
    "x'00'",
    "-0x1f",
    "'it''s'",
    "CURRENT_DATE",
    "1e3",
)
CONFLICTS = ("", "", "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE", " ON CONFLICT FAIL")
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 3),
    st.floats(allow_nan=False),
    st.sampled_from(["", "007", "1e3", "x", "X", " 12 ", "9007199254740993.0", "na\u00efve \u2603"]),
    st.binary(max_size=3),
)


def rarely(draw):
    return draw(st.integers(0, 4)) == 0


@st.composite
def tables(draw):
    """One table of a document: any columns with any rules."""
    strict, without_rowid = draw(st.booleans()), rarely(draw)
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    columns = {name: _definition(draw, strict) for name in names}
    table = {}
    key = draw(st.sampled_from(["none", "rowid", "counted", "columns"]))
    if without_rowid or key == "columns":
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        table["_primary_key"] = [_quoted(name) + draw(st.sampled_from(["", " DESC"])) for name in chosen]
    elif key != "none":
        columns["id"] = "INTEGER PRIMARY KEY" + (" AUTOINCREMENT" if key == "counted" else "")
    if rarely(draw):
        part = _quoted(names[0]) + draw(st.sampled_from(["", " COLLATE NOCASE", " DESC"]))
        table["_unique_constraints"] = [
            {
                "columns": [part, *map(_quoted, names[2:])],
                "on_conflict": draw(st.sampled_from(["ABORT", "IGNORE", "REPLACE"])),
            }
        ]
    if rarely(draw):
        table["_checks"] = [f"{_quoted(names[-1])} IS NOT 'x'"]
    if rarely(draw):
        parent = _quoted(draw(st.sampled_from(TABLES)))
        table["_foreign_keys"] = [{"columns": [names[0]], "references": parent, "on_delete": "CASCADE"}]
    table["_indexes"] = [_index(draw, number, names) for number in range(draw(st.integers(0, 2)))]
    if rarely(draw):
        kind = draw(st.sampled_from(["STORED", "VIRTUAL"]))
        columns["computed"] = f"TEXT AS (typeof({_quoted(names[0])})) {kind}"
        if draw(st.booleans()):
            columns["upon"] = "TEXT AS (computed || '!')"
    table["_options"] = {"strict": strict, "without_rowid": without_rowid}
    table["_columns"] = {name: text for name, text in columns.items() if name.startswith("_")}
    return {**{name: text for name, text in columns.items() if not name.startswith("_")}, **table}


def _definition(draw, strict):
    words = [draw(st.sampled_from(STRICT_TYPES if strict else TYPES))]
    if rarely(draw):
        words.append("NOT NULL" + draw(st.sampled_from(CONFLICTS)))
    if draw(st.integers(0, 2)) == 0:
        words.append(f"DEFAULT {draw(st.sampled_from(DEFAULTS))}")
    if rarely(draw):
        words.append(f"COLLATE {draw(st.sampled_from(['NOCASE', 'RTRIM']))}")
    return " ".join(words)


def _index(draw, number, names):
    """An index on a column or on what is computed from it, whole or partial."""
    column = _quoted(draw(st.sampled_from(names)))
    part = draw(st.sampled_from([column, f"{column} COLLATE NOCASE DESC", f"typeof({column})"]))
    entry = {"columns": [part], "unique": rarely(draw)}
    if rarely(draw):
        entry["where"] = f"{column} > 1"
    # The names of indexes are one for all tables: theirs are given by table and columns.
    return entry if number == 0 else {**entry, "columns": [part, *map(_quoted, names[:1])]}


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


@st.composite
def documents(draw):
    """Tables with views and triggers on them."""
    found = draw(st.dictionaries(st.sampled_from(TABLES), tables(), min_size=1, max_size=3))
    name = draw(st.sampled_from(sorted(found)))
    document = {key: table for key, table in found.items() if not key.startswith("_")}
    document["_tables"] = {key: table for key, table in found.items() if key.startswith("_")}
    if rarely(draw):
        document["_views"] = {
            "seen": f"CREATE VIEW seen AS SELECT * FROM {_quoted(draw(st.sampled_from(TABLES)))}"
        }
    if rarely(draw):
        body = "BEGIN SELECT app_only(1) WHERE 0; END"
        document["_triggers"] = {
            "fired": f"CREATE TRIGGER fired AFTER UPDATE ON {_quoted(name)} WHEN 0 {body}"
        }
    return document


DOCUMENTS = documents()
ROWS = st.lists(st.lists(VALUES, min_size=8, max_size=8), max_size=6)


def loaded(document):
    return engine.loads(json.dumps(document))


def fill(conn, schema, rows):
    """Insert each row of values into every table that takes it."""
    for table in schema.tables:
        columns = [column.name for column in table.columns if column.generated is None]
        marks = ", ".join("?" * len(columns))
        for row in rows:
            names = ", ".join(map(_quoted, columns))
            try:
                conn.execute(
                    f"INSERT INTO {_quoted(table.name)} ({names}) VALUES ({marks})", row[: len(columns)]
                )
            except (apsw.ConstraintError, apsw.MismatchError):
                continue


def picture(path):
    """Structure, rows with their rowids and storage classes, counters."""
    schema = engine.introspect(path)
    with closing(apsw.Connection(str(path))) as conn:
        rows = {table.name: rows_of(conn, table) for table in schema.tables}
        has_counters = conn.table_exists("main", "sqlite_sequence")
        counters = conn.execute("SELECT name, seq FROM sqlite_sequence").fetchall() if has_counters else []
    return schema.hash, rows, sorted(c for c in counters if not c[0].startswith("_tenantdb"))


def rows_of(conn, table):
    """Rows by rowid, or by all their values where there is none."""
    names = sorted(column.name for column in table.columns)
    shown = ", ".join(f"{_quoted(name)}, typeof({_quoted(name)})" for name in names)
    rowid = "NULL" if table.without_rowid else "_rowid_"
    found = conn.execute(f"SELECT {rowid}, {shown} FROM {_quoted(table.name)}").fetchall()
    return sorted(found, key=repr)


def kept_values(path, old, new):
    """The values of all columns that stay as they are, row by row, of the tables that both schemas have."""
    with closing(apsw.Connection(str(path))) as conn:
        return {
            table.name: sorted(
                conn.execute(f"SELECT {', '.join(map(_quoted, columns)) or 1} FROM {_quoted(table.name)}"),
                key=repr,
            )
            for table in old.tables
            if (target := new.table(table.name)) is not None
            for columns in [[c.name for c in table.columns if stays(c, table, target)]]
        }


def stays(column, table, target):
    other = target.column(column.name)
    if other is None or other.generated or column.generated:
        return False
    return not rewrites(
        affinity(column.type, strict=table.strict), affinity(other.type, strict=target.strict)
    )


def said(found):
    """What a rehearsal found, as an error says it."""
    return [(f.table, f.rule, f.count, tuple(row.key for row in f.rows[:5])) for f in found]


@given(old=DOCUMENTS, new=DOCUMENTS, rows=ROWS)
@MANY
def test_a_change_keeps_what_it_must_and_the_way_back_restores_all(old, new, rows):
    before_schema, after_schema = loaded(old), loaded(new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.db"
        engine.apply(before_schema, path)
        with closing(apsw.Connection(str(path))) as conn:
            fill(conn, before_schema, rows)
        before, values = picture(path), kept_values(path, before_schema, after_schema)
        misfits = []
        try:
            rehearsal = engine.rehearse(after_schema, path)
        except engine.SchemaError:  # a foreign key would lose its parent, or the parent its key
            with pytest.raises(engine.SchemaError):
                engine.apply(after_schema, path, allow_destructive=True)
            assert picture(path) == before
            return
        try:
            result = engine.apply(after_schema, path, allow_destructive=True)
        except engine.DataDoesNotFit as refused:
            misfits = refused.misfits
        assert said(rehearsal.misfits) == [(m.table, m.rule, m.count, m.sample) for m in misfits]
        if misfits:
            assert all(misfit.count for misfit in misfits)
            assert picture(path) == before
            return
        assert engine.introspect(path).hash == after_schema.hash
        assert kept_values(path, before_schema, after_schema) == values
        assert not engine.apply(after_schema, path, allow_destructive=True).changed
        if result.changed:
            engine.rollback(path)
            assert picture(path) == before


@given(old=DOCUMENTS, new=DOCUMENTS, rows=ROWS, since=ROWS)
@MANY
def test_a_rollback_with_leave_always_ends_in_the_older_schema(old, new, rows, since):
    before_schema, after_schema = loaded(old), loaded(new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.db"
        engine.apply(before_schema, path)
        with closing(apsw.Connection(str(path))) as conn:
            fill(conn, before_schema, rows)
        try:
            changed = engine.apply(after_schema, path, allow_destructive=True).changed
        except (engine.DataDoesNotFit, engine.SchemaError):
            return
        with closing(apsw.Connection(str(path))) as conn:
            fill(conn, after_schema, since)
        if changed:
            engine.rollback(path, discard_since=True)
            assert engine.introspect(path).hash == before_schema.hash
        with closing(apsw.Connection(str(path))) as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def objects(path):
    """All objects that are not the engine's own, as SQLite has them, and what ANALYZE knows of them."""
    with closing(apsw.Connection(str(path))) as conn:
        found = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        known = conn.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall()
    return (
        sorted((row for row in found if not (is_engine_name(row[1]) or is_engine_name(row[2]))), key=repr),
        sorted((row for row in known if not is_engine_name(row[0])), key=repr),
    )


def counted(pictured):
    """A picture without counters of 0, which SQLite writes when it inserts no row: they count as none."""
    return (*pictured[:2], [counter for counter in pictured[2] if counter[1]])


def changed_copy(source, path, plan):
    """A copy of all pages, with a plan carried out in it."""
    path.touch()
    copy.pages(source, path)
    with closing(sqlite.connect(path)) as conn, execute.prepared(conn), sqlite.immediate(conn):
        execute.change_in(conn, plan)


@given(old=DOCUMENTS, new=DOCUMENTS, rows=ROWS)
@MANY
def test_a_fresh_file_is_what_the_same_plan_makes_of_a_copy(old, new, rows):
    before, after = loaded(old), loaded(new)
    with tempfile.TemporaryDirectory() as folder:
        path, target, other = (Path(folder) / name for name in ("file.db", "fresh.db", "copy.db"))
        engine.apply(before, path)
        with closing(sqlite.connect(path)) as source:
            fill(source, before, rows)
            source.execute("ANALYZE")
            try:
                plan = compiled(engine.introspect(path), after)
            except engine.SchemaError:
                return
            target.touch()
            try:
                fresh.rows(source, target, plan)
            except engine.Unsupported:
                with pytest.raises(engine.DataDoesNotFit):
                    changed_copy(source, other, plan)
                return
            changed_copy(source, other, plan)
        assert counted(picture(target)) == counted(picture(other))
        assert objects(target) == objects(other)
