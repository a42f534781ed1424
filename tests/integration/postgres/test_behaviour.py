"""What a table takes, fills in and calculates is the same in both databases."""

import datetime as dt

import apsw
import psycopg
import pytest

import migrations_engine as engine
from tests.postgres import plain

SCHEMA = engine.loads("""{
  "shops": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT NOT NULL UNIQUE COLLATE NOCASE"},
  "items": {
    "id": "INTEGER PRIMARY KEY",
    "shop": "INT REFERENCES shops ON DELETE CASCADE",
    "code": "TEXT NOT NULL CHECK (code GLOB '[A-Z]*' AND length(code) BETWEEN 2 AND 5)",
    "label": "VARCHAR(10) DEFAULT 'none' CHECK (label NOT LIKE '%bad%')",
    "price": "DECIMAL(8,2) DEFAULT 9.99 CHECK (price > 0 OR price IS NULL)",
    "rate": "REAL DEFAULT 2.5 CHECK (rate / 2 <= 100)",
    "amount": "INTEGER NOT NULL DEFAULT '3' CHECK (amount % 2 = 1 OR amount IN (0, 10))",
    "sold": "BOOLEAN NOT NULL DEFAULT 0 CHECK (sold IN (0, 1))",
    "kept": "BOOLEAN DEFAULT 1 CHECK (kept <> sold OR kept = 1)",
    "day": "DATE DEFAULT '2024-01-31' CHECK (day >= '2000-01-01')",
    "until": "DATE CHECK (until > day)",
    "at": "DATETIME DEFAULT '2024-01-02 03:04:05' CHECK (strftime('%Y', at) <> '1999')",
    "blob": "BLOB DEFAULT x'00ff' CHECK (length(blob) < 4)",
    "total": "DECIMAL(12,2) AS (price * amount)",
    "upper": "TEXT AS (upper(trim(label)) || '-' || code) STORED",
    "year": "INTEGER AS (CAST(strftime('%Y', day) AS INTEGER))",
    "twice": "INTEGER AS (year * 2)",
    "big": "BOOLEAN AS (amount > 5 AND sold)",
    "state": "TEXT AS (CASE WHEN sold THEN 'gone' WHEN until IS NULL THEN 'open' ELSE 'until ' || until END)",
    "_unique_constraints": [["shop", "code"]],
    "_indexes": [
      {"columns": "lower(code)", "unique": true, "where": "sold = 0 AND shop IS NULL", "name": "one"}
    ]
  },
  "links": {"a": "INT", "b": "TEXT", "_primary_key": ["a", "b"], "_options": {"without_rowid": true}}
}""")

PROBES = {
    "shops": [
        {"name": "Red"},
        {"name": "RED"},
        {"name": "Ärger"},
        {"name": None},
        {"name": ""},
    ],
    "items": [
        {"code": "AB"},
        {"code": "ab"},
        {"code": "A"},
        {"code": "ÄÖ"},
        {"code": "ABCDEF"},
        {"code": "AC", "shop": 1},
        {"code": "AC", "shop": 1, "label": "again"},
        {"code": "Ac", "shop": 77},
        {"code": "AD", "label": "so BAD it is"},
        {"code": "AE", "label": " spaced out and long "},
        {"code": "AF", "label": None, "price": None, "rate": None, "day": None},
        {"code": "AG", "price": 0},
        {"code": "AH", "price": -0.01},
        {"code": "AI", "price": 0.01, "amount": 10},
        {"code": "AJ", "amount": 4},
        {"code": "AK", "amount": None},
        {"code": "AL", "amount": -7},
        {"code": "AM", "rate": 200.0},
        {"code": "AN", "rate": 200.5},
        {"code": "AO", "sold": True, "amount": 7},
        {"code": "AP", "sold": True, "kept": False},
        {"code": "AQ", "sold": False, "kept": False},
        {"code": "AR", "day": "1999-12-31"},
        {"code": "AS", "day": "2024-02-29", "until": "2024-02-29"},
        {"code": "AT", "day": "2024-02-28", "until": "2024-02-29"},
        {"code": "AU", "at": "1999-06-01 00:00:00"},
        {"code": "AV", "at": "2001-06-01 10:20:30"},
        {"code": "AW", "blob": b"1234"},
        {"code": "AX", "blob": b""},
        {"code": "AB", "sold": True},
        {"code": "Ab"},
    ],
    "links": [{"a": 1, "b": "x"}, {"a": 1, "b": "X"}, {"a": 1, "b": "x"}, {"a": None, "b": "x"}],
}


@pytest.fixture(scope="module")
def sqlite():
    conn = apsw.Connection(":memory:")
    conn.execute("PRAGMA foreign_keys = ON")
    for statement in engine.ddl(SCHEMA):
        conn.execute(statement)
    return conn


@pytest.fixture(scope="module")
def place(postgres):
    with postgres.place() as conn:
        for statement in engine.ddl(SCHEMA, "postgresql"):
            conn.execute(statement)
        yield conn


