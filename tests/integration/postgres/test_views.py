"""A view that is translated has in PostgreSQL the rows that it has in SQLite."""

import apsw
import pytest

import migrations_engine as engine
from migrations_engine.ddl import postgres as ddl
from tests.postgres import plain

TABLES = """
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, founded DATE);
CREATE TABLE people (
  id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams, name TEXT, pay DECIMAL(8,2), rate REAL,
  active BOOLEAN NOT NULL DEFAULT 1, born DATE, seen DATETIME, boss INT REFERENCES people
);
CREATE TABLE tags (person INTEGER NOT NULL REFERENCES people, tag TEXT NOT NULL, PRIMARY KEY (person, tag))
  WITHOUT ROWID;
"""

ROWS = {
    "teams": [(1, "Red", "2001-05-06"), (2, "blue", None), (3, "Äther", "1999-01-01")],
    "people": [
        (1, 1, "Ann", 100.5, 1.5, True, "1990-02-03", "2024-01-02 03:04:05", None),
        (2, 1, "bob", 80, 0.5, False, "1985-12-31", None, 1),
        (3, 2, "Éva", 99.99, None, True, None, "2024-02-29 23:59:59", 1),
        (4, None, None, None, 2.25, True, "2000-02-29", "2023-12-31 00:00:00", 2),
        (5, 2, "ann", 80, 4.0, False, "1990-02-03", "2024-01-02 03:04:05", 3),
    ],
    "tags": [(1, "x"), (1, "y"), (2, "x"), (3, "Z"), (5, "_")],
}

SAME = """
SELECT * FROM people;
SELECT p.*, t.name AS team_name FROM people p JOIN teams AS t ON t.id = p.team;
SELECT PEOPLE.NAME, Pay FROM People WHERE ACTIVE = 1;
SELECT name FROM people ORDER BY name;
SELECT name, pay FROM people ORDER BY pay DESC, 1 LIMIT 3 OFFSET 1;
SELECT name AS who FROM teams ORDER BY who;
SELECT t.name, count(*) AS n FROM teams t LEFT JOIN people p ON p.team = t.id GROUP BY t.id ORDER BY
  t.id;
SELECT team, count(name) AS names, sum(pay) AS pay, avg(rate) AS rate, max(seen) AS seen, min(name)
  AS first, total(rate) AS total, sum(active) AS active FROM people GROUP BY team;
SELECT count(DISTINCT pay) AS n, sum(id) AS ids FROM people;
SELECT active, sum(pay > 90) AS high FROM people GROUP BY 1 HAVING count(*) > 1;
SELECT CASE WHEN active THEN 'yes' ELSE 'no' END AS state, count(*) AS n FROM people GROUP BY state;
SELECT DISTINCT born FROM people ORDER BY born DESC;
SELECT name FROM people WHERE team IN (SELECT id FROM teams WHERE founded IS NOT NULL);
SELECT name FROM people p WHERE EXISTS (SELECT 1 FROM tags WHERE person = p.id AND tag = 'x');
SELECT name, (SELECT count(*) FROM tags WHERE person = people.id) AS tags FROM people;
SELECT name FROM people WHERE NOT EXISTS (SELECT * FROM tags t WHERE t.person = people.id) OR name
  IS NULL;
SELECT a.name, b.name AS boss FROM people a LEFT JOIN people b ON a.boss = b.id;
SELECT p.name, x.tag FROM people p, tags x WHERE p.id = x.person AND x.tag < 'a';
SELECT name FROM people UNION SELECT tag FROM tags WHERE 1;
SELECT id FROM people UNION ALL SELECT person FROM tags ORDER BY 1 DESC;
SELECT id FROM people EXCEPT SELECT person FROM tags;
SELECT id FROM people UNION SELECT 99 INTERSECT SELECT person FROM tags;
WITH paid AS (SELECT team, sum(pay) AS pay FROM people GROUP BY team), named(a, b) AS (SELECT id,
  name FROM teams) SELECT named.b, paid.pay FROM named JOIN paid ON paid.team = named.a;
SELECT s.team, s.n FROM (SELECT team, count(*) AS n FROM people GROUP BY team) AS s WHERE s.n > 1;
SELECT people.rowid AS r, name FROM people WHERE _rowid_ > 2;
SELECT name || ' (' || id || ')' AS label, upper(name) AS shout, length(name) AS n FROM people;
SELECT strftime('%Y', born) AS year, count(*) AS n FROM people GROUP BY strftime('%Y', born) ORDER
  BY year;
SELECT name, date(seen) AS day FROM people WHERE seen >= '2024-01-01' ORDER BY seen, name DESC;
SELECT name, coalesce(rate, 0) * 2 AS double_rate, pay / 2.0 AS half FROM people;
SELECT t.name, group_concat(p.name) AS names FROM teams t JOIN people p ON p.team = t.id WHERE p.id
  < 2 GROUP BY t.id;
SELECT name FROM teams WHERE name = 'BLUE';
SELECT name FROM people WHERE name LIKE 'AN%';
SELECT team, pay FROM people JOIN tags ON tags.person = people.id ORDER BY tags.tag, people.id;
SELECT id, 1.5 AS k, 'x' AS c, NULL AS missing, x'00ff' AS b FROM teams;
SELECT q.k * 2 AS k FROM (SELECT 1.5 AS k) AS q;
SELECT team, count(*) AS n, (SELECT count(*) FROM tags WHERE person = team) AS t FROM people GROUP BY team
  HAVING max(id) IN (SELECT person FROM tags WHERE person > 0)
"""

