import pytest

from migrations_engine.sql.lexer import texts
from migrations_engine.sql.parentheses import stripped


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("((a))", "a"),
        ("(a) + (b)", "(a)+(b)"),
        ("((a) + (b))", "(a)+(b)"),
        ("a", "a"),
        ("f(a)", "f(a)"),
        ("()", "()"),
    ],
)
def test_only_parentheses_around_everything_go(written, left):
    assert "".join(stripped(texts(written))) == left
