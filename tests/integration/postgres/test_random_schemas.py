"""Whatever schema is translated loads: any names, keys of any form, indexes, cycles, rules with names."""

import json
import os

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import migrations_engine as engine
from migrations_engine.model import fold, quote

EXAMPLES = int(os.environ.get("TENANTDB_EXAMPLES", "40"))

ODD = ["order", "select", 'qu"ote', "two words", "É", "a.b", "100%", "--", "user", "Camel", "xmin", "", "a'b"]
CLASHING = ["t_pkey", "t_id_seq", "t_a_key", "t_a_check", "t_a_fkey", "t", "id", "a", "T_a_idx", "nocase"]
LONG = ["x" * 63, "x" * 64, "é" * 31, "é" * 32, "long_" * 20]
NAMES = st.sampled_from([*ODD, *CLASHING, *CLASHING, *LONG])

TYPES = {
    "INTEGER": ["0", "-1", "'5'", "true"],
    "BIGINT": ["9223372036854775807", "(unixepoch())"],
    "TEXT": ["''", "'it''s'", "7", "CURRENT_TIMESTAMP", "(lower(hex(randomblob(16))))", "bare"],
    "VARCHAR(20) COLLATE NOCASE": ["'A'", "NULL"],
    "REAL": ["1.5", "-1e10", "2"],
    "DECIMAL(10,2)": ["0.00", "'1.5'"],
    "BOOLEAN": ["0", "1", "'true'", "FALSE"],
    "DATETIME": ["CURRENT_TIMESTAMP", "'2024-01-02 03:04:05'", "(datetime('now', '+1 day'))"],
    "DATE": ["CURRENT_DATE", "'2024-02-29'"],
    "TIME": ["CURRENT_TIME", "'12:30:00'"],
    "BLOB": ["x'00ff'", "NULL"],
    "UUID": ["'12345678-1234-5678-1234-567812345678'"],
    "JSON": ["'{\"a\": [1]}'"],
}
CHECKS = ["{0} IS NOT NULL", "{0} IS NOT {1}", "coalesce({0}, {1}) IS {0} OR {1} IS NULL"]


@st.composite
def columns(draw, tables):
    """The definitions of a table's columns."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=fold))
    found = {"id": draw(st.sampled_from(["INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"]))}
    for name in names:
        if fold(name) in ("id", "_id"):
            continue
        kind = draw(st.sampled_from(list(TYPES)))
        if draw(st.integers(0, 4)) == 0:
            parent = draw(st.sampled_from(tables))
            found[name] = f"INT REFERENCES {quote(parent)} {draw(st.sampled_from(['', 'ON DELETE CASCADE']))}"
            continue
        default = draw(st.sampled_from(["", *(f"DEFAULT {each}" for each in TYPES[kind])]))
        unique = draw(st.sampled_from(["", "NOT NULL", "UNIQUE", f"CONSTRAINT {quote(draw(NAMES))} UNIQUE"]))
        found[name] = " ".join((kind, default, unique))
    return found


@st.composite
def documents(draw):
    """A document: tables that refer to each other, indexes and checks with odd names."""
    tables = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=fold))
    taken = {fold(name) for name in tables}
    found = {}
    for table in tables:
        defined = draw(columns(tables))
        pairs = st.lists(st.sampled_from(list(defined)), min_size=1, max_size=3, unique=True)
        entry = {"_columns": defined, "_indexes": [], "_checks": []}
        for name in draw(st.lists(NAMES, max_size=3, unique_by=fold)):
            if fold(name) not in taken:
                taken.add(fold(name))
                listed = [f"{quote(each)} {draw(st.sampled_from(['', 'DESC']))}" for each in draw(pairs)]
                where = {"where": f"{quote(draw(pairs)[0])} IS NOT NULL"} if draw(st.booleans()) else {}
                entry["_indexes"].append({"name": name, "columns": listed, **where})
        names = [quote(each) for each in draw(pairs)]
        check = draw(st.sampled_from(CHECKS)).format(names[0], names[-1])
        entry["_checks"].append({"name": draw(NAMES), "check": check})
        entry["_unique_constraints"] = [draw(pairs)]
        found[table] = entry
    return {"_tables": found}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=documents())
def test_a_schema_loads_but_for_what_is_refused(postgres, document):
    schema = engine.loads(json.dumps(document))
    try:
        statements = engine.ddl(schema, "postgresql")
    except engine.NotTranslatable as error:
        event(f"refused: {str(error.refusals[0].reason).split()[0]}")
        return
    event("loaded")
    with postgres.place() as conn:
        for statement in statements:
            try:
                conn.execute(statement)
            except psycopg.Error as error:
                pytest.fail(f"{error}\n{statement}")
