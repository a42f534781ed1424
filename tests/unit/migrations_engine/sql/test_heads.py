import pytest

from migrations_engine.sql.heads import is_virtual, parse_trigger, parse_view, parse_virtual_table
from migrations_engine.sql.lexer import Malformed

BODY = "BEGIN SELECT CASE WHEN 1 THEN 'END; END' END; UPDATE t SET end = NEW.end; END"


def test_a_view_is_its_whole_statement_without_what_is_around_it():
    view = parse_view("\n CREATE VIEW IF NOT EXISTS main.[my view] (a, b) AS SELECT 1, ';' -- end\n ; ")
    assert view.name == "my view"
    assert view.sql == "CREATE VIEW IF NOT EXISTS main.[my view] (a, b) AS SELECT 1, ';'"


@pytest.mark.parametrize(
    ("event", "table"),
    [
        ("AFTER INSERT ON t", "t"),
        ("INSERT ON main.t", "t"),
        ("BEFORE UPDATE OF a, [b c] ON 'T'", "T"),
        ("INSTEAD OF DELETE ON v FOR EACH ROW WHEN OLD.begin > 1", "v"),
    ],
)
def test_a_trigger_knows_what_it_stands_on(event, table):
    trigger = parse_trigger(f"CREATE TRIGGER tr {event} {BODY};")
    assert (trigger.name, trigger.table) == ("tr", table)
    assert trigger.sql.endswith("NEW.end; END")


def test_a_virtual_table_knows_its_module():
    table = parse_virtual_table("CREATE VIRTUAL TABLE d USING FTS5(a, content='x;y')")
    assert (table.name, table.module) == ("d", "fts5")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("create /* x */ virtual table t using a", True),
        ("CREATE TABLE virtual(a)", False),
        ("CREATE TABLE t(a)", False),
    ],
)
def test_virtual_tables_are_told_from_others(sql, expected):
    assert is_virtual(sql) is expected


@pytest.mark.parametrize(
    ("parse", "sql", "message"),
    [
        (parse_view, "CREATE VIEW v AS SELECT 1; DROP TABLE t", "more follows"),
        (parse_view, "CREATE TEMP VIEW v AS SELECT 1", "temporary"),
        (parse_view, "CREATE VIEW other.v AS SELECT 1", "names another"),
        (parse_view, "CREATE VIEW v AS DELETE FROM t", "expected SELECT"),
        (parse_view, "SELECT 1", "expected CREATE"),
        (parse_view, "CREATE VIEW v AS SELECT (1", "never closed"),
        (parse_trigger, f"CREATE TRIGGER tr AFTER INSERT ON t {BODY}; SELECT 1", "more follows"),
        (parse_trigger, "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1;", "missing at the end"),
        (parse_trigger, "CREATE TRIGGER tr AFTER INSERT ON t", "missing at the end"),
        (parse_trigger, f"CREATE TRIGGER tr AFTER SELECT ON t {BODY}", "expected INSERT, UPDATE or DELETE"),
        (parse_virtual_table, "CREATE VIRTUAL TABLE d USING fts5(a); SELECT 1", "more follows"),
        (parse_virtual_table, "CREATE VIRTUAL TABLE d", "expected USING"),
    ],
)
def test_what_is_not_exactly_one_statement_is_refused(parse, sql, message):
    with pytest.raises(Malformed, match=message):
        parse(sql)
