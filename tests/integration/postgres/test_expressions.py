"""An expression that is translated gives in PostgreSQL what it gives in SQLite, on every row."""

import os

import apsw
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrations_engine.ddl.postgres import statements
from migrations_engine.ddl.postgres.expressions import translated
from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.relations import TableScope, Types
from migrations_engine.model import Objects
from migrations_engine.sql.tables import parse_table
from tests.postgres import plain

EXAMPLES = int(os.environ.get("TENANTDB_EXAMPLES", "150"))

TABLE = """CREATE TABLE t (
  id INTEGER PRIMARY KEY, n INTEGER, m INTEGER, r REAL, d DECIMAL(8,2), f BOOLEAN, s TEXT,
  u TEXT COLLATE NOCASE, b BLOB, day DATE, at DATETIME
)"""

ROWS = [
    (1, 7, 2, 2.5, 19.99, 1, "Alpha", "alpha", b"\x00\xff", "2024-02-29", "2024-02-29 13:45:10"),
    (2, -7, 2, -2.5, -0.5, 0, "alpha", "ALPHA", b"", "1999-12-31", "1999-12-31 23:59:59"),
    (3, 0, 0, 0.0, 0, 1, "", "", b"abc", "2000-01-01", "2000-01-01 00:00:00"),
    (4, None, None, None, None, None, None, None, None, None, None),
    (5, 100, -3, 1e5, 12345.67, 0, "10%_\\x", "b c", b"z", "2024-12-30", "2024-12-30 06:07:08"),
    (6, 1, 1, 0.125, 1.5, 1, " Äpfel und ÄPFEL ", "äpfel", b"\x01", "1970-01-01", "1970-01-01 00:00:01"),
    (7, 5, 1000, 3.75, 100, 0, "b", "A", b"B", "2023-07-04", "2023-07-04 12:00:00"),
    (8, 42, -1, -0.25, 7.25, 1, "it's", "B", b"\x7f", "2023-01-01", "2023-01-01 01:01:01"),
]


@pytest.fixture(scope="module")
def both(postgres):
    """Asks both databases for the values of an expression, row by row."""
    sqlite = apsw.Connection(":memory:")
    sqlite.execute(TABLE)
    sqlite.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 11)})", ROWS)
    table = parse_table(TABLE)
    schema = Objects(tables=(table,))
    scope = TableScope(table, Types(schema))
    with postgres.place() as conn:
        for statement in statements(schema):
            conn.execute(statement)
        for row in ROWS:
            made = (*row[:5], None if row[5] is None else bool(row[5]), *row[6:])
            conn.execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * 11)})", made)
        yield Both(sqlite, conn, scope)


class Both:
    def __init__(self, sqlite, postgres, scope):
        self._sqlite, self._postgres, self._scope = sqlite, postgres, scope

    def sqlite(self, expression):
        return [
            plain(value) for (value,) in self._sqlite.execute(f"SELECT ({expression}) FROM t ORDER BY t.id")
        ]

    def postgres(self, expression):
        value = translated(expression, self._scope)
        # A savepoint, so that one that fails leaves the others their rows.
        with self._postgres.transaction():
            found = self._postgres.execute(f"SELECT {value.sql} FROM t ORDER BY t.id").fetchall()
        return [plain(row[0]) for row in found]


