"""Virtual tables in a change of a file: full-text and R-tree tables that come, go, change and come back."""

from __future__ import annotations

import contextlib
import json

import apsw
import apsw.fts5
import pytest

import migrations_engine as engine
from migrations_engine import sqlite
from migrations_engine.commands import app
from migrations_engine.commands.running import Program
from migrations_engine.execution import execute
from migrations_engine.execution.applying import apply_in
from migrations_engine.execution.compiling import compiled
from migrations_engine.reversal import roll_back_in
from tenantdb import fence

DOCS = {"id": "INTEGER PRIMARY KEY", "title": "TEXT", "body": "TEXT"}
OWN = "CREATE VIRTUAL TABLE f USING fts5(title, body)"
EXTERNAL = "CREATE VIRTUAL TABLE f USING fts5(title, body, content='docs', content_rowid='id')"
FED = {
    "ai": "CREATE TRIGGER ai AFTER INSERT ON docs BEGIN "
    "INSERT INTO f(rowid, title, body) VALUES (new.id, new.title, new.body); END",
    "ad": "CREATE TRIGGER ad AFTER DELETE ON docs BEGIN "
    "INSERT INTO f(f, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END",
    "au": "CREATE TRIGGER au AFTER UPDATE ON docs BEGIN "
    "INSERT INTO f(f, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); "
    "INSERT INTO f(rowid, title, body) VALUES (new.id, new.title, new.body); END",
}
ROWS = "INSERT INTO docs VALUES (3, 'red fox', 'over the dog'), (7, 'blue', 'sky and sea'), (9, 'red', NULL)"


class File:
    """A lone file with one connection that stays open all the while, as an application's would."""

    def __init__(self, path):
        self.path = path
        self.conn = apsw.Connection(str(path))

    def run(self, sql, *values):
        return self.conn.execute(sql, values or None).fetchall()

    def apply(self, virtual=(), tables=None, *, allow=True, **sections):
        tables = {"docs": DOCS} if tables is None else tables
        made = {sql.split()[3]: sql for sql in ([virtual] if isinstance(virtual, str) else virtual)}
        document = {**tables, "_virtual_tables": made, **{f"_{k}": v for k, v in sections.items()}}
        return engine.apply(engine.loads(json.dumps(document)), self.path, allow_destructive=allow)

    def matches(self, words, table="f"):
        return [rowid for (rowid,) in self.run(f"SELECT rowid FROM {table}({words!r}) ORDER BY rowid")]

    def is_whole(self, table="f"):
        """SQLite's own account: the index is that of the content, and the file is sound."""
        self.run(f"INSERT INTO {table}({table}, rank) VALUES ('integrity-check', 1)")
        return self.run("PRAGMA integrity_check") == [("ok",)]

    def picture(self):
        """Structure, and every row of every table, virtual ones too."""
        names = self.run(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') "
            "AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_tenantdb%' ESCAPE '\\' "
            "AND name <> '_schema_versions' ORDER BY name"
        )
        rows = {n: self.run(f"SELECT rowid, * FROM {n} ORDER BY 1") for (n,) in names}
        return engine.introspect(self.path).hash, rows

    def litter(self):
        return self.run("SELECT name FROM sqlite_schema WHERE name LIKE '\\_tenantdb\\_old%' ESCAPE '\\'")


@pytest.fixture
def file(tmp_path):
    made = File(tmp_path / "file.db")
    yield made
    made.conn.close()


# Tables that hold their rows


def test_a_full_text_table_gets_a_column_and_keeps_rowids_values_and_matches(file):
    file.apply(OWN)
    file.run("INSERT INTO f(rowid, title, body) VALUES (5, 'red fox', 7), (9, 'blue', NULL)")
    result = file.apply("CREATE VIRTUAL TABLE f USING fts5(body, extra UNINDEXED, title, tokenize='porter')")
    assert (result.strategy, result.rows) == ("rebuild", 2)
    assert file.run("SELECT rowid, title, body, typeof(body), extra FROM f ORDER BY rowid") == [
        (5, "red fox", 7, "integer", None),
        (9, "blue", None, "null", None),
    ]
    assert file.matches("foxes") == [5]
    assert file.is_whole()


def test_what_a_full_text_table_was_told_to_remember_stays(file):
    file.apply(OWN)
    file.run("INSERT INTO f(f, rank) VALUES ('rank', 'bm25(10.0, 1.0)')")
    file.run("INSERT INTO f(f, rank) VALUES ('secure-delete', 1)")
    before = file.run("SELECT k, v FROM f_config ORDER BY k")
    file.apply("CREATE VIRTUAL TABLE f USING fts5(title, body, prefix='2 3')")
    assert file.run("SELECT k, v FROM f_config ORDER BY k") == before


