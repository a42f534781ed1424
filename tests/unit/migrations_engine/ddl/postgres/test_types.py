import pytest

from migrations_engine.ddl.postgres.refusals import Refused
from migrations_engine.ddl.postgres.types import AFFINITY_TYPES, COLUMN_TYPES, column_type


@pytest.mark.parametrize(
    ("declared", "made"),
    [
        ("INTEGER", "bigint"),
        ("int", "bigint"),
        ('"int"', "bigint"),
        ("UNSIGNED BIG INT", "bigint"),
        ("SMALLINT UNSIGNED", "bigint"),
        ("tinyint(1)", "bigint"),
        ("INT8", "bigint"),
        ("BOOLEAN", "boolean"),
        ("bool", "boolean"),
        ("DATETIME", "timestamp"),
        ("TIMESTAMP(6)", "timestamp"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp with time zone"),
        ("DATE", "date"),
        ("TIME", "time"),
        ("DECIMAL(10, 2)", "numeric(10,2)"),
        ("NUMERIC(8)", "numeric(8,0)"),
        ("NUMERIC", "numeric"),
        ("money", "numeric"),
        ("UUID", "uuid"),
        ("JSON", "jsonb"),
        ("VARBINARY(16)", "bytea"),
        ("BLOB", "bytea"),
        ("TEXT", 'text COLLATE "C"'),
        ("VARCHAR(255)", 'text COLLATE "C"'),
        ("varchar[10]", 'text COLLATE "C"'),
        ("BLOB SUB_TYPE TEXT", 'text COLLATE "C"'),
        ("REAL", "double precision"),
        ("DOUBLE PRECISION", "double precision"),
        ("FLOAT(24)", "double precision"),
    ],
)
def test_a_declared_type_has_one_equal(declared, made):
    assert column_type(declared, None).sql == made


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("", "no declared type"),
        ("STRING", "to SQLite it is NUMERIC"),
        ("NONE", "to SQLite it is NUMERIC"),
        ("CHARINT", "to SQLite it is INTEGER"),
        ("FLOATING POINT", "to SQLite it is INTEGER"),
        ("FLOAT[512]", "to SQLite it is REAL"),
        ("DECIMAL(2000, 2)", "out of PostgreSQL's range"),
    ],
)
def test_a_type_that_says_nothing_certain_is_refused(declared, reason):
    with pytest.raises(Refused, match=reason):
        column_type(declared, None)


def test_any_of_a_strict_table_is_no_type():
    with pytest.raises(Refused, match="may hold anything"):
        column_type("ANY", None, strict=True)


def test_collations_are_those_of_bytes_and_without_case():
    assert column_type("TEXT", "BINARY").sql == 'text COLLATE "C"'
    assert column_type("TEXT", "nocase").sql == 'text COLLATE "nocase"'
    assert column_type("INTEGER", "NOCASE").sql == "bigint"
    with pytest.raises(Refused, match="collation RTRIM has no equal"):
        column_type("TEXT", "RTRIM")


def test_what_the_table_of_types_names_is_what_it_gives():
    for rule in COLUMN_TYPES:
        for declared in rule.declared.replace("(p,s)", "(8,2)").replace(" and the like", "").split(", "):
            assert column_type(declared, None).kind == rule.kind
    for named, kind, _ in AFFINITY_TYPES:
        for declared in named.partition(":")[0].replace("(n)", "(9)").split(", "):
            assert column_type(declared, None).kind == kind
