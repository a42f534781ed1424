from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine import loads, sqlite
from migrations_engine.errors import DataDoesNotFit
from migrations_engine.online import mapping, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Copy, Source

    Captured = Callable[[str], Source]

TABLES = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, {});"
NEW = '{"p": {"id": "INTEGER PRIMARY KEY"}, "c": {"id": "INTEGER PRIMARY KEY", "up": "INT REFERENCES p"%s}}'
LOOSE = TABLES.format("p INT")
TIED = TABLES.format("p INT REFERENCES p")
RENAMED = ', "_renames": {"up": "p"}'


def changed(source: Source) -> Copy:
    copy = source.copy(mapping.between(source.schema, loads(NEW % RENAMED)))
    copy.conn.execute("DROP TABLE c; CREATE TABLE c (id INTEGER PRIMARY KEY, up INT REFERENCES p)")
    return copy


def last_drain(copy: Copy) -> None:
    verify.keys(copy.source.conn, copy.conn, copy.mappings, after=0, admit=sqlite.immediate)


def test_a_row_without_a_parent_under_a_new_foreign_key_does_not_fit(captured: Captured) -> None:
    source = captured(LOOSE)
    copy = changed(source)
    source.conn.execute("INSERT INTO p VALUES (1); INSERT INTO c VALUES (10, 1), (11, 2), (12, NULL)")
    with pytest.raises(DataDoesNotFit) as raised:
        last_drain(copy)
    (misfit,) = raised.value.misfits
    assert (misfit.table, misfit.count, misfit.sample) == ("c", 1, (11,))
    assert copy.rows("SELECT count(*) FROM c") == [(0,)]


def test_a_parent_that_goes_under_a_new_foreign_key_is_found_though_its_children_are_not_touched(
    captured: Captured,
) -> None:
    source = captured(LOOSE)
    copy = changed(source)
    source.conn.execute("INSERT INTO p VALUES (1); INSERT INTO c VALUES (10, 1)")
    copy.drain()
    source.conn.execute("DELETE FROM p")
    with pytest.raises(DataDoesNotFit):
        verify.full(source.conn, copy.conn, copy.mappings, after=copy.watermark, admit=sqlite.immediate)


def test_rows_that_lack_their_parents_at_the_source_already_do_so_at_the_copy(captured: Captured) -> None:
    source = captured(TIED)
    copy = changed(source)
    source.conn.execute("INSERT INTO c VALUES (10, 1)")
    last_drain(copy)
    assert copy.rows("SELECT * FROM c") == [(10, 1)]
