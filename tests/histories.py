"""Random transactions in every form that SQLite has for changing rows, and what they must come to.

Each transaction takes the next number of the tenant's one sequence row, so that the numbers are the order of
the commits: replayed in that order on an empty database they must give the tenant's file, to the last rowid.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import apsw

import migrations_engine as engine

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

Statement = tuple[str, list[Any]]

_TABLES: dict[str, Any] = {
    "sequence": {"id": "INTEGER PRIMARY KEY", "n": "INTEGER NOT NULL"},
    "plain": {"id": "INTEGER PRIMARY KEY", "a": "TEXT UNIQUE", "b": "INTEGER", "c": "NUMERIC"},
    "coded": {"code": "TEXT PRIMARY KEY", "n": "INT", "_options": {"without_rowid": True}},
    "pair": {"x": "", "y": "TEXT COLLATE NOCASE", "z": "BLOB", "_primary_key": ["x", "y"]},
    "loose": {"a": "", "b": "", "_indexes": [{"columns": ["a"], "unique": True, "where": "b > 5"}]},
    "place": {"id": "INTEGER PRIMARY KEY", "rank": "INTEGER NOT NULL DEFAULT 0 UNIQUE"},
    "parent": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "name": "TEXT UNIQUE ON CONFLICT REPLACE"},
    "child": {
        "id": "INTEGER PRIMARY KEY",
        "parent": "INTEGER REFERENCES parent(id) ON DELETE CASCADE ON UPDATE CASCADE",
        "v": "TEXT",
    },
    "audit": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "what": "TEXT"},
}

_TRIGGERS = {
    "noted": "CREATE TRIGGER noted AFTER DELETE ON child BEGIN "
    "INSERT INTO audit (what) VALUES ('child ' || OLD.id); END",
}


def _schema(**changed: dict[str, Any]) -> engine.Schema:
    tables = {name: {**table, **changed.get(name, {})} for name, table in _TABLES.items()}
    return engine.loads(json.dumps({**tables, "_triggers": _TRIGGERS}))


PLAIN = _schema()
"""What the tenant begins with."""

REBUILT = _schema(
    plain={"c": "NUMERIC COLLATE NOCASE CHECK (c IS NOT 'never')"}, loose={"more": "TEXT DEFAULT 'm'"}
)
"""Another form of the same rows: a collation that no ALTER can give, a column with a default."""

_KEYS = {name: ", ".join(name for name in table if name[0] != "_") for name, table in _TABLES.items()}
"""The columns that both schemas have."""


def transaction(choose: random.Random) -> list[Statement]:
    """One to four statements; they may violate a constraint, then all of them go."""
    return [_FORMS[choose.randrange(len(_FORMS))](choose) for _ in range(choose.randint(1, 4))]


NUMBER = "UPDATE sequence SET n = n + 1 WHERE id = 1"
READ_NUMBER = "SELECT n FROM sequence WHERE id = 1"
FIRST = "INSERT INTO sequence VALUES (1, 0)"


def replayed(ledger: Iterable[Sequence[Statement]]) -> dict[str, list[tuple[Any, ...]]]:
    """What the transactions come to, one after the other, on a database that never moved."""
    conn = apsw.Connection(":memory:")
    conn.execute("PRAGMA foreign_keys = ON")
    for statement in engine.ddl(PLAIN, "sqlite"):
        conn.execute(statement)
    conn.execute(FIRST)
    for statements in ledger:
        with conn:
            for sql, values in statements:
                conn.execute(sql, values)
            conn.execute(NUMBER)
    return content(conn)


def content(conn: apsw.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table with its storage classes and its rowid, and the counters."""
    found = {}
    for table, columns in _KEYS.items():
        rowid = "" if table == "coded" else "rowid, "
        typed = ", ".join(f"typeof({name})" for name in columns.split(", "))
        found[table] = sorted(
            conn.execute(f"SELECT {rowid}{columns}, {typed} FROM {table}").fetchall(), key=repr
        )
    counters = "SELECT name, seq FROM sqlite_sequence WHERE name IN ('parent', 'audit')"
    found["sqlite_sequence"] = sorted(conn.execute(counters).fetchall())
    return found


def _id(choose: random.Random) -> int:
    return choose.randint(1, 12)


def _text(choose: random.Random) -> str:
    return choose.choice("abcdefghijkl") + choose.choice(["", "A", "é", "\x00z"])


def _value(choose: random.Random) -> Any:
    return choose.choice([None, 1, 1.0, "1", "01", _text(choose), 2**53 + 1, 0.1])


