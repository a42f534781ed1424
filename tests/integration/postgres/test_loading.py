"""What is translated loads in PostgreSQL, and what is not is refused by name."""

import contextlib
import os
import sys
from collections import Counter
from pathlib import Path

import apsw
import psycopg
import pytest

import migrations_engine as engine

TESTS = Path(__file__).parents[2]
ARTICLE = TESTS.parent / "tenantdb" / "cli" / "demo" / "version2.json"


def schemas_of(folder):
    """The schemas of a folder of SQL files, each as SQLite itself understands it."""
    for path in sorted(Path(folder).glob("**/*.sql")):
        conn = apsw.Connection(":memory:")
        conn.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
        for _ in conn.execute(path.read_text(encoding="utf-8")):
            pass
        yield str(path.relative_to(folder)), engine.introspect(conn)


def load(conn, statements):
    """Run all statements in one transaction."""
    for statement in statements:
        conn.execute(statement)


def test_the_articles_document_loads(place):
    load(place, engine.ddl(engine.load(ARTICLE), "postgresql"))
    tables = place.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    ).fetchall()
    assert {name for (name,) in tables} == {
        "Users",
        "Contacts",
        "Departments",
        "Projects",
        "ProjectAssignments",
        "TimeEntries",
    }


class Tally:
    """How many schemas load whole, how many without what has no equal, and the reasons."""

    def __init__(self):
        self.total = self.whole = self.without_programs = 0
        self.reasons = Counter()

    def take(self, name, schema, postgres):
        self.total += 1
        try:
            self.load(name, schema, postgres)
            self.whole += 1
        except engine.NotTranslatable as error:
            project = name.partition("/")[0]
            self.reasons.update({(project, str(refusal)) for refusal in error.refusals})
            self.again(name, schema, postgres)

    def again(self, name, schema, postgres):
        """Without what is a program or an index of SQLite's own."""
        with contextlib.suppress(engine.NotTranslatable):
            self.load(name, schema, postgres, omit=["trigger:*", "virtual-table:*"])
            self.without_programs += 1

    @staticmethod
    def load(name, schema, postgres, **options):
        statements = engine.ddl(schema, "postgresql", **options)
        with postgres.place() as conn:
            try:
                load(conn, statements)
            except psycopg.Error as error:
                pytest.fail(f"{name}: {error}")

    def report(self):
        yield f"{self.whole} of {self.total} schemas load in PostgreSQL as they are"
        yield f"{self.whole + self.without_programs} of them without their triggers and virtual tables"
        for (project, reason), count in sorted(self.reasons.items()):
            yield f"{count:6} x {project}: {reason}"


def test_every_schema_loads_or_says_by_name_why_not(postgres, capsys):
    given = os.environ.get("TENANTDB_CORPUS")
    tally = Tally()
    for name, schema in schemas_of(given or TESTS / "data"):
        tally.take(name, schema, postgres)
    assert tally.whole
    if given:
        with capsys.disabled():
            sys.stdout.write("\n" + "\n".join(tally.report()) + "\n")