SAME = """
n + m * 2 - 1 | n / m | -7 / 2 | n % m | n / 2 | r / 3 | r * n | d * 2 | d / 4.0 | d + r | n / r | 7 / 2.0 | -n
n & 3 | n | 5 | ~n | n << 2 | n >> 1 | n & 6 | 1
n = 7 | n <> 7 | n == 7.0 | n != '7' | n > 0.5 | n IS NULL | n IS NOT NULL | n IS 7 | n IS NOT m | n ISNULL | n NOTNULL
f | f = 1 | f = 0 | f <> 1 | f IN (0, 1) | f = true | f IS TRUE | f IS NOT FALSE | NOT f | f AND n | f OR n > 5 | f + 1 | f > 0
f = n | f BETWEEN 0 AND 1 | f = '1' | n IN (1, 7, NULL) | n NOT IN (7, 0) | n BETWEEN m AND 10 | n NOT BETWEEN -10 AND 0
s = 'alpha' | s < 'b' | s > 'B' | s >= 'Alpha' | s <> '' | s BETWEEN 'A' AND 'b' | s = 5 | s IN ('b', 'alpha')
u = 'ALPHA' | u = s | s = u | u IN ('b', 'B C') | u COLLATE BINARY = 'alpha' | s COLLATE NOCASE = 'ALPHA' | u <> 'a'
s LIKE 'a%' | s LIKE '%PHA' | s NOT LIKE 'al_ha' | s LIKE '%ä%' | s LIKE '10\\%' | s LIKE '10!%%' ESCAPE '!' | u LIKE 'A%'
n LIKE '1%' | s LIKE s | s LIKE '%\\\\x' | s GLOB 'a*' | s GLOB '[A-Z]*' | s GLOB '?' | s NOT GLOB '*h*' | s GLOB '[^A-Z]*' | s GLOB '*%*'
s || u | s || n | n || '-' || m | s || f | 'a' || 'b' | s || NULL
length(s) | length(b) | length(n) | lower(s) | upper(s) | lower(u) | trim(s) | ltrim(s, ' A') | rtrim(s, 'a') | replace(s, 'a', 'bb')
substr(s, 2) | substr(s, 1, 3) | substr(s, 3, 0) | substr(b, 2) | instr(s, 'l') | instr(s, 'ä') | abs(n) | abs(r) | abs(d)
coalesce(n, 0) | coalesce(s, u, 'x') | ifnull(f, 0) | nullif(n, 7) | nullif(s, '') | iif(n > 0, 'plus', 'minus') | coalesce(r, n)
max(n, m) | min(n, 3) | max(r, n) | CASE WHEN n > 0 THEN 'a' WHEN n < 0 THEN 'b' END | CASE n WHEN 7 THEN 1 WHEN '0' THEN 2 ELSE 3 END
CASE f WHEN 1 THEN s ELSE u || '' END | CASE WHEN f THEN r ELSE n END | hex(b) | lower(hex(b)) | b = x'616263' | b > x'01' | b IS NOT x'00ff'
CAST(r AS INTEGER) | CAST(n AS REAL) / 2 | CAST(n AS TEXT) | CAST(d AS INTEGER) | CAST(f AS INTEGER) | CAST(n AS TEXT) || s
date(at) | date(day) | datetime(at) | time(at) | datetime(day) | date('2024-01-31') | datetime('2024-01-31', '+1 day')
date(day, '+30 days') | date(at, 'start of month') | datetime(at, '-90 minutes') | date(day, 'start of year', '-1 day')
strftime('%Y', day) | strftime('%Y-%m', at) | strftime('%d.%m.%Y %H:%M', at) | strftime('%j', day) | strftime('%w', day) | strftime('%s', at)
CAST(strftime('%Y', day) AS INTEGER) | strftime('%m', day) = '02' | unixepoch(at) | julianday(at) | julianday(day) - 2440587.5
datetime(n, 'unixepoch') | date(n * 86400, 'unixepoch') | day > '2000-01-01' | day BETWEEN '2000-01-01' AND '2024-06-30' | at < '2000-01-01'
at >= '2024-01-01' | at = '2000-01-01 00:00:00' | date(at) = day | datetime(at) > at | day = date('2024-02-29') | length(day)
n = 1 OR m = 2 AND r > 0 | NOT n = 7 AND f | NOT n IS NULL | n < 3 = 1 | n = 7 IS NOT NULL | n > 2 IS f | - n + 3 | -n * -m
1 | 'text' | x'00ff' | 1.5 | NULL | true | 0x10 | (n) | likely(n > 2) | n BETWEEN 1 AND 5 OR f | n IN () | s IS NOT u
"""  # noqa: E501 - a table