def test_each_value_keeps_its_locale(file):
    file.apply("CREATE VIRTUAL TABLE f USING fts5(title, locale=1)")
    file.run("INSERT INTO f(rowid, title) VALUES (1, fts5_locale('de_DE', 'Haus')), (2, 'house')")
    file.apply("CREATE VIRTUAL TABLE f USING fts5(title, body, locale=1)")
    locales = [row[0] for row in file.run("SELECT fts5_get_locale(f, 0) FROM f ORDER BY rowid")]
    assert locales == ["de_DE", None]
    assert file.run("SELECT title FROM f ORDER BY rowid") == [("Haus",), ("house",)]


@pytest.mark.parametrize("module", ["fts3", "fts4", "fts5"])
def test_a_full_text_table_goes_over_to_another_version_with_its_rows(file, module):
    file.apply("CREATE VIRTUAL TABLE f USING fts3(title, body)")
    file.run("INSERT INTO f(docid, title, body) VALUES (4, 'red fox', 'dog'), (-2, 'sea', NULL)")
    file.apply(f"CREATE VIRTUAL TABLE f USING {module}(title, body, extra)")
    assert file.run("SELECT rowid, title, body, extra FROM f ORDER BY rowid") == [
        (-2, "sea", None, None),
        (4, "red fox", "dog", None),
    ]
    assert [row[0] for row in file.run("SELECT rowid FROM f WHERE f MATCH 'fox'")] == [4]


def test_the_language_of_each_fts4_row_stays(file):
    file.apply("CREATE VIRTUAL TABLE f USING fts4(title, languageid='lang')")
    file.run("INSERT INTO f(docid, title, lang) VALUES (1, 'haus', 7), (2, 'house', 0)")
    file.apply("CREATE VIRTUAL TABLE f USING fts4(title, body, languageid='lang')")
    assert file.run("SELECT docid, title, lang FROM f ORDER BY 1") == [(1, "haus", 7), (2, "house", 0)]
    assert file.run("SELECT docid FROM f WHERE f MATCH 'haus' AND lang = 7") == [(1,)]


def test_the_coordinates_of_an_r_tree_do_not_drift(file):
    places = "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1, +name)"
    file.apply(places)
    for number in range(200):
        x = number / 7 - 11.1
        file.run("INSERT INTO r VALUES (?, ?, ?, ?, ?, ?)", number * 3, x, x + 0.1, -x, 0.3 - x, f"p{number}")
    before = file.run("SELECT id, x0, x1, y0, y1, name FROM r ORDER BY id")
    for extra in ("colour", "size"):
        file.apply(places[:-1] + f", +{extra})")
    assert file.run("SELECT id, x0, x1, y0, y1, name FROM r ORDER BY id") == before
    assert file.run("SELECT rtreecheck('r')") == [("ok",)]


def test_coordinates_that_are_called_otherwise_keep_their_place(file):
    file.apply("CREATE VIRTUAL TABLE r USING rtree(id, minX, maxX, minY, maxY)")
    file.run("INSERT INTO r VALUES (1, 1, 2, 10, 20)")
    result = file.apply("CREATE VIRTUAL TABLE r USING rtree(key, left, right, top, bottom)", allow=False)
    assert result.changed
    assert file.run('SELECT key, "left", "right", top, bottom FROM r') == [(1, 1.0, 2.0, 10.0, 20.0)]
    file.apply("CREATE VIRTUAL TABLE r USING rtree(key, top, bottom, left, right)", allow=False)
    assert file.run('SELECT key, "left", "right", top, bottom FROM r') == [(1, 1.0, 2.0, 10.0, 20.0)]


def test_an_r_tree_with_rows_gets_no_dimension_that_nothing_is_known_about(file):
    file.apply("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)")
    file.run("INSERT INTO r VALUES (1, 1, 2)")
    before = file.picture()
    with pytest.raises(engine.Unsupported, match="y0, y1"):
        file.apply("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1)")
    assert file.picture() == before
    file.run("DELETE FROM r")
    assert file.apply("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1)").changed


