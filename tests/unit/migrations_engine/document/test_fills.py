"""What may be written in ``_fill``."""

from __future__ import annotations

import pytest

from migrations_engine.document.fills import parse_fill
from migrations_engine.sql.lexer import Malformed


@pytest.mark.parametrize(
    "text",
    [
        "lower(a) || ' select '",
        "a IN (1, 2)",
        "our_own_function(a)",
        '"select" + 1',
        "CASE WHEN a NOT IN (1) THEN 1 END",
    ],
)
def test_an_expression_over_the_old_row_is_kept_as_written(text):
    assert parse_fill(f" {text} ") == text


@pytest.mark.parametrize(
    "text", ["(SELECT 1)", "EXISTS (select 1 FROM t)", "a IN (SELECT b FROM t)", "a IN t"]
)
def test_what_reads_other_rows_is_refused(text):
    with pytest.raises(Malformed, match="over the old row"):
        parse_fill(text)


@pytest.mark.parametrize("text", ["not", "a b", "a +", "()", "CASE a"])
def test_what_sqlite_cannot_read_is_refused(text):
    with pytest.raises(Malformed, match="cannot read it as an expression"):
        parse_fill(text)
