import pytest

from migrations_engine.sql.expressions import parse_expression
from migrations_engine.sql.lexer import Malformed


def test_an_expression_loses_what_is_around_it():
    assert parse_expression(" /* x */ f(a, b) + 1 -- y") == "f(a, b) + 1"


@pytest.mark.parametrize("text", ["", "a, b", "a; b", "(a", "a)", "?", "-- only a comment"])
def test_what_is_not_one_expression_is_refused(text):
    with pytest.raises(Malformed):
        parse_expression(text)