REFUSED = {
    "SELECT count(*) FROM people": "a column without a name",
    "SELECT name, count(*) AS n FROM people": "is not one per group",
    "SELECT team, name FROM people GROUP BY team": "is not one per group",
    "SELECT name, name FROM people": "two columns of one name",
    "SELECT name FROM nowhere": "reads nowhere, which is no table",
    "SELECT shoes FROM people": "unknown name shoes",
    "SELECT id FROM people JOIN teams": "the name id means two columns",
    "SELECT a.name FROM people a NATURAL JOIN teams": "JOIN with method",
    "SELECT row_number() OVER (ORDER BY id) AS n FROM people": "Window",
    "SELECT name + 1 AS n FROM people": "is text and no number",
    "SELECT count(*) AS n FROM people ORDER BY name": "is not one per group",
    "SELECT (SELECT tag FROM tags WHERE person = p.id) AS n FROM people p GROUP BY team": "one per group",
    "SELECT (SELECT tag FROM tags WHERE person = pay) AS n FROM people GROUP BY team": "pay is not one per",
    "SELECT team FROM people GROUP BY team HAVING EXISTS (SELECT 1 FROM tags WHERE person = pay)": "pay is",
    "SELECT id FROM people ORDER BY 2.5": "ORDER BY 2.5",
    "SELECT count(*) AS n, p.* FROM people p": "beside groups",
    "SELECT 'x' AS kind FROM people GROUP BY kind": "GROUP BY the literal 'x'",
    "SELECT replace(name, 'a') AS n FROM people": "too few values",
    "SELECT DISTINCT name FROM teams": "DISTINCT of texts that are NOCASE",
    "SELECT name, count(*) AS n FROM teams GROUP BY name": "NOCASE",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n": "recursive",
    "SELECT rowid AS r FROM tags": "unknown name rowid",
    "SELECT json_extract(name, '$.a') AS a FROM people": "json_extract",
    "SELECT id FROM people UNION SELECT name FROM people": "in one query and text",
    "SELECT printf('%d', id) AS p FROM people": "the function printf",
    "SELECT typeof(id) AS t FROM people": "the function typeof",
    "SELECT name FROM people ORDER BY round(rate)": "the function round",
    "SELECT pay / 3 AS third FROM people": "CAST one AS REAL",
    "SELECT name FROM people LIMIT -1": "LIMIT",
    "VALUES (1)": "VALUES",
}


@pytest.fixture(scope="module")
def sqlite():
    conn = apsw.Connection(":memory:")
    conn.execute(TABLES)
    for table, rows in ROWS.items():
        conn.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return conn


@pytest.fixture(scope="module")
def filled(postgres, sqlite):
    with postgres.place() as conn:
        for statement in engine.ddl(engine.introspect(sqlite), "postgresql"):
            conn.execute(statement)
        conn.execute("SET session_replication_role = replica")
        for table, rows in ROWS.items():
            for row in rows:
                conn.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
        yield conn


def translated(sqlite, query):
    """The statement that makes a view of this query."""
    with sqlite:
        # SQLite looks into a view when it is read.
        sqlite.execute(f"CREATE VIEW v AS {query}")
        try:
            return ddl.statements(engine.introspect(sqlite))[-1]
        finally:
            sqlite.execute("DROP VIEW v")


def rows_of(found, query):
    rows = [tuple(plain(value) for value in row) for row in found]
    return rows if "ORDER BY" in query else sorted(rows, key=repr)


@pytest.mark.parametrize("query", [" ".join(query.split()) for query in SAME.split(";")])
def test_a_view_has_the_same_rows_in_both(sqlite, filled, query):
    with filled.transaction(force_rollback=True):
        filled.execute(translated(sqlite, query))
        found = filled.execute("SELECT * FROM v")
        assert rows_of(found, query) == rows_of(sqlite.execute(query), query)
        if "*" not in query.split("FROM", 1)[0]:
            names = [column[0].lower() for column in sqlite.execute(query).getdescription()]
            assert [column.name.lower() for column in found.description] == names


@pytest.mark.parametrize(("query", "reason"), REFUSED.items())
def test_a_view_that_has_no_equal_is_refused_by_name(sqlite, query, reason):
    with pytest.raises(engine.NotTranslatable, match=reason) as caught:
        translated(sqlite, query)
    assert [refusal.object_name for refusal in caught.value.refusals] == ["view v"]


def test_views_are_made_in_the_order_in_which_they_read_each_other(place):
    schema = engine.loads(
        '{"t": {"id": "INTEGER PRIMARY KEY", "a": "TEXT"}, "_views": {'
        '"one": "CREATE VIEW one AS SELECT A, n FROM two",'
        '"Two": "CREATE VIEW Two(a, n) AS SELECT a, id FROM t"}}'
    )
    for statement in engine.ddl(schema, "postgresql"):
        place.execute(statement)
    assert [column.name for column in place.execute("SELECT * FROM one").description] == ["a", "n"]


def test_a_view_on_a_refused_view_is_refused_with_it():
    schema = engine.loads(
        '{"t": {"a": "TEXT"}, "_views": {"one": "CREATE VIEW one AS SELECT b FROM two",'
        '"two": "CREATE VIEW two AS SELECT typeof(a) AS b FROM t"}}'
    )
    with pytest.raises(engine.NotTranslatable) as caught:
        engine.ddl(schema, "postgresql")
    assert {refusal.object_name: refusal.reason for refusal in caught.value.refusals} == {
        "view two": "the function typeof has no equal",
        "view one": "reads the view two, which has no equal",
    }
