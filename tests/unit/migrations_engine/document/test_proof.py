import pytest

from migrations_engine.document.proof import Refusal, refusals
from migrations_engine.model import Check, Column, Index, IndexedColumn, Objects, Table, Trigger, View


def table(**parts):
    return Table(**{"name": "t", "columns": (Column(name="a"), Column(name="b")), **parts})


def test_a_sound_schema_is_refused_nothing():
    objects = Objects(tables=(table(),), views=(View(name="v", sql="CREATE VIEW v AS SELECT * FROM gone"),))
    assert list(refusals(objects)) == []


def test_each_part_that_is_refused_alone_is_named():
    broken = table(
        columns=(Column(name="a", default="(b)"), Column(name="b")),
        checks=(Check(expression="x > 1", column="b"), Check(expression="y > 1")),
    )
    assert [(r.column, r.message) for r in refusals(Objects(tables=(broken,)))] == [
        ("a", "default value of column [a] is not constant"),
        ("b", "no such column: x"),
        (None, "no such column: y"),
    ]


def test_what_stands_on_a_refused_table_is_not_refused_for_its_sake():
    index = Index(name="i", table="t", columns=(IndexedColumn(expression="a"),))
    broken = table(checks=(Check(expression="x > 1"),), indexes=(index,))
    trigger = Trigger(name="g", table="t", sql="CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END")
    assert [r.kind for r in refusals(Objects(tables=(broken,), triggers=(trigger,)))] == ["table"]


@pytest.mark.parametrize(
    "sql", ["ATTACH ':memory:' AS x", "PRAGMA page_size", "DROP TABLE t", "CREATE TEMP TABLE x(a)"]
)
def test_the_authorizer_lets_nothing_through_but_a_schema(sql):
    trigger = Trigger(name="g", table="t", sql="CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END")
    view = View(name="v", sql=sql)
    (refusal,) = refusals(Objects(tables=(table(),), views=(view,), triggers=(trigger,)))
    assert refusal == Refusal(kind="view", name="v", table="v", message="not authorized")


def test_a_part_of_a_table_that_would_end_its_statement_runs_nothing_else(tmp_path):
    other = tmp_path / "other.db"
    part = Check(expression=f"1)); ATTACH '{other}' AS x; --")
    assert {refusal.name for refusal in refusals(Objects(tables=(table(checks=(part,)),)))} == {"t"}
    assert not other.exists()


def test_of_many_tables_the_refused_ones_are_named_and_no_other():
    many = [table(name=f"t{at}", checks=(Check(expression=f"a{at % 20} > 1"),)) for at in range(40)]
    sound = [table(name=f"s{at}") for at in range(40)]
    named = {(r.name, r.message) for r in refusals(Objects(tables=(*sound, *many, *sound)))}
    assert named == {(f"t{at}", f"no such column: a{at % 20}") for at in range(40)}


def test_a_table_is_refused_again_once_its_function_is_not_there_any_more(tmp_path, monkeypatch):
    code = "def add(conn): conn.create_scalar_function('twice', lambda v: 2 * v, deterministic=True)"
    (tmp_path / "functions_of_ours.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    objects = Objects(tables=(table(checks=(Check(expression="twice(a) > 1"),)),))
    monkeypatch.setenv("TENANTDB_EXTENSIONS", "functions_of_ours:add")
    assert list(refusals(objects)) == []
    monkeypatch.delenv("TENANTDB_EXTENSIONS")
    assert [refusal.kind for refusal in refusals(objects)] == ["table"]