def test_integer_coordinates_and_polygons_come_across(file):
    file.apply(
        ["CREATE VIRTUAL TABLE i USING rtree_i32(id, a, b)", "CREATE VIRTUAL TABLE g USING geopoly(n)"]
    )
    file.run("INSERT INTO i VALUES (1, 16777217, 2147483647)")
    file.run("INSERT INTO g(rowid, _shape, n) VALUES (4, '[[0.1,0],[1.7,0],[1,1.3],[0.1,0]]', 'tri')")
    shape = file.run("SELECT rowid, _shape, n FROM g")
    file.apply(
        ["CREATE VIRTUAL TABLE i USING rtree_i32(id, a, b, +n)", "CREATE VIRTUAL TABLE g USING geopoly(n, m)"]
    )
    assert file.run("SELECT * FROM i") == [(1, 16777217, 2147483647, None)]
    assert file.run("SELECT rowid, _shape, n FROM g") == shape


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (OWN, None, "virtual table f"),
        (OWN, "CREATE VIRTUAL TABLE f USING fts5(title)", "column f.body"),
        (OWN, "CREATE VIRTUAL TABLE f USING fts5(title, body, content='')", "values of virtual table f"),
        (OWN, EXTERNAL, "virtual table f"),
        ("CREATE VIRTUAL TABLE f USING rtree(id, a, b)", None, "virtual table f"),
        (
            "CREATE VIRTUAL TABLE f USING rtree(id, a, b, +n)",
            "CREATE VIRTUAL TABLE f USING rtree(id, a, b)",
            "f.n",
        ),
        ("CREATE VIRTUAL TABLE f USING fts5(a, content='')", None, "virtual table f"),
    ],
)
def test_rows_that_would_go_are_named_and_need_leave(file, before, after, lost):
    file.apply(before)
    picture = engine.introspect(file.path).hash
    with pytest.raises(engine.DestructiveChange, match=lost) as refusal:
        file.apply([after] if after else [], allow=False)
    assert refusal.value.allow == [f"{'change' if after else 'drop'}-virtual-table:f"]
    assert engine.introspect(file.path).hash == picture
    assert file.apply([after] if after else []).changed


@pytest.mark.parametrize("gone", [EXTERNAL, "CREATE VIRTUAL TABLE f USING fts5vocab('g', 'row')"])
def test_what_can_be_made_again_goes_without_leave_and_comes_back(file, gone):
    kept = "CREATE VIRTUAL TABLE g USING fts5(x)"
    file.apply([gone, kept])
    assert file.apply([kept], allow=False).changed
    engine.rollback(file.path)
    assert [t.name for t in engine.introspect(file.path).virtual_tables] == ["f", "g"]


# Indexes of other tables


def test_an_index_of_another_table_is_made_from_its_rows(file):
    file.apply()
    file.run(ROWS)
    file.apply(EXTERNAL)
    assert file.matches("red") == [3, 9]
    assert file.is_whole()


@pytest.mark.parametrize("module", ["fts4(title, body, content='docs')", "fts4(content='docs', title)"])
def test_so_is_one_of_fts4(file, module):
    file.apply()
    file.run(ROWS)
    file.apply(f"CREATE VIRTUAL TABLE f USING {module}")
    assert file.run("SELECT docid FROM f WHERE f MATCH 'red'") == [(3,), (9,)]


def test_a_changed_index_is_made_again_from_what_its_table_has_by_then(file):
    file.apply(EXTERNAL, triggers=FED)
    file.run(ROWS)
    docs = {
        **DOCS,
        "_renames": {"heading": "title"},
        "heading": "TEXT",
        "note": "TEXT",
        "_fill": {"note": "'nb'"},
    }
    del docs["title"]
    changed = "CREATE VIRTUAL TABLE f USING fts5(heading, note, content='docs', content_rowid='id')"
    file.apply(changed, {"docs": docs})
    assert (file.matches("red"), file.matches("nb")) == ([3, 9], [3, 7, 9])
    assert file.is_whole()


def test_a_rebuild_of_the_content_table_keeps_its_index_right(file):
    file.apply(EXTERNAL, triggers=FED)
    file.run(ROWS)
    stale = file.run("SELECT id, block FROM f_data ORDER BY id")
    strict = {**DOCS, "title": "TEXT NOT NULL COLLATE NOCASE", "_checks": ["id > 0"]}
    assert file.apply(EXTERNAL, {"docs": strict}, triggers=FED).strategy == "rebuild"
    assert file.run("SELECT id, block FROM f_data ORDER BY id") == stale, "nothing had to be indexed again"
    file.run("INSERT INTO docs VALUES (11, 'red hen', 'x'); DELETE FROM docs WHERE id = 3")
    assert file.matches("red") == [9, 11]
    assert file.is_whole()