def _insert(choose: random.Random) -> Statement:
    how = choose.choice(["INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE", "INSERT"])
    rows = choose.randint(1, 3)
    values = [each for _ in range(rows) for each in (_id(choose), _text(choose), _id(choose), _value(choose))]
    return f"{how} INTO plain (id, a, b, c) VALUES {', '.join(['(?, ?, ?, ?)'] * rows)}", values


def _update(choose: random.Random) -> Statement:
    how = choose.choice(["UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"])
    column, value = choose.choice([("a", _text(choose)), ("id", _id(choose)), ("c", _value(choose))])
    return f"{how} plain SET {column} = ? WHERE id = ?", [value, _id(choose)]


def _update_many(choose: random.Random) -> Statement:
    return "UPDATE plain SET b = b + 1, c = ? WHERE id % 3 = ?", [_value(choose), choose.randrange(3)]


def _shift_keys(choose: random.Random) -> Statement:
    return "UPDATE plain SET id = id + ? WHERE id > ?", [choose.choice([20, -20]), _id(choose)]


def _upsert(choose: random.Random) -> Statement:
    update = "DO UPDATE SET b = b + 1, id = excluded.id"
    return f"INSERT INTO plain (id, a, b) VALUES (?, ?, 0) ON CONFLICT (a) {update}", [
        _id(choose),
        _text(choose),
    ]


def _delete(choose: random.Random) -> Statement:
    table, column = choose.choice([("plain", "id"), ("loose", "rowid"), ("parent", "id"), ("child", "id")])
    return f"DELETE FROM {table} WHERE {column} = ?", [_id(choose)]


def _delete_all(choose: random.Random) -> Statement:
    if choose.random() < 0.9:
        return _delete(choose)
    return f"DELETE FROM {choose.choice(['loose', 'coded', 'child'])}", []


def _code(choose: random.Random) -> Statement:
    if choose.random() < 0.5:
        return "REPLACE INTO coded (code, n) VALUES (?, ?)", [_text(choose), _id(choose)]
    return "UPDATE OR REPLACE coded SET code = ? WHERE code = ?", [_text(choose), _text(choose)]


def _pair(choose: random.Random) -> Statement:
    if choose.random() < 0.6:
        return "INSERT OR REPLACE INTO pair (x, y, z) VALUES (?, ?, ?)", [
            _value(choose),
            choose.choice([None, _text(choose)]),
            _value(choose),
        ]
    return "UPDATE OR IGNORE pair SET y = upper(y), z = ? WHERE x IS ?", [_value(choose), _value(choose)]


def _loose(choose: random.Random) -> Statement:
    if choose.random() < 0.7:
        return "INSERT OR REPLACE INTO loose (a, b) VALUES (?, ?)", [_value(choose), _id(choose)]
    return "UPDATE OR REPLACE loose SET b = b + 3 WHERE a IS ?", [_value(choose)]


def _rank(choose: random.Random) -> Statement:
    return "INSERT OR IGNORE INTO place (id, rank) VALUES (?, ?)", [_id(choose), _id(choose)]


def _swap(choose: random.Random) -> Statement:
    """Two rows change their unique values in one statement, by way of values that nobody has."""
    sql = (
        "REPLACE INTO place (id, rank) SELECT x.id, y.rank FROM place x, place y "
        "WHERE x.id IN (?1, ?2) AND y.id IN (?1, ?2) AND x.id <> y.id"
    )
    return sql, [_id(choose), _id(choose)]


def _negate(_choose: random.Random) -> Statement:
    return "UPDATE place SET rank = -rank", []


def _parent(choose: random.Random) -> Statement:
    return "INSERT INTO parent (name) VALUES (?)", [_text(choose)]


def _child(choose: random.Random) -> Statement:
    sql = "INSERT INTO child (parent, v) SELECT max(id), ? FROM parent HAVING max(id) IS NOT NULL"
    return sql, [_text(choose)]


def _renumber(choose: random.Random) -> Statement:
    return "UPDATE OR IGNORE parent SET id = id + 1 WHERE name = ?", [_text(choose)]


def _copy(choose: random.Random) -> Statement:
    return "INSERT OR IGNORE INTO coded (code, n) SELECT a, b FROM plain WHERE b > ?", [_id(choose)]


_FORMS = (
    _insert,
    _insert,
    _update,
    _update_many,
    _shift_keys,
    _upsert,
    _delete,
    _delete_all,
    _code,
    _pair,
    _loose,
    _rank,
    _swap,
    _negate,
    _parent,
    _child,
    _renumber,
    _copy,
)
