import pytest

from migrations_engine.normalize.collations import collation, key_collation


@pytest.mark.parametrize(("written", "canonical"), [(None, None), ("Binary", None), ("NOCASE", "nocase")])
def test_binary_is_what_a_column_has_anyway(written, canonical):
    assert collation(written) == canonical


def test_binary_in_a_key_says_something_over_another_collation():
    assert key_collation("BINARY", of_column="nocase") == "binary"
    assert key_collation("BINARY", of_column=None) is None
    assert key_collation(None, of_column="nocase") is None
