import pytest

from migrations_engine.model import IndexedColumn
from migrations_engine.sql.clauses import parse_indexed_column
from migrations_engine.sql.lexer import Malformed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", IndexedColumn(expression="a")),
        ("'a'", IndexedColumn(expression="a")),
        ("((a)) ASC", IndexedColumn(expression="a")),
        ('"my col" DESC', IndexedColumn(expression="my col", descending=True)),
        ("a COLLATE NOCASE desc", IndexedColumn(expression="a", collation="NOCASE", descending=True)),
        ("(a COLLATE nocase)", IndexedColumn(expression="a", collation="nocase")),
        ("lower(a)", IndexedColumn(expression="lower(a)", is_column=False)),
        ("lower(a) COLLATE x", IndexedColumn(expression="lower(a)", is_column=False, collation="x")),
        ("(a || b) COLLATE x", IndexedColumn(expression="(a || b)", is_column=False, collation="x")),
        ("((a || b) COLLATE x)", IndexedColumn(expression="(a || b)", is_column=False, collation="x")),
        ("a COLLATE x COLLATE y", IndexedColumn(expression="a", collation="y")),
        ("((a > 1)) DESC", IndexedColumn(expression="((a > 1))", is_column=False, descending=True)),
        ("a || b COLLATE x", IndexedColumn(expression="a || b COLLATE x", is_column=False)),
        ("(a) + (b)", IndexedColumn(expression="(a) + (b)", is_column=False)),
        ("f(a, b)", IndexedColumn(expression="f(a, b)", is_column=False)),
        ("desc", IndexedColumn(expression="desc")),
        ("1", IndexedColumn(expression="1", is_column=False)),
    ],
)
def test_an_entry_is_a_column_or_an_expression(text, expected):
    assert parse_indexed_column(text) == expected


@pytest.mark.parametrize("text", ["", "a, b", "a; b", "f(a", "a) --", "a > ?"])
def test_what_is_no_single_entry_is_refused(text):
    with pytest.raises(Malformed):
        parse_indexed_column(text)