@pytest.mark.parametrize(
    ("definition", "hints"),
    [("TEXT NOT NULL", {"_fill": {"body": "coalesce(body, 'green')"}}), ("TEXT AS (upper(title))", {})],
)
def test_other_values_in_the_content_table_are_indexed_in_the_same_transaction(file, definition, hints):
    file.apply(EXTERNAL, triggers=FED)
    file.run(ROWS)
    file.apply(EXTERNAL, {"docs": {**DOCS, "body": definition, **hints}}, triggers=FED)
    assert file.is_whole()
    assert (9 in file.matches("body:green")) == bool(hints)
    engine.rollback(file.path)
    assert file.is_whole()
    assert file.matches("sky") == [7]


def test_an_index_of_a_view_is_made_again_when_the_view_changes(file):
    def view(expression):
        return {"v": f"CREATE VIEW v AS SELECT id, {expression} AS title FROM docs"}

    index = "CREATE VIRTUAL TABLE f USING fts5(title, content='v', content_rowid='id')"
    file.apply(index, views=view("title"))
    file.run(ROWS)
    file.apply(index, views=view("title || ' ' || coalesce(body, '')"))
    assert file.matches("sky") == [7]
    assert file.is_whole()


def test_an_index_that_takes_its_content_over_gets_all_columns_of_its_names(file):
    file.apply(EXTERNAL, triggers=FED)
    file.run(ROWS)
    file.apply("CREATE VIRTUAL TABLE f USING fts5(body, id UNINDEXED, title)")
    assert file.run("SELECT rowid, id, title, body FROM f") == [
        (3, 3, "red fox", "over the dog"),
        (7, 7, "blue", "sky and sea"),
        (9, 9, "red", None),
    ]


def test_an_index_whose_content_is_missing_stays_but_does_not_change(file):
    orphan = "CREATE VIRTUAL TABLE f USING fts5(title, content='nowhere')"
    file.apply(orphan)
    assert file.apply(orphan, {"docs": {**DOCS, "note": "TEXT"}}).changed
    with pytest.raises(engine.Unsupported, match="nowhere") as refusal:
        file.apply("CREATE VIRTUAL TABLE f USING fts5(title, body, content='nowhere')")
    assert refusal.value.object_name == "f"


def test_a_contentless_index_changes_while_it_is_empty_only(file):
    index = "CREATE VIRTUAL TABLE f USING fts5(title, content='')"
    changed = "CREATE VIRTUAL TABLE f USING fts5(title, body, content='', contentless_delete=1)"
    file.apply(index)
    file.run("INSERT INTO f(rowid, title) VALUES (5, 'red')")
    for refused in (file.apply, lambda sql: engine.plan(_virtual(sql), file.path)):
        with pytest.raises(engine.Unsupported, match="only their index is kept"):
            refused(changed)
    assert file.matches("red") == [5]
    file.run("INSERT INTO f(f) VALUES ('delete-all')")
    file.apply(changed)
    file.run("INSERT INTO f(rowid, title) VALUES (6, 'red')")
    assert file.matches("red") == [6]


def _virtual(sql):
    return engine.loads(json.dumps({"docs": DOCS, "_virtual_tables": {"f": sql}}))


def test_a_table_takes_the_name_of_a_dropped_virtual_table_and_the_other_way_round(file):
    file.apply(OWN)
    file.run("INSERT INTO f(rowid, title) VALUES (1, 'red')")
    before = file.picture()
    tables = {"f": {"a": "TEXT"}, "f_content": {"b": "TEXT"}}
    file.apply((), tables)
    assert [t.name for t in engine.introspect(file.path).tables] == ["f", "f_content"]
    engine.rollback(file.path)
    assert file.picture() == before
    file.apply((), tables)
    file.run("INSERT INTO f_content(b) VALUES ('x')")
    taken = file.picture()
    file.apply(OWN)
    assert file.run("SELECT * FROM f") == []
    engine.rollback(file.path)
    assert file.picture() == taken


# The way back


SHAPES = {
    "own": OWN,
    "fts4": "CREATE VIRTUAL TABLE f USING fts4(title, body, languageid='lang')",
    "rtree": "CREATE VIRTUAL TABLE f USING rtree(id, x0, x1, +title)",
    "geopoly": "CREATE VIRTUAL TABLE f USING geopoly(title)",
    "external": EXTERNAL,
    "contentless": "CREATE VIRTUAL TABLE f USING fts5(title, content='')",
    "deletable": "CREATE VIRTUAL TABLE f USING fts5(title, content='', contentless_delete=1)",
}
FILLED = {
    "rtree": "INSERT INTO f VALUES (1, 0.1, 0.7, 'a'), (5, -3.3, 8, NULL)",
    "geopoly": "INSERT INTO f(_shape, title) VALUES ('[[0,0],[1,0],[1,1],[0,0]]', 'a')",
}


