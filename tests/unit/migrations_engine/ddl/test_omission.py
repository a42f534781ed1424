import pytest

import migrations_engine as engine

SCHEMA = engine.loads(
    '{"a": {"x": "INT", "_indexes": ["x"]}, "b": {"y": "INT"},'
    ' "_views": {"v": "CREATE VIEW v AS SELECT x FROM a"},'
    ' "_triggers": {"t": "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END"}}'
)


def kinds(statements):
    return [" ".join(statement.split()[:3]).replace('"', "") for statement in statements]


def test_objects_are_left_out_by_kind_and_name_in_any_case():
    assert kinds(engine.ddl(SCHEMA, omit=["table:B", "index:idx_a_x", "View:v"])) == [
        "CREATE TABLE a",
        "CREATE TRIGGER t",
    ]


def test_all_objects_of_a_kind_are_left_out_by_a_star():
    assert kinds(engine.ddl(SCHEMA, omit=["trigger:*", "virtual-table:*", "view:*"])) == [
        "CREATE TABLE a",
        "CREATE TABLE b",
        "CREATE INDEX idx_a_x",
    ]


@pytest.mark.parametrize("entry", ["view:nothing", "trigger", "procedure:*", "a"])
def test_what_is_not_there_cannot_be_left_out(entry):
    with pytest.raises(engine.UnknownObject, match="KIND:NAME") as caught:
        engine.ddl(SCHEMA, omit=[entry])
    assert caught.value.object_name == entry
