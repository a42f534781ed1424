"""Whatever SQLite takes as a table, in any spelling: a copy built from its document is the same to SQLite."""

from __future__ import annotations

import os

import apsw
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import migrations_engine as engine

MANY = settings(
    max_examples=int(os.environ.get("TENANTDB_EXAMPLES", "40")),
    deadline=None,
    derandomize="TENANTDB_EXAMPLES"
    not in os.environ,  # the same ones each day; the campaign looks for others
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

NAMES = (
    "a",
    "B",
    "id",
    "order",
    "key",
    "two words",
    "1st",
    "it's",
    'q"q',
    "a]b",
    "",
    "été",
    "rowid",
    "_x",
    "--",
)
TYPES = (
    "",
    "TEXT",
    "integer",
    "VARCHAR ( 9 )",
    "DECIMAL(10, +2)",
    "'odd type'",
    "[text]",
    "DOUBLE PRECISION",
)
DEFAULTS = (
    "0",
    "- 5",
    "+1.50",
    "0x1F",
    "x'00ff'",
    "'it''s'",
    '"text"',
    "word",
    "(1 + (2))",
    "(date('now'))",
    "TRUE",
)
CONFLICTS = ("", "", "ON CONFLICT IGNORE", "ON CONFLICT ABORT", "ON CONFLICT REPLACE")
GAPS = (" ", " ", " ", "\n", "\t", " /* , ) */ ", " -- it's ( \n", "/**/")
PARENTS = (
    "REFERENCES nowhere",
    "REFERENCES t ON DELETE CASCADE NOT DEFERRABLE",
    "REFERENCES p(x) MATCH FULL",
)

one_in_four = st.integers(0, 3).map(lambda number: number == 0)


class Writer:
    """Draws words and joins them with whatever may stand between."""

    def __init__(self, draw):
        self.draw = draw

    def of(self, choices):
        return self.draw(st.sampled_from(choices))

    def rarely(self, *words):
        return self.join(*words) if self.draw(one_in_four) else ""

    def join(self, *words):
        return "".join(word + self.of(GAPS) for word in words if word)

    def name(self, name):
        ways = ['"' + name.replace('"', '""') + '"', "`" + name.replace("`", "``") + "`"]
        ways += [f"[{name}]"] * ("]" not in name) + [name] * (name in ("a", "B", "id", "key", "été", "_x"))
        return self.of(ways)

    def rule(self, *words):
        return self.join(self.rarely("CONSTRAINT", self.name(self.of(NAMES))), *words)

    def expression(self, names):
        column, other = (self.name(self.of(names)) for _ in range(2))
        return self.of(
            (f"{column} IS NOT 'x--'", f"({column}) > 0 OR {other} == 'a;b'", f"typeof({column}) <> '('")
        )

    def column(self, name, earlier):
        rules = [
            self.rarely(self.rule("NOT NULL", self.of(CONFLICTS))),
            self.rarely(self.rule("COLLATE", self.of(("NOCASE", "[rtrim]", "binary")))),
            self.rarely(self.rule("CHECK", f"({self.expression([*earlier, name])})")),
            self.rarely(self.rule("UNIQUE", self.of(CONFLICTS))),
            self.rarely(self.rule(self.of(PARENTS))),
        ]
        if earlier and self.draw(one_in_four):
            rules.append(self.join("AS", f"({self.expression(earlier)})", self.of(("", "STORED", "VIRTUAL"))))
        else:
            rules.append(self.rarely(self.rule("DEFAULT", self.of(DEFAULTS))))
        return self.join(self.name(name), self.of(TYPES), *self.draw(st.permutations(rules)))

    def table(self):
        names = self.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
        parts = [self.column(name, names[:at]) for at, name in enumerate(names)]
        listed = ", ".join(self.name(name) + self.of(("", " DESC", " COLLATE NOCASE")) for name in names[:2])
        parts += [
            self.rarely(self.rule(self.of(("PRIMARY KEY", "UNIQUE")), f"({listed})", self.of(CONFLICTS))),
            self.rarely(self.rule("CHECK", f"({self.expression(names)})")),
            self.rarely(self.rule("FOREIGN KEY", f"({self.name(names[0])})", self.of(PARENTS))),
        ]
        body = ", ".join(part for part in parts if part)
        return names, self.join(f"CREATE TABLE t ({body})", self.of(("", "", "WITHOUT ROWID")))

    def index(self, names):
        entry = self.name(self.of(names)) + self.of(("", " DESC", " COLLATE NOCASE", " || 'x'"))
        return self.join("CREATE", self.of(("", "UNIQUE")), "INDEX", self.name("i i"), f"ON T ({entry})") + (
            self.rarely("WHERE", self.expression(names))
        )


@st.composite
def scripts(draw):
    """A table and an index on it."""
    writer = Writer(draw)
    names, table = writer.table()
    return [table, writer.index(names)]


def seen_by_sqlite(conn):
    """Columns, keys and indexes as SQLite's pragmas tell them, but for the text of defaults.

    Two keys of the same columns are one index to SQLite, in the direction of the one that was written first.
    """
    columns = conn.execute(
        "SELECT name, \"notnull\", dflt_value IS NULL, pk, hidden FROM pragma_table_xinfo('t')"
    )
    keys = conn.execute(
        'SELECT seq, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(\'t\')'
    )
    indexes = conn.execute(
        """SELECT l."unique", l.origin, l.partial,
                  group_concat(i.cid || i.coll || i.key || iif(l.origin = 'c', i."desc", ''))
           FROM pragma_index_list('t') AS l, pragma_index_xinfo(l.name) AS i GROUP BY l.name"""
    )
    return columns.fetchall(), sorted(keys.fetchall()), sorted(indexes.fetchall())


@MANY
@given(scripts())
def test_a_copy_from_its_document_is_the_same_to_sqlite(script):
    conn, copy = apsw.Connection(":memory:"), apsw.Connection(":memory:")
    try:
        for statement in script:
            conn.execute(statement)
    except apsw.SQLError:
        assume(conn.execute("SELECT 1 FROM sqlite_schema").fetchall())
    schema = engine.introspect(conn)
    for statement in engine.ddl(engine.loads(schema.to_json()), "sqlite"):
        copy.execute(statement)
    assert seen_by_sqlite(copy) == seen_by_sqlite(conn)
    assert engine.introspect(copy).hash == schema.hash
