import pytest

from migrations_engine.normalize.defaults import default


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("'x'", "'x'"),
        ('"x"', "'x'"),
        ("x", "'x'"),
        ("[x]", "'x'"),
        ("`it's`", "'it''s'"),
        ("KEY", "'KEY'"),
        ("(1)", "1"),
        ("- 1", "- 1"),
        ("-1", "- 1"),
        ("True", "true"),
        ('"true"', "'true'"),
        ("(Current_Timestamp)", "current_timestamp"),
        ("( DATETIME('now') )", "datetime ( 'now' )"),
        ("NULL", None),
        ("(null)", None),
    ],
)
def test_a_default_is_its_value(written, canonical):
    assert default(written) == canonical


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1.0"), ("1", "+1"), ("1", "'1'"), ("true", "1"), ("x", "X")]
)
def test_literals_stay_as_written(one, other):
    assert default(one) != default(other)
