import pytest

from migrations_engine.normalize.expressions import expression

SCOPE = frozenset(("status", "my col", "key", "é", "rowid"))


@pytest.mark.parametrize(
    "written",
    [
        "status in ('A','b') and \"my col\" > 1",
        " STATUS\nIN ( 'A' , 'b' )AND [MY COL]>1 -- said twice",
        "((status IN ('A', 'b') AND `my col` > 1))",
        "\"Status\" /* here */ in ('A','b') and \"my col\" > 1",
    ],
)
def test_spellings_of_one_expression_are_one(written):
    assert expression(written, SCOPE) == "status in ( 'A' , 'b' ) and \"my col\" > 1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("status = 'a'", "status = 'A'"),
        ("status = 1", "status = 1.0"),
        ("status = x'aa'", "status = x'AA'"),
        ("(status) + (1)", "status + 1"),
        ("é = 1", "É = 1"),
        ("status = 'a b'", "status = 'a  b'"),
        ("status IN ('a, b')", "status IN ('a', b)"),
        ('"nothing" = 1', "nothing = 1"),
        ('"my col" = 1', "'my col' = 1"),
    ],
)
def test_different_expressions_stay_apart(one, other):
    assert expression(one, SCOPE) != expression(other, SCOPE)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("a == 1 AND b != 2", "a = 1 and b <> 2"),
        ('status = "Draft"', "status = 'Draft'"),
        ('"it""s" = 1', "'it\"s' = 1"),
        ('"it\'s" = 1', "'it''s' = 1"),
        ("KEY = 1", '"key" = 1'),
        ('"lower"(status)', "LOWER(status)"),
        ('"T".status', "t.status"),
        ('status COLLATE "NoCase"', "status collate nocase"),
        ("É > [É]", "É > É"),
    ],
)
def test_quirks_of_sqlite_are_read_as_it_reads_them(written, same):
    assert expression(written, SCOPE) == expression(same, SCOPE)


def test_the_canonical_text_is_canonical_already():
    once = expression('((Status == "x" OR "my col" LIKE \'%\' || "KEY"))', SCOPE)
    assert expression(once, SCOPE) == once