@pytest.mark.parametrize("kind", SHAPES)
def test_a_dropped_virtual_table_comes_back_with_all_that_it_held(file, kind):
    file.apply(SHAPES[kind])
    file.run(ROWS)
    fill = (
        "INSERT INTO f(f) VALUES ('rebuild')"
        if kind == "external"
        else "INSERT INTO f(rowid, title) VALUES (4, 'red')"
    )
    file.run(FILLED.get(kind, fill))
    before, content = file.picture(), _shadows(file)
    file.apply()
    assert engine.introspect(file.path).virtual_tables == ()
    assert {name for (name,) in file.run("SELECT name FROM pragma_table_list WHERE type = 'table'")} >= {
        "docs"
    }
    engine.rollback(file.path)
    assert (file.picture(), _shadows(file)) == (before, content)
    assert file.litter() == []
    assert file.run("PRAGMA integrity_check") == [("ok",)]


def _shadows(file):
    names = file.run("SELECT name FROM pragma_table_list WHERE type = 'shadow' ORDER BY 1")
    return {name: file.run(f"SELECT * FROM {name}") for (name,) in names}


def test_the_next_change_and_a_cleanup_drop_what_was_kept_with_its_shadow_tables(file):
    file.apply([OWN, SHAPES["rtree"].replace(" f ", " r ")])
    file.apply()
    assert len(file.litter()) == 10
    assert {kind for (kind,) in file.run("SELECT type FROM pragma_table_list WHERE name LIKE '%old%'")} == {
        "shadow",
        "virtual",
    }
    assert engine.cleanup(file.path)
    assert file.litter() == []
    file.apply(OWN)
    file.apply()
    file.apply((), {"docs": {**DOCS, "note": "TEXT"}})
    assert file.litter() == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OWN, "CREATE VIRTUAL TABLE f USING fts5(body, extra, title, tokenize='porter')"),
        ("CREATE VIRTUAL TABLE f USING fts4(body, old, title)", OWN),
    ],
)
def test_what_was_written_to_a_full_text_table_since_comes_along(file, before, after):
    file.apply(before)
    rows = "(1, 'red fox', 'one'), (2, 'blue', 'two'), (3, 'green', 'three'), (4, NULL, NULL)"
    file.run(f"INSERT INTO f(rowid, title, body) VALUES {rows}")
    file.apply(after)
    file.run("DELETE FROM f WHERE rowid = 2")
    file.run("UPDATE f SET title = 'grey' WHERE rowid = 3; INSERT INTO f(rowid, body) VALUES (-8, 'eight')")
    engine.rollback(file.path)
    assert file.run("SELECT rowid, title, body FROM f ORDER BY rowid") == [
        (-8, None, "eight"),
        (1, "red fox", "one"),
        (3, "grey", "three"),
        (4, None, None),
    ]
    found = "SELECT rowid FROM f WHERE f MATCH '{}'"
    assert [file.run(found.format(word)) for word in ("grey", "green", "blue")] == [[(3,)], [], []]
    assert file.run("PRAGMA integrity_check") == [("ok",)]


def test_values_that_only_the_older_form_knew_are_there_again(file):
    file.apply("CREATE VIRTUAL TABLE f USING rtree(id, x0, x1, +title, +note)")
    file.run("INSERT INTO f VALUES (1, 0.1, 0.7, 'a', 'n1'), (2, 1, 2, 'b', 'n2')")
    before = file.picture()
    file.apply("CREATE VIRTUAL TABLE f USING rtree(id, x0, x1, +title)")
    file.run("UPDATE f SET title = 'A' WHERE id = 1; INSERT INTO f VALUES (3, 5, 6, 'c')")
    engine.rollback(file.path)
    assert file.run("SELECT id, title, note FROM f ORDER BY id") == [
        (1, "A", "n1"),
        (2, "b", "n2"),
        (3, "c", None),
    ]
    assert file.run("SELECT x0, x1 FROM f WHERE id = 1") == [before[1]["f"][0][2:4]]


def test_values_that_the_older_form_does_not_know_are_listed(file):
    file.apply(OWN)
    file.run("INSERT INTO f(rowid, title) VALUES (1, 'red')")
    before = file.picture()
    file.apply("CREATE VIRTUAL TABLE f USING fts5(title, body, extra)")
    file.run("UPDATE f SET extra = 'x'")
    with pytest.raises(engine.WayBackLossy) as refusal:
        engine.rollback(file.path)
    assert refusal.value.losses == ["f.extra: 1 row with values that the older schema cannot hold"]
    assert file.run("SELECT extra FROM f") == [("x",)]
    engine.rollback(file.path, discard_since=True)
    assert file.picture() == before


