import json
import re

from migrations_engine import loads


def names(indexes, **others):
    table = {"a": "INT", "b": "TEXT", "a_b": "INT", "_indexes": indexes, **others}

    return [index.name for index in loads(json.dumps({"T": table})).tables[0].indexes]


def test_a_name_is_made_of_the_table_and_the_columns():
    assert names(["a", ["a", "b DESC"]]) == ["idx_T_a", "idx_T_a_b"]


def test_an_expression_adds_a_hash_of_the_definition():
    (name,) = names([["lower(b)", "a"]])
    assert re.fullmatch("idx_T_expr_a_[0-9a-f]{8}", name)


def test_all_that_would_share_a_name_get_a_hash():
    found = names([["a", "b"], "a_b"])
    assert all(re.fullmatch("idx_T_a_b_[0-9a-f]{8}", name) for name in found)
    assert len(set(found)) == 2


def test_a_name_that_was_given_elsewhere_adds_a_hash():
    first, second = names(["a", {"columns": "b", "name": "IDX_t_A"}])
    assert re.fullmatch("idx_T_a_[0-9a-f]{8}", first)
    assert second == "IDX_t_A"


def test_the_name_does_not_depend_on_how_the_definition_is_spelled():
    assert names([["lower(b)"]]) == names([["LOWER( [B] )"]])
    assert names([["lower(b)"]]) != names([["upper(b)"]])


def test_the_order_of_indexes_changes_no_name():
    assert set(names([["a", "b"], "a_b"])) == set(names(["a_b", ["a", "b"]]))
