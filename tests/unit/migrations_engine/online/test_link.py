from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from migrations_engine import sqlite
from migrations_engine.online.link import linked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Source


@pytest.fixture
def pair(make_source: Callable[[str], Source], tmp_path: Path) -> tuple[apsw.Connection, apsw.Connection]:
    source = make_source("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    return source.conn, source.open(tmp_path / "other.db", mode="rwc")


def test_the_source_is_read_through_the_target_and_cannot_be_written(
    pair: tuple[apsw.Connection, apsw.Connection],
) -> None:
    source, target = pair
    with linked(source, target) as schema:
        assert sqlite.value(target, f"SELECT a FROM {schema}.t") == 1
        with pytest.raises(apsw.ReadOnlyError):
            target.execute(f"INSERT INTO {schema}.t VALUES (2)")


def test_a_write_transaction_on_the_target_does_not_lock_the_source(
    pair: tuple[apsw.Connection, apsw.Connection],
) -> None:
    source, target = pair
    with linked(source, target) as schema, sqlite.immediate(target):
        source.execute("INSERT INTO t VALUES (2)")
        # The snapshot is of the moment when the transaction began.
        assert sqlite.value(target, f"SELECT count(*) FROM {schema}.t") == 1


def test_an_inner_link_uses_the_outer_one_and_leaves_it(
    pair: tuple[apsw.Connection, apsw.Connection],
) -> None:
    source, target = pair
    with linked(source, target) as outer:
        with linked(source, target) as inner:
            assert inner == outer
        assert sqlite.value(target, f"SELECT a FROM {outer}.t") == 1
    assert len(sqlite.rows(target, "PRAGMA database_list")) == 1


def test_a_file_is_its_own_source_without_being_attached(
    pair: tuple[apsw.Connection, apsw.Connection],
) -> None:
    source, _ = pair
    with linked(source, source) as schema:
        assert schema == "main"


def test_other_files_can_be_attached_for_writing_as_before(
    pair: tuple[apsw.Connection, apsw.Connection], tmp_path: Path
) -> None:
    source, target = pair
    with linked(source, target):
        pass
    target.execute("ATTACH ? AS more", (str(tmp_path / "more.db"),))
    target.execute("CREATE TABLE more.t (a)")
    assert sqlite.rows(target, "SELECT * FROM more.t") == []