@pytest.mark.parametrize("kind", ["own", "contentless"])
def test_rows_that_nothing_put_into_a_table_that_was_gone_are_listed(file, kind):
    fed = {
        "ai": "CREATE TRIGGER ai AFTER INSERT ON docs BEGIN "
        "INSERT INTO f(rowid, title) VALUES (new.id, new.title); END"
    }
    file.apply(SHAPES[kind], triggers=fed)
    file.run(ROWS)
    file.apply()
    file.run("INSERT INTO docs(id, title) VALUES (20, 'red'), (21, 'red')")
    with pytest.raises(engine.WayBackLossy, match="f: 2 rows of docs written since are not in it"):
        engine.rollback(file.path)
    engine.rollback(file.path, discard_since=True)
    assert file.matches("red") == [3, 9]
    assert file.run("SELECT count(*) FROM docs") == [(5,)]


def test_an_index_that_was_gone_knows_what_was_written_since(file):
    file.apply(EXTERNAL, triggers=FED)
    file.run(ROWS)
    file.apply()
    file.run("INSERT INTO docs VALUES (20, 'red', 'x'); UPDATE docs SET title = 'grey' WHERE id = 3")
    engine.rollback(file.path)
    assert (file.matches("red"), file.matches("grey")) == ([9, 20], [3])
    assert file.is_whole()
    file.run("DELETE FROM docs WHERE id = 20")
    assert file.matches("red") == [9]


def test_an_index_of_some_rows_comes_back_as_it_was_where_nothing_was_written(file):
    file.apply(EXTERNAL)
    file.run(ROWS)
    file.run("INSERT INTO f(rowid, title, body) SELECT * FROM docs WHERE id <> 9")
    file.apply("CREATE VIRTUAL TABLE f USING fts5(title, body, content='docs', content_rowid='id', prefix=2)")
    assert file.matches("red") == [3, 9]
    engine.rollback(file.path)
    assert file.matches("red") == [3]


def test_index_and_content_come_back_together(file):
    file.apply(EXTERNAL, triggers=FED)
    file.run(ROWS)
    before = file.picture()
    file.apply((), {"other": {"a": "TEXT"}})
    engine.rollback(file.path)
    assert file.picture() == before
    assert file.matches("red") == [3, 9]
    file.run("DELETE FROM docs WHERE id = 3")
    assert file.is_whole()


def test_what_an_index_held_of_rows_that_are_left_out_goes_too(file):
    file.apply(EXTERNAL, {"docs": {**DOCS, "_checks": ["length(title) < 10"]}}, triggers=FED)
    file.run(ROWS)
    file.apply(EXTERNAL, triggers=FED)
    file.run("INSERT INTO docs VALUES (30, 'red and very long', 'x')")
    assert file.matches("red") == [3, 9, 30]
    engine.rollback(file.path, discard_since=True)
    assert file.matches("red") == [3, 9]
    assert file.is_whole()


def test_rows_of_a_new_virtual_table_are_listed(file):
    file.apply()
    file.apply([OWN, EXTERNAL.replace(" f ", " g ")])
    file.run("INSERT INTO f(rowid, title) VALUES (1, 'red')")
    with pytest.raises(engine.WayBackLossy) as refusal:
        engine.rollback(file.path)
    assert refusal.value.losses == ["f: 1 row of a table that the older schema does not have"]
    engine.rollback(file.path, discard_since=True)
    assert engine.introspect(file.path).virtual_tables == ()


# Modules and tokenizers that are not loaded here


VEC = "CREATE VIRTUAL TABLE v USING vec0(a float[3])"


@pytest.fixture
def foreign(file):
    """A file with a table of a module that is not loaded, and with its shadow tables."""
    file.apply((), {"docs": DOCS, "notes": {"a": "TEXT"}})
    file.run(ROWS)
    file.run("CREATE TABLE v_chunks (a); CREATE TABLE v_vector_chunks00 (b); INSERT INTO v_chunks VALUES (1)")
    file.run("PRAGMA writable_schema = ON")
    file.run("INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, ?)", VEC)
    file.run("PRAGMA writable_schema = RESET")
    file.conn.close()
    file.conn = apsw.Connection(str(file.path))
    return file


