"""What is made once for many files, and never where a file needs its own."""

from contextlib import closing

import apsw
import pytest

from migrations_engine import apply, introspect, loads
from migrations_engine.execution.compiling import compiled
from migrations_engine.recent import Recent, RecentOf


@pytest.fixture
def make(tmp_path):
    """Makes a file from statements."""

    def made(statements, name="file.db"):
        with closing(apsw.Connection(str(tmp_path / name))) as conn:
            conn.execute(statements)
        return tmp_path / name

    return made


def test_a_value_is_made_once_and_the_one_not_asked_for_the_longest_goes_first():
    made = []
    recent = Recent(2)
    for key in "abacb":
        recent.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]


def test_an_error_is_kept_for_nobody():
    recent = Recent(2)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)
    assert recent.get("a", lambda: 1) == 1


def test_what_is_made_of_a_value_belongs_to_that_value_alone_not_to_one_that_is_equal():
    made, one, other = [], [1], [1]
    recent = RecentOf(2)
    for each in (one, other, one):
        recent.get(each, lambda value: made.append(value) or len(made))
    assert [each is one for each in made] == [True, False]
    assert recent.get(one, len, beside="its length") == 1


def test_files_with_the_same_statements_share_one_schema_and_one_plan(make):
    first, second = (introspect(make("CREATE TABLE t (a INT)", name=name)) for name in ("1.db", "2.db"))
    assert first is second
    wanted = loads('{"t": {"a": "INT", "b": "TEXT"}}')
    assert compiled(first, wanted) is compiled(second, wanted)


def test_a_file_that_drifted_is_planned_alone(make):
    wanted = loads('{"t": {"a": "INT", "b": "TEXT"}}')
    same, drifted = make("CREATE TABLE t (a INT)", name="1.db"), make("CREATE TABLE t (a TEXT)", name="2.db")
    assert apply(wanted, same).strategy == "in-place"
    assert apply(wanted, drifted, allow_destructive=True).strategy == "rebuild"
    assert introspect(drifted).hash == wanted.hash


def test_documents_that_differ_in_hints_alone_get_plans_of_their_own(make):
    ways = ('"_fill": {"b": "a + 1"}', '"_fill": {"b": "a + 2"}')
    for name, way in enumerate(ways):
        path = make("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)", name=f"{name}.db")
        apply(loads(f'{{"t": {{"a": "INT", "b": "INT", {way}}}}}'), path)
        assert apsw.Connection(str(path)).execute("SELECT b FROM t").fetchall() == [(name + 2,)]


def test_a_table_is_no_shadow_where_no_virtual_table_is(make):
    assert introspect(make("CREATE TABLE docs_content (a)")).tables
    assert not introspect(make("CREATE VIRTUAL TABLE docs USING fts5(a)", name="fts.db")).tables
