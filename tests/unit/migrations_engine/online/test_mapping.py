from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine import loads
from migrations_engine.errors import Unsupported
from migrations_engine.online import mapping

if TYPE_CHECKING:
    from migrations_engine.online.mapping import Mapping


def between(old: str, new: str) -> Mapping:
    (found,) = mapping.between(loads(f'{{"t": {old}}}'), loads(f'{{"t": {new}}}'))
    return found


PLAIN = '{"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "INT"}'


def test_a_move_carries_every_stored_column_and_the_rowid() -> None:
    (found,) = mapping.identities(loads('{"t": {"a": "TEXT PRIMARY KEY", "b": "AS (a)", "c": ""}}'))
    assert [name for name, _ in found.values] == ["a", "c", "rowid"]
    assert found.is_exact


def test_dropped_and_added_tables_have_no_mapping() -> None:
    old, new = (
        loads('{"gone": {"a": ""}, "same": {"a": ""}}'),
        loads('{"same": {"a": ""}, "come": {"a": ""}}'),
    )
    assert [found.target.name for found in mapping.between(old, new)] == ["same"]


def test_renames_lead_back_to_the_old_names() -> None:
    old = loads('{"before": {"id": "INTEGER PRIMARY KEY", "x": ""}}')
    new = loads(
        '{"after": {"id": "INTEGER PRIMARY KEY", "y": "", "_renamed_from": "before", "_renames": {"y": "x"}}}'
    )
    (found,) = mapping.between(old, new)
    assert (found.source.name, found.target.name) == ("before", "after")
    assert ("y", '"x"') in found.values


def test_a_fill_acts_on_a_column_that_is_new_or_changed_and_on_no_other() -> None:
    found = between(
        PLAIN,
        '{"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "INT NOT NULL", "c": "TEXT",'
        ' "_fill": {"a": "upper(a)", "b": "coalesce(b, 0)", "c": "a || b"}}',
    )
    assert dict(found.values) == {"id": '"id"', "a": '"a"', "b": "(coalesce(b, 0))", "c": "(a || b)"}


def test_a_new_column_without_a_fill_is_left_to_its_default() -> None:
    found = between(PLAIN, '{"id": "INTEGER PRIMARY KEY", "a": "TEXT", "b": "INT", "c": "DEFAULT 1"}')
    assert "c" not in dict(found.values)
    assert found.is_exact


def test_another_affinity_is_not_exact() -> None:
    assert not between(PLAIN, '{"id": "INTEGER PRIMARY KEY", "a": "INT", "b": "INT"}').is_exact


def test_values_that_are_new_each_time_are_not_proved() -> None:
    found = between(PLAIN, PLAIN[:-1] + ', "u": "TEXT", "_fill": {"u": "hex(randomblob(16))"}}')
    assert found.volatile == {"u"}
    assert [name for name, _ in found.proved] == ["id", "a", "b"]


KEYED = '{"k": "TEXT NOT NULL PRIMARY KEY", "v": ""}'
WITHOUT = '{"k": "TEXT PRIMARY KEY", "v": "", "_options": {"without_rowid": true}}'


@pytest.mark.parametrize(("old", "new"), [(KEYED, WITHOUT), (WITHOUT, KEYED)])
def test_where_one_side_has_no_rowid_the_declared_key_names_the_rows(old: str, new: str) -> None:
    found = between(old, new)
    assert found.source.key == found.target.key == ("k",)


def test_where_both_have_one_the_rowid_names_them_whatever_the_declared_key() -> None:
    found = between(KEYED, '{"k": "", "v": "TEXT PRIMARY KEY"}')
    assert found.source.key == found.target.key == ("rowid",)
    assert ("rowid", '"rowid"') in found.values


def test_a_new_integer_key_takes_the_rowid() -> None:
    found = between('{"a": ""}', '{"id": "INTEGER PRIMARY KEY", "a": ""}')
    assert (found.source.key, found.target.key) == (("rowid",), ("id",))
    assert ("id", '"rowid"') in found.values


def test_a_column_that_becomes_the_rowid_names_the_rows_where_it_is_never_null() -> None:
    found = between('{"n": "INT NOT NULL PRIMARY KEY", "a": ""}', '{"n": "INTEGER PRIMARY KEY", "a": ""}')
    assert found.source.key == found.target.key == ("n",)
    assert not found.is_exact


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"n": "INT PRIMARY KEY", "a": ""}', '{"n": "INTEGER PRIMARY KEY", "a": ""}'),
        (WITHOUT, '{"k": "INT PRIMARY KEY", "v": "", "_options": {"without_rowid": true}}'),
        (WITHOUT, '{"k": "TEXT COLLATE NOCASE PRIMARY KEY", "v": "", "_options": {"without_rowid": true}}'),
    ],
    ids=["nullable column becomes the rowid", "other affinity", "other collation"],
)
def test_rows_that_the_two_sides_could_not_name_alike_are_refused(old: str, new: str) -> None:
    with pytest.raises(Unsupported, match="Use the in-place strategy"):
        between(old, new)


def test_a_column_that_becomes_the_key_names_the_rows_though_it_was_not_unique() -> None:
    found = between(WITHOUT, '{"v": "PRIMARY KEY", "_options": {"without_rowid": true}}')
    assert found.source.key == found.target.key == ("v",)


def test_the_way_back_keeps_what_the_new_schema_does_not_know() -> None:
    old = loads('{"t": {"id": "INTEGER PRIMARY KEY", "x": "", "gone": ""}}')
    new = loads('{"t": {"id": "INTEGER PRIMARY KEY", "y": "", "come": "", "_renames": {"y": "x"}}}')
    (back,) = mapping.reverse(old, new)
    assert dict(back.values) == {"id": '"id"', "x": '"y"'}
    assert back.kept == ("gone",)