def test_a_change_works_around_a_table_whose_module_is_not_loaded(foreign):
    schema = engine.introspect(foreign.path)
    assert [t.name for t in schema.virtual_tables] == ["v"]
    assert [t.name for t in schema.tables] == ["docs", "notes"], "its shadow tables are its own"
    trigger = {"t": "CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO v VALUES (new.a); END"}
    renamed = {"docs": {**DOCS, "title": "TEXT NOT NULL"}, "memos": {"a": "TEXT", "_renamed_from": "notes"}}
    foreign.apply([VEC, OWN], {"docs": DOCS, "notes": {"a": "TEXT"}}, triggers=trigger)
    foreign.apply([VEC], renamed)
    assert foreign.run("SELECT a FROM v_chunks") == [(1,)]
    engine.rollback(foreign.path)
    assert [t.name for t in engine.introspect(foreign.path).triggers] == ["t"]
    assert foreign.run("SELECT count(*) FROM docs") == [(3,)]


@pytest.mark.parametrize(
    "wanted", [[], ["CREATE VIRTUAL TABLE v USING vec0(a float[4])"], [VEC.replace(" v ", " w ")]]
)
def test_a_change_of_a_table_whose_module_is_not_loaded_is_refused_by_name(foreign, wanted):
    before = engine.introspect(foreign.path).hash
    with pytest.raises(engine.Unsupported, match="module vec0, which is not loaded here") as refusal:
        foreign.apply(wanted, {"docs": DOCS, "notes": {"a": "TEXT"}})
    assert refusal.value.object_name in ("v", "w")
    assert engine.introspect(foreign.path).hash == before


def test_a_new_file_is_not_made_with_a_table_whose_module_is_not_loaded(foreign, tmp_path):
    made = tmp_path / "made.db"
    with pytest.raises(engine.Unsupported, match="virtual table v is of the module vec0"):
        engine.apply(engine.introspect(foreign.path), made)
    assert not made.exists()


@pytest.fixture
def mine(file):
    """A file with full-text tables whose tokenizer only the application has."""
    file.conn.register_fts5_tokenizer("mine", apsw.fts5.UnicodeWordsTokenizer)
    file.apply()
    file.run(ROWS)
    for sql in MINE:
        file.run(sql)
    file.run("INSERT INTO f(rowid, title) VALUES (5, 'red fox'); INSERT INTO g(g) VALUES ('rebuild')")
    return file


MINE = (
    "CREATE VIRTUAL TABLE f USING fts5(title, tokenize='mine')",
    "CREATE VIRTUAL TABLE g USING fts5(title, content='docs', content_rowid='id', tokenize='mine')",
)


def test_a_table_with_an_applications_tokenizer_is_carried_and_can_go_over_to_another(mine):
    assert mine.apply(
        MINE, {"docs": {**DOCS, "body": "TEXT NOT NULL DEFAULT ''", "_fill": {"body": "coalesce(body, '')"}}}
    ).changed
    plain = [sql.replace("mine", "porter") for sql in MINE]
    mine.apply(plain, {"docs": {**DOCS, "body": "TEXT NOT NULL DEFAULT ''"}})
    assert (mine.matches("red"), mine.matches("red", "g")) == ([5], [3, 9])


def test_what_needs_an_applications_tokenizer_is_refused_by_name(mine):
    before = mine.picture()
    with pytest.raises(engine.Unsupported, match="mine") as refusal:
        mine.apply(["CREATE VIRTUAL TABLE f USING fts5(title, body, tokenize='mine')", MINE[1]])
    assert refusal.value.object_name == "f"
    changed = {"docs": {**DOCS, "title": "TEXT NOT NULL", "_fill": {"title": "'x' || title"}}}
    with pytest.raises(engine.Unsupported, match="mine") as refusal:
        mine.apply(MINE, changed)
    assert refusal.value.object_name == "g"
    assert mine.picture() == before


def test_shadow_tables_that_nobody_owns_are_tables(file):
    file.apply()
    file.run("CREATE TABLE f_content (a); INSERT INTO f_content VALUES (1)")
    tables = {"docs": DOCS, "f_content": {"a": ""}}
    assert file.apply((), {**tables, "more": {"a": "TEXT"}}).changed
    with pytest.raises(engine.Unsupported, match="f_content"):
        file.apply(OWN, tables)
    file.apply(OWN)
    assert file.run("SELECT * FROM f_content") == []
    engine.rollback(file.path)
    assert file.run("SELECT * FROM f_content") == [(1,)]


# The plan


