import pytest

from migrations_engine.normalize.types import declared_type


@pytest.mark.parametrize(
    "written",
    ["DECIMAL(10,2)", "decimal (10, 2)", " Decimal\n( 10 ,2 ) ", '"DECIMAL(10,2)"', "[decimal(10,2)]"],
)
def test_spellings_of_one_type_are_one(written):
    assert declared_type(written) == "decimal(10,2)"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INT", "INTEGER"),
        ("DOUBLE PRECISION", "DOUBLEPRECISION"),
        ("", "BLOB"),
        ("VARCHAR(20)", "VARCHAR(21)"),
    ],
)
def test_synonyms_stay_apart(one, other):
    assert declared_type(one) != declared_type(other)