def insert(execute, mark, table, row):
    """Insert a row; whether it was taken."""
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join([mark] * len(row))
    try:
        execute(f'INSERT INTO "{table}" ({names}) VALUES ({values})', tuple(row.values()))
    except (apsw.ConstraintError, psycopg.IntegrityError):
        return False
    return True


@pytest.fixture(scope="module")
def taken(sqlite, place):
    """Which of the probes each database took."""

    def guarded(statement, values):
        with place.transaction():
            place.execute(statement, values)

    return [
        (table, row, insert(sqlite.execute, "?", table, row), insert(guarded, "%s", table, row))
        for table, rows in PROBES.items()
        for row in rows
    ]


def test_the_same_rows_are_taken_and_refused(taken):
    assert [(table, row) for table, row, ours, theirs in taken if ours != theirs] == []
    assert {ours for _, _, ours, _ in taken} == {True, False}


@pytest.mark.parametrize("table", list(PROBES))
def test_defaults_and_generated_columns_give_the_same(sqlite, place, taken, table):
    # Refused rows use up numbers of an identity: rows are known by what was inserted.
    columns = [f'"{column.name}"' for column in SCHEMA.table(table).columns if column.name != "id"]
    query = f'SELECT {", ".join(columns)} FROM "{table}"'
    ours = sorted(([plain(v) for v in row] for row in sqlite.execute(query)), key=repr)
    theirs = sorted(([plain(v) for v in row] for row in place.execute(query)), key=repr)
    assert ours
    assert theirs == ours


NOW = {
    "DATETIME DEFAULT CURRENT_TIMESTAMP": "%Y-%m-%d %H:%M:%S",
    "TEXT DEFAULT CURRENT_TIMESTAMP": "%Y-%m-%d %H:%M:%S",
    "DATETIME DEFAULT (datetime('now', '-1 day', '+24 hours'))": "%Y-%m-%d %H:%M:%S",
    "TEXT DEFAULT (datetime('now', 'subsec'))": "%Y-%m-%d %H:%M:%S.%f",
    "TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))": "%Y-%m-%dT%H:%M:%S.%fZ",
    "TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP": "%Y-%m-%d %H:%M:%S",
}


@pytest.mark.parametrize(("definition", "form"), NOW.items())
def test_now_is_the_same_moment_in_the_same_form_whatever_the_session_says(postgres, definition, form):
    schema = engine.loads(f'{{"t": {{"id": "INTEGER PRIMARY KEY", "at": "{definition}"}}}}')
    sqlite = apsw.Connection(":memory:")
    sqlite.execute(engine.ddl(schema)[0])
    sqlite.execute("INSERT INTO t(id) VALUES (1)")
    ours = dt.datetime.strptime(sqlite.execute("SELECT at FROM t").get, form).replace(tzinfo=dt.UTC)
    with postgres.place() as conn:
        conn.execute(engine.ddl(schema, "postgresql")[0])
        conn.execute("INSERT INTO t(id) VALUES (1)")
        (theirs,) = conn.execute('SELECT "at" FROM t').fetchone()
    if isinstance(theirs, str):
        theirs = dt.datetime.strptime(theirs, form).replace(tzinfo=dt.UTC)
    moment = theirs if theirs.tzinfo else theirs.replace(tzinfo=dt.UTC)
    assert abs(moment - ours) < dt.timedelta(hours=1)


def test_numbers_of_seconds_and_random_values_are_made_by_the_database(place):
    schema = engine.loads("""{"made": {
      "at": "INTEGER DEFAULT (unixepoch())", "text": "INTEGER DEFAULT (strftime('%s', 'now'))",
      "id": "TEXT DEFAULT (lower(hex(randomblob(16))))", "n": "INTEGER DEFAULT (random())"
    }}""")
    for statement in engine.ddl(schema, "postgresql"):
        place.execute(statement)
    for _ in range(50):
        place.execute("INSERT INTO made DEFAULT VALUES")
    rows = place.execute("SELECT at, text, id, n FROM made").fetchall()
    assert all(1.7e9 < at == text for at, text, _, _ in rows)
    assert {len(identity) for _, _, identity, _ in rows} == {32}
    assert len({identity for _, _, identity, _ in rows}) == len({n for *_, n in rows}) == 50
    assert {n > 0 for *_, n in rows} == {True, False}


def test_an_identity_goes_on_by_itself_and_takes_numbers_that_are_given(place):
    schema = engine.loads('{"n": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}}')
    for statement in engine.ddl(schema, "postgresql"):
        place.execute(statement)
    place.execute("INSERT INTO n(a) VALUES ('x'), ('y')")
    place.execute("INSERT INTO n(id, a) VALUES (9007199254740993, 'z')")
    assert place.execute("SELECT id FROM n ORDER BY id").fetchall() == [(1,), (2,), (9007199254740993,)]
