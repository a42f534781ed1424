import pytest

from migrations_engine.model import Check, ForeignKey, Generated, IndexedColumn, NotNull, Unique
from migrations_engine.sql.columns import parse_column, read_column
from migrations_engine.sql.cursor import Cursor
from migrations_engine.sql.lexer import Malformed


def column(definition):
    return parse_column("c", definition).column


@pytest.mark.parametrize(
    "declared",
    [
        "",
        "TEXT",
        "VARCHAR(20)",
        "DECIMAL (10, -2)",
        "UNSIGNED BIG INT",
        '"odd type"',
        "[nvarchar](20)",
        "'x' y",
        "DOUBLE\n PRECISION",
    ],
)
def test_a_type_is_any_words_and_two_numbers(declared):
    assert column(f"{declared} NOT NULL").type == declared


def test_a_comment_inside_a_type_is_no_part_of_it():
    assert column("DOUBLE /* precise */ PRECISION").type == "DOUBLE PRECISION"


def test_a_comment_that_decides_the_affinity_stays():
    assert column("DATE /*INT*/ TIME").type == "DATE /*INT*/ TIME"


@pytest.mark.parametrize(
    "default",
    [
        "0",
        "-1",
        "+ 1.5",
        "'a''b'",
        '"quoted"',
        "bare",
        "[x y]",
        "x'00'",
        "NULL",
        "TRUE",
        "CURRENT_TIMESTAMP",
        "(1 + (2))",
        "key",
    ],
)
def test_a_default_is_kept_as_written(default):
    assert column(f"INT DEFAULT {default} NOT NULL").default == default


@pytest.mark.parametrize("clause", ["GENERATED ALWAYS AS (a + 1)", "AS (a + 1)", "as( a + 1 )virtual"])
def test_a_generated_column_is_virtual_unless_stored(clause):
    assert column(f"INT {clause}").generated == Generated(expression="a + 1")
    assert column(clause).type == ""


def test_stored_is_kept():
    assert column("AS (a) STORED").generated == Generated(expression="a", stored=True)


def test_constraints_that_a_table_may_hold_are_the_tables():
    parts = parse_column("c", "INT CONSTRAINT u UNIQUE ON CONFLICT IGNORE CHECK ((c > 0)) REFERENCES p")
    assert parts.uniques == (
        Unique(columns=(IndexedColumn(expression="c"),), name="u", on_conflict="IGNORE"),
    )
    assert parts.checks == (Check(expression="(c > 0)"),)
    assert parts.checks[0].column == "c"
    assert parts.foreign_keys == (ForeignKey(columns=("c",), parent="p"),)


@pytest.mark.parametrize(
    "definition",
    [
        "TEXT CONSTRAINT n NOT NULL DEFAULT 'x' COLLATE nocase",
        "INTEGER CONSTRAINT k PRIMARY KEY DESC ON CONFLICT FAIL AUTOINCREMENT",
        "INT CONSTRAINT u UNIQUE ON CONFLICT IGNORE CONSTRAINT r CHECK (a > 1)",
        "INT CONSTRAINT f REFERENCES p(id) ON DELETE CASCADE MATCH full DEFERRABLE INITIALLY DEFERRED",
        "AS (a) STORED",
    ],
)
def test_columns_of_one_definition_differ_in_their_names_alone(definition):
    read = [parse_column(name, definition) for name in ("one", "two")]
    # In parentheses of a table each is read for itself.
    alone = [read_column(Cursor(definition), name) for name in ("one", "two")]
    assert list(map(repr, read)) == list(map(repr, alone))


def test_names_of_constraints_that_stay_with_the_column_are_kept():
    found = column(
        "INT CONSTRAINT a NOT NULL CONSTRAINT b DEFAULT 1 CONSTRAINT c COLLATE nocase CONSTRAINT d NULL"
    )
    assert found.not_null == NotNull(name="a")
    assert found.constraint_names == (("COLLATE", "c"), ("DEFAULT", "b"), ("NULL", "d"))


def test_a_name_without_a_constraint_is_that_of_one_which_does_nothing():
    assert column("INT CONSTRAINT lonely") == column("INT CONSTRAINT lonely NULL")
    found = column("INT CONSTRAINT lonely CONSTRAINT y NOT NULL")
    assert (found.not_null, found.constraint_names) == (NotNull(name="y"), (("NULL", "lonely"),))


def test_spelled_out_defaults_of_sql_are_left_out():
    spelled = (
        "INT NULL NOT NULL ON CONFLICT ABORT REFERENCES p ON DELETE NO ACTION MATCH SIMPLE NOT DEFERRABLE"
    )
    assert parse_column("c", spelled) == parse_column("c", "INT NOT NULL REFERENCES p")


@pytest.mark.parametrize(
    ("clause", "deferred"),
    [
        ("", False),
        ("DEFERRABLE", False),
        ("DEFERRABLE INITIALLY IMMEDIATE", False),
        ("DEFERRABLE INITIALLY DEFERRED", True),
        ("NOT DEFERRABLE INITIALLY DEFERRED", False),
        ("NOT NULL DEFERRABLE INITIALLY DEFERRED", True),
    ],
)
def test_only_deferrable_initially_deferred_defers(clause, deferred):
    assert parse_column("c", f"INT REFERENCES p(id) {clause}").foreign_keys[0].deferred is deferred


def test_the_last_action_wins():
    key = parse_column(
        "c", "REFERENCES p ON DELETE CASCADE ON UPDATE SET NULL ON DELETE SET DEFAULT"
    ).foreign_keys[0]
    assert (key.on_delete, key.on_update) == ("SET DEFAULT", "SET NULL")


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("TEXT NOT NUL", "expected NULL, found 'NUL'"),
        ("TEXT, d INT", "more follows"),
        ("TEXT; DROP TABLE u", "more follows"),
        ("TEXT) ; --", "more follows"),
        ("TEXT --", "may not end in an SQL comment"),
        ("TEXT /* x", "may not end in an SQL comment"),
        ("TEXT DEFAULT (1", "expected \\), found the end"),
        ("TEXT CHECK (a > ?)", "parameters"),
        ("TEXT CHECK ()", "nothing stands"),
        ("TEXT CHECK (a; b)", "expected \\), found ';'"),
        ("TEXT DEFAULT", "expected a value"),
        ("TEXT DEFAULT ,", "expected a value"),
        ("VARCHAR(MAX)", "expected a number"),
        ("TEXT 5", "expected a constraint"),
        ("TEXT PRIMARY", "expected KEY"),
        ("INTEGER PRIMARY KEY PRIMARY KEY", "one PRIMARY KEY only"),
        ("INT REFERENCES p(a, b)", "one column refers to one column"),
        ("INT REFERENCES p ON DELETE EXPLODE", "expected SET NULL"),
        ("INT UNIQUE ON CONFLICT MAYBE", "expected ROLLBACK"),
        ("INT DEFERRABLE", "belongs behind REFERENCES"),
        ("TEXT COLLATE", "expected a name"),
        ("TEXT 'open", "never closed"),
    ],
)
def test_what_is_not_exactly_one_definition_is_refused(definition, message):
    with pytest.raises(Malformed, match=message):
        parse_column("c", definition)
