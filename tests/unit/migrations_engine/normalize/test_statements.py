import json

import pytest

from migrations_engine import loads


def hash_of(view=None, trigger=None):
    document = {"Users": {"Id": "INTEGER PRIMARY KEY", "Email": "TEXT", "order": "INT"}}
    if view:
        document["_views"] = {"v": view}
    if trigger:
        document["_triggers"] = {"t": trigger}
    return loads(json.dumps(document)).hash


@pytest.mark.parametrize(
    "view",
    [
        (
            "create view if not exists main.v as select id, count(*) as Total, 'X' as k from users u "
            "where u.email <> 'a' order by 2;"
        ),
        'CREATE VIEW "v" AS SELECT "Users"."ID", COUNT(*) AS "Total", "X" AS [k] FROM [users] AS u',
    ],
)
def test_a_view_is_read_whatever_it_looks_like(view):
    assert len(hash_of(view)) == 64


@pytest.mark.parametrize(
    "same",
    [
        (
            'create view IF NOT EXISTS main.v as select id , email as Mail from USERS where "order" '
            "> 1 and email <> 'x';"
        ),
        (
            'CREATE VIEW [v] AS SELECT "ID", `EMAIL` AS "Mail" FROM "users" -- the users\nWHERE '
            '"Order" > 1 AND Email <> "x"'
        ),
        "CREATE VIEW v AS SELECT Id, Email AS 'Mail' FROM Users WHERE [order] > 1 AND Email != 'x'",
    ],
)
def test_spellings_of_one_view_are_one(same):
    plain = "CREATE VIEW v AS SELECT Id, Email AS Mail FROM Users WHERE \"order\" > 1 AND Email <> 'x'"
    assert hash_of(same) == hash_of(plain)


@pytest.mark.parametrize(
    "other",
    [
        "CREATE VIEW v AS SELECT Id, Email AS mail FROM Users",
        "CREATE VIEW v (Id, Mail) AS SELECT Id, Email AS Mail FROM Users",
        "CREATE VIEW v AS SELECT Email AS Mail, Id FROM Users",
        "CREATE VIEW v AS SELECT Id, 'Email' AS Mail FROM Users",
        "CREATE VIEW v AS SELECT Id, (Email) AS Mail FROM Users",
    ],
)
def test_different_views_stay_apart(other):
    assert hash_of(other) != hash_of("CREATE VIEW v AS SELECT Id, Email AS Mail FROM Users")


@pytest.mark.parametrize(
    "same",
    [
        (
            "CREATE TRIGGER t BEFORE UPDATE OF Email ON Users FOR EACH ROW WHEN (NEW.Email IS NOT 'x') "
            "BEGIN SELECT 1; END"
        ),
        (
            "create trigger if not exists [t] update of \"EMAIL\" on users when new.email is not 'x' "
            "begin select 1;\nend;"
        ),
    ],
)
def test_spellings_of_one_trigger_are_one(same):
    plain = "CREATE TRIGGER t BEFORE UPDATE OF Email ON Users WHEN NEW.Email IS NOT 'x' BEGIN SELECT 1; END"
    assert hash_of(trigger=same) == hash_of(trigger=plain)


@pytest.mark.parametrize(
    "other",
    [
        "CREATE TRIGGER t AFTER UPDATE ON Users BEGIN SELECT 1; END",
        "CREATE TRIGGER t BEFORE INSERT ON Users BEGIN SELECT 1; END",
        "CREATE TRIGGER t BEFORE UPDATE OF Id ON Users BEGIN SELECT 1; END",
        "CREATE TRIGGER t BEFORE UPDATE ON Users WHEN 1 BEGIN SELECT 1; END",
        "CREATE TRIGGER t BEFORE UPDATE ON Users BEGIN SELECT 2; END",
        "CREATE TRIGGER t BEFORE UPDATE ON Users BEGIN SELECT 1; SELECT 1; END",
    ],
)
def test_different_triggers_stay_apart(other):
    assert hash_of(trigger=other) != hash_of(
        trigger="CREATE TRIGGER t BEFORE UPDATE ON Users BEGIN SELECT 1; END"
    )


def test_a_type_in_a_cast_declares_no_name():
    upper = "CREATE VIEW v AS WITH c AS (SELECT Id FROM Users) SELECT CAST(Id AS TEXT) AS x FROM c"
    assert hash_of(upper) == hash_of(upper.replace("TEXT", "text"))


def test_the_arguments_of_a_virtual_table_stay_as_written():
    def one(arguments):
        sql = f"CREATE VIRTUAL TABLE d USING FTS5({arguments})"
        return loads(json.dumps({"_virtual_tables": {"d": sql}})).hash

    assert one("a, b") == one(" a ,  b")
    assert one("a, b") != one("A, b")
    assert one("a, tokenize='porter'") != one('a, tokenize="porter"')