def cells():
    """The expressions of the table; the one operator that divides them is put back."""
    lines = (line.replace("n | 5", "n ¦ 5").replace("6 | 1", "6 ¦ 1") for line in SAME.strip().splitlines())
    return [cell.strip().replace("¦", "|") for line in lines for cell in line.split(" | ")]


@pytest.mark.parametrize("expression", cells())
def test_an_expression_gives_the_same_in_both(both, expression):
    assert both.postgres(expression) == both.sqlite(expression)


NUMBERS = st.sampled_from(
    ["n", "m", "f", "id", "0", "1", "2", "7", "-3", "length(s)", "abs(n)", "instr(s, 'a')"]
)
FRACTIONS = st.sampled_from(["r", "0.5", "r", "2.0", "CAST(n AS REAL)"])
TEXTS = st.sampled_from(["s", "u", "'alpha'", "'B'", "''", "lower(s)", "upper(u)", "n || s", "trim(s)"])
MOMENTS = st.sampled_from(["at", "datetime(at)", "'2000-01-01 00:00:00'", "datetime(day)"])
COMPARISONS = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT", "==", "!="])


def joined(*parts):
    """Parts with a space between them, in parentheses or not: both grammars must agree on the rest."""
    return st.tuples(st.booleans(), *parts).map(
        lambda found: f"({' '.join(found[1:])})" if found[0] else " ".join(found[1:])
    )


def deeper(inner):
    """Operators over expressions, with and without parentheses."""
    arithmetic = st.sampled_from(["+", "-", "*", "%", "&", "|", "||"])
    tests = st.sampled_from(["AND", "OR", "=", "<>", "IS", "<", ">="])
    return st.one_of(
        joined(inner, arithmetic, inner),
        joined(inner, tests, inner),
        joined(st.just("NOT"), inner),
        joined(st.just("-"), inner),
        joined(inner, st.sampled_from(["IS NULL", "IS NOT NULL", "NOTNULL", "IS TRUE", "IS NOT FALSE"])),
        joined(inner, st.just("BETWEEN"), inner, st.just("AND"), inner),
        joined(inner, st.sampled_from(["IN", "NOT IN"]), st.just("(0, 1, 'alpha')")),
        joined(inner, st.sampled_from(["LIKE", "NOT LIKE"]), st.sampled_from(["'a%'", "'%_'", "s"])),
        st.tuples(inner, inner, inner).map("CASE WHEN {0[0]} THEN {0[1]} ELSE {0[2]} END".format),
        st.tuples(inner, inner).map("coalesce({0[0]}, {0[1]})".format),
        inner.map("CAST({} AS TEXT)".format),
        inner.map("CAST({} AS INTEGER)".format),
    )


LEAVES = st.one_of(
    NUMBERS,
    FRACTIONS,
    TEXTS,
    joined(NUMBERS, COMPARISONS, NUMBERS),
    joined(NUMBERS, st.sampled_from(["+", "-", "*", "/", "%"]), NUMBERS),
    joined(FRACTIONS, st.sampled_from(["+", "-", "*", "/"]), NUMBERS),
    joined(TEXTS, COMPARISONS, TEXTS),
    joined(MOMENTS, COMPARISONS, MOMENTS),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(expression=st.recursive(LEAVES, deeper, max_leaves=5))
def test_whatever_is_translated_gives_the_same_in_both(both, expression):
    try:
        found = both.postgres(expression)
    except Refused:
        return
    except psycopg.errors.NumericValueOutOfRange:
        # Where whole numbers outgrow 64 bits SQLite goes on with fractions; PostgreSQL says so.
        return
    assert found == both.sqlite(expression), expression
