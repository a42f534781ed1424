from __future__ import annotations

import dataclasses

import apsw
import pytest

from tenantdb import control
from tenantdb.model import Control, FileState

ROW = Control(
    tenant="acme", generation=2, epoch=7, state=FileState.BORN, operation="op", token=3, schema_hash="ab"
)


@pytest.fixture
def conn():
    with apsw.Connection(":memory:") as conn:
        yield conn


def test_what_was_written_is_read_back(conn):
    control.write(conn, ROW)
    assert control.read(conn) == ROW


def test_a_fresh_row_replaces_the_old_one(conn):
    control.write(conn, ROW)
    fresh = dataclasses.replace(ROW, tenant="other", operation=None, schema_hash=None)
    control.write(conn, fresh)
    assert control.read(conn) == fresh


def test_a_file_without_the_table_has_no_control_row(conn):
    assert control.read(conn) is None


def test_a_file_with_an_empty_table_has_no_control_row(conn):
    control.write(conn, ROW)
    conn.execute("DELETE FROM _tenantdb_control")
    assert control.read(conn) is None


def test_a_table_that_is_not_ours_is_an_error_and_not_a_missing_row(conn):
    conn.execute("CREATE TABLE _tenantdb_control(x)")
    with pytest.raises(apsw.SQLError):
        control.read(conn)


def test_a_temp_table_of_the_same_name_does_not_shadow_the_row(conn):
    control.write(conn, ROW)
    conn.execute("CREATE TEMP TABLE _tenantdb_control AS SELECT * FROM main._tenantdb_control")
    conn.execute("UPDATE temp._tenantdb_control SET state = 'open'")
    assert control.read(conn) == ROW


def test_the_state_moves_only_from_the_named_one(conn):
    control.write(conn, ROW)
    assert not control.set_state(conn, FileState.RETIRED, only_from=FileState.OPEN)
    assert control.set_state(conn, FileState.OPEN, only_from=FileState.BORN)
    assert control.read(conn) == dataclasses.replace(ROW, state=FileState.OPEN)


def test_the_schema_hash_is_noted(conn):
    control.write(conn, ROW)
    control.set_schema_hash(conn, "cd")
    assert control.read(conn) == dataclasses.replace(ROW, schema_hash="cd")
