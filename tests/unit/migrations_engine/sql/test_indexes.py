import pytest

from migrations_engine.model import Index, IndexedColumn
from migrations_engine.sql.indexes import parse_index, resolve
from migrations_engine.sql.lexer import Malformed
from migrations_engine.sql.tables import parse_table


def test_an_index_is_read_with_all_its_parts():
    sql = 'CREATE UNIQUE INDEX IF NOT EXISTS main.i ON "T" (a DESC, lower(b)) WHERE a > 1 AND (b);'
    columns = (
        IndexedColumn(expression="a", descending=True),
        IndexedColumn(expression="lower(b)", is_column=False),
    )
    assert parse_index(sql) == Index(name="i", table="T", columns=columns, unique=True, where="a > 1 AND (b)")


def test_an_index_gets_the_declared_spelling_of_its_table():
    table = parse_table("CREATE TABLE Users(Email)")
    index = resolve(parse_index("CREATE INDEX i ON users(EMAIL)"), table)
    assert (index.table, index.columns) == ("Users", (IndexedColumn(expression="Email"),))


def test_a_name_that_is_no_column_is_a_string_to_sqlite():
    table = parse_table("CREATE TABLE t(a)")
    index = resolve(parse_index('CREATE INDEX i ON t("nothing")'), table)
    assert index.columns == (IndexedColumn(expression='"nothing"', is_column=False),)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX i ON t()",
        "CREATE INDEX i ON t(a) WHERE",
        "CREATE INDEX i ON t(a); SELECT 1",
        "DROP INDEX i",
    ],
)
def test_what_is_no_single_index_is_refused(sql):
    with pytest.raises(Malformed):
        parse_index(sql)