def test_the_plan_says_how_many_rows_go_through_a_module_and_why(file, tmp_path, capfd):
    file.apply([OWN, EXTERNAL.replace(" f ", " g ")])
    file.run(ROWS)
    file.run("INSERT INTO f(rowid, title) VALUES (1, 'red'), (2, 'blue')")
    wanted = {
        "docs": {**DOCS, "title": "INTEGER"},
        "_virtual_tables": {"f": OWN.replace("title", "extra, title"), "g": EXTERNAL.replace(" f ", " g ")},
    }
    plan = engine.plan(engine.loads(json.dumps(wanted)), file.path)
    rows = {cost.name: cost.rows for cost in plan.costs}
    assert (rows["f"], rows["g"]) == (2, 3)
    assert all(cost.pause > 0 for cost in plan.costs if cost.name in ("f", "g"))
    document = tmp_path / "wanted.json"
    document.write_text(json.dumps(wanted))
    run = Program(name="schema", app=app).run
    assert run(["plan", str(document), str(file.path)]) == 0
    printed = capfd.readouterr().out
    assert "change virtual table f" in printed
    assert "g: indexed again, because what it indexes changes" in printed
    assert run(["plan", str(document), str(file.path), "--json"]) == 0
    tables = {each["table"]: each["way"] for each in json.loads(capfd.readouterr().out)["tables"]}
    assert tables == {"docs": "rebuild", "f": "rebuild", "g": "reindex"}


# Files of a fleet


def test_the_guards_of_a_tenants_file_stand_whole_through_a_change_and_back(make_file):
    made = make_file(
        f"CREATE TABLE docs({', '.join(f'{n} {t}' for n, t in DOCS.items())})",
        ROWS,
        OWN,
        EXTERNAL.replace(" f ", " g "),
    )
    old = engine.introspect(made)
    new = engine.loads(
        json.dumps({"docs": DOCS, "_virtual_tables": {"f": OWN.replace("body", "body, extra")}})
    )
    with contextlib.closing(sqlite.connect(made)) as conn:
        conn.execute("INSERT INTO f(rowid, title) VALUES (1, 'red')")
        conn.execute("INSERT INTO g(g) VALUES ('rebuild')")
        with execute.prepared(conn), sqlite.immediate(conn):
            apply_in(conn, compiled(old, new), keep=True, after_ddl=fence.install_guards)
        assert fence.guards_missing(conn) == ()
        assert {t for t in fence.guarded_tables(conn) if not t.startswith("docs")} == {
            "f_content",
            "f_docsize",
        }
        conn.execute("INSERT INTO f(rowid, title, extra) VALUES (2, 'red', NULL)")
        with execute.prepared(conn), sqlite.immediate(conn):
            roll_back_in(conn, after_ddl=fence.install_guards)
        assert fence.guards_missing(conn) == ()
        assert sqlite.rows(conn, "SELECT rowid FROM f('red')") == [(1,), (2,)]
        assert sqlite.rows(conn, "SELECT rowid FROM g('red')") == [(3,), (9,)]
        conn.execute("UPDATE _tenantdb_control SET state = 'retired'")
        with pytest.raises(apsw.ConstraintError):
            conn.execute("INSERT INTO f(rowid, title) VALUES (3, 'late')")
        assert sqlite.rows(conn, "PRAGMA integrity_check") == [("ok",)]


# What is kept, where its module cannot help


def test_a_kept_index_whose_content_is_gone_too_is_let_go(file):
    file.apply("CREATE VIRTUAL TABLE f USING fts4(content='docs')")
    file.run(ROWS)
    file.apply((), {"other": {"a": "TEXT"}})
    assert file.apply((), {"other": {"a": "TEXT", "b": "TEXT"}}).changed
    assert file.litter() == []
    assert file.run("PRAGMA integrity_check") == [("ok",)]


def test_an_index_of_columns_that_it_does_not_name_comes_back_with_its_table(file):
    file.apply("CREATE VIRTUAL TABLE f USING fts4(content='docs')")
    file.run(ROWS)
    file.run("INSERT INTO f(f) VALUES ('rebuild')")
    file.apply((), {"other": {"a": "TEXT"}})
    engine.rollback(file.path)
    assert file.run("SELECT docid FROM f WHERE f MATCH 'red'") == [(3,), (9,)]


@pytest.mark.parametrize("end", ["cleanup", "change"])
def test_a_kept_table_of_a_module_that_is_not_loaded_any_more_is_let_go(file, end):
    file.apply(OWN)
    file.run("INSERT INTO f(rowid, title) VALUES (1, 'red')")
    file.apply()
    file.run("PRAGMA writable_schema = ON")
    file.run("UPDATE sqlite_schema SET sql = replace(sql, 'fts5', 'gone') WHERE sql LIKE 'CREATE VIRTUAL%'")
    file.run("PRAGMA writable_schema = RESET")
    assert len(file.litter()) == 6
    if end == "cleanup":
        assert engine.cleanup(file.path)
    else:
        assert file.apply(EXTERNAL).changed
    assert file.litter() == []
    assert file.run("PRAGMA integrity_check") == [("ok",)]
