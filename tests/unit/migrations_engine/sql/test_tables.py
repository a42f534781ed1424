import pytest

from migrations_engine.model import Check, ForeignKey, IndexedColumn, PrimaryKey, Unique
from migrations_engine.sql.assembly import Contradiction
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.tables import parse_table


@pytest.mark.parametrize("head", ["t", "IF NOT EXISTS t", "main.t", '"t"', "[t]", "`t`", "'t'"])
def test_a_table_has_its_bare_name(head):
    assert parse_table(f"CREATE TABLE {head}(a)").name == "t"


@pytest.mark.parametrize(
    ("body", "is_rowid"),
    [
        ("id INTEGER PRIMARY KEY", True),
        ("id integer PRIMARY KEY ASC", True),
        ('id "INTEGER" PRIMARY KEY', True),
        ("id INTEGER PRIMARY KEY DESC", False),
        ("id INTEGER, PRIMARY KEY (id DESC)", True),
        ("id INTEGER, PRIMARY KEY (ID COLLATE nocase)", True),
        ("id INT PRIMARY KEY", False),
        ("id INTEGER, b, PRIMARY KEY (id, b)", False),
    ],
)
def test_the_rowid_is_what_sqlite_makes_of_it(body, is_rowid):
    assert parse_table(f"CREATE TABLE t({body})").primary_key.is_rowid is is_rowid


def test_a_table_without_rowid_has_none():
    table = parse_table("CREATE TABLE t(id INTEGER PRIMARY KEY) WITHOUT ROWID, STRICT")
    assert (table.without_rowid, table.strict, table.primary_key.is_rowid) == (True, True, False)


def test_inline_and_table_level_forms_are_one():
    inline = (
        "CREATE TABLE t(a TEXT PRIMARY KEY, b INT UNIQUE CHECK (b > 0) REFERENCES p(x) ON DELETE CASCADE)"
    )
    apart = """CREATE TABLE t(a TEXT, b INT, FOREIGN KEY (B) REFERENCES p(x) ON DELETE CASCADE,
               CHECK (b > 0), UNIQUE (b), PRIMARY KEY ("a"))"""
    assert parse_table(inline) == parse_table(apart)


def test_constraints_of_the_table_need_no_comma_between_them():
    table = parse_table(
        "CREATE TABLE t(a, b, UNIQUE (a) CONSTRAINT x CHECK (a > b) ON CONFLICT FAIL UNIQUE (b))"
    )
    assert [unique.columns[0].expression for unique in table.uniques] == ["a", "b"]
    assert table.checks == (Check(expression="a > b", name="x"),)


def test_keys_keep_order_collation_and_conflict():
    table = parse_table(
        "CREATE TABLE t(a, b, CONSTRAINT pk PRIMARY KEY (b DESC, a COLLATE nocase) ON CONFLICT REPLACE)"
    )
    columns = (
        IndexedColumn(expression="b", descending=True),
        IndexedColumn(expression="a", collation="nocase"),
    )
    assert table.primary_key == PrimaryKey(columns=columns, name="pk", on_conflict="REPLACE")


def test_autoincrement_may_stand_at_the_table():
    key = parse_table("CREATE TABLE t(a INTEGER, PRIMARY KEY (a AUTOINCREMENT))").primary_key
    assert (key.autoincrement, key.is_rowid) == (True, True)


def test_names_in_keys_get_their_declared_spelling():
    table = parse_table("CREATE TABLE t(Aa, Bb, UNIQUE ('bB', AA), FOREIGN KEY (aA) REFERENCES P(Cc))")
    assert table.uniques == (
        Unique(columns=(IndexedColumn(expression="Bb"), IndexedColumn(expression="Aa"))),
    )
    assert table.foreign_keys == (ForeignKey(columns=("Aa",), parent="P", parent_columns=("Cc",)),)


def test_comments_belong_to_what_they_stand_beside():
    table = parse_table(
        """CREATE TABLE t -- about the table
        ( -- and more
          a INT, -- the a
          -- above b
          b TEXT CHECK (b > 1 /* inside */) /* the b */
          , c /* within c */ INT, d,
          CHECK (a > 1) -- of a constraint
        )"""
    )
    assert table.comment == "about the table\nand more\nof a constraint"
    assert [column.comment for column in table.columns] == ["the a", "above b\nthe b", "within c", None]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("CREATE TABLE t(a", "expected \\)"),
        ("CREATE TABLE t AS SELECT 1", "expected \\("),
        ("CREATE TABLE t(a); DROP TABLE x", "more follows"),
        ("CREATE TABLE other.t(a)", "names another"),
        ("CREATE TABLE t(a) WITH ROWID", "expected WITHOUT ROWID or STRICT"),
        ("CREATE TABLE t(a, PRIMARY KEY (a), PRIMARY KEY (a))", "one PRIMARY KEY only"),
        ("CREATE TABLE t(a, FOREIGN (a))", "expected a constraint"),
        ("CREATE TEMP TABLE t(a)", "expected TABLE"),
        ("CREATE TABLE select(a)", "expected a name"),
    ],
)
def test_what_is_no_single_table_is_refused(sql, message):
    with pytest.raises(Malformed, match=message):
        parse_table(sql)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a INTEGER PRIMARY KEY, b, PRIMARY KEY (b)", "one PRIMARY KEY only"),
        ("a, UNIQUE (b)", "UNIQUE names the unknown column 'b'"),
        ("a, FOREIGN KEY (b) REFERENCES p", "FOREIGN KEY names the unknown column 'b'"),
        ("a, UNIQUE (lower(a))", "columns only"),
    ],
)
def test_parts_that_make_no_table_are_refused(body, message):
    with pytest.raises(Contradiction, match=message):
        parse_table(f"CREATE TABLE t({body})")
