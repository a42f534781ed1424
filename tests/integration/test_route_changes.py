"""Handles while their tenant goes to another file, interrupted at every step."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from sqlalchemy import text

from migrations_engine import sqlite
from tenantdb import control, get_tenant_db, seal
from tenantdb.errors import CatalogUnavailable, TenantDamaged, TenantFrozen, TenantReadOnly
from tenantdb.model import FileState

COUNT = "SELECT count(*) FROM Users"
INSERT = "INSERT INTO Users(email) VALUES ('b')"


@pytest.fixture
def db(fleet):
    fleet.create("acme")
    db = get_tenant_db("acme")
    assert db.query(COUNT) == [(1,)]
    db.execute(INSERT)
    return db


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("TENANTDB_WRITE_WAIT", "0.1")


def rows_in(path):
    conn = sqlite.connect(path)
    try:
        return sqlite.value(conn, COUNT)
    finally:
        conn.close()


def read(db):
    with db.read() as conn:
        return conn.execute(text(COUNT)).scalar()


def state_of(path):
    conn = sqlite.connect(path)
    try:
        return control.read(conn).state
    finally:
        conn.close()


def change_control(path, **changes):
    conn = sqlite.connect(path)
    with sqlite.immediate(conn):
        control.write(conn, dataclasses.replace(control.read(conn), **changes))
    conn.close()


def test_a_kept_handle_follows_its_tenant(db, fleet):
    for step in range(3):
        move = fleet.move("acme")
        move.whole()
        assert db.query(COUNT) == [(2 + step,)]
        assert db.execute(INSERT) == 1
        assert read(db) == rows_in(move.path) == 3 + step
        assert rows_in(move.old.path) == 2 + step


def test_a_fenced_tenant_is_read_and_not_written(impatient, db, fleet):
    fleet.move("acme").retire_and_copy()
    assert db.query(COUNT) == [(2,)]
    assert read(db) == 2
    with pytest.raises(TenantReadOnly):
        db.execute(INSERT)
    with pytest.raises(TenantReadOnly):
        db.write().__enter__()
    assert db.query(COUNT) == [(2,)]


def test_a_flip_that_nobody_announced_is_noticed_by_readers(db, fleet):
    move = fleet.move("acme")
    move.retire_and_copy()
    assert db.query(COUNT) == [(2,)]
    move.flip()
    change_control(move.path, state=FileState.OPEN)
    conn = sqlite.connect(move.path)
    conn.execute(INSERT)
    conn.close()
    assert db.query(COUNT) == [(3,)]
    assert read(db) == 3


def test_a_born_file_that_the_committed_route_names_is_read(db, fleet):
    move = fleet.move("acme")
    move.retire_and_copy()
    move.flip()
    assert db.query(COUNT) == [(2,)]
    assert read(db) == 2
    assert state_of(move.path) is FileState.BORN


def test_a_born_file_is_opened_by_the_first_writer_if_the_mover_died(db, fleet):
    move = fleet.move("acme")
    move.retire_and_copy()
    move.flip()
    assert db.execute(INSERT) == 1
    assert state_of(move.path) is FileState.OPEN
    assert (rows_in(move.old.path), rows_in(move.path)) == (2, 3)


def test_a_born_file_that_the_route_does_not_name_is_not_opened(impatient, db, fleet):
    move = fleet.move("acme")
    move.retire_and_copy()
    with pytest.raises(TenantReadOnly):
        db.execute(INSERT)
    assert state_of(move.path) is FileState.BORN


@pytest.mark.parametrize("announced", [True, False])
def test_a_writer_that_waits_goes_on_where_the_tenant_is_home_again(db, fleet, announced):
    move = fleet.move("acme")
    move.retire_and_copy()
    done = []
    writer = threading.Thread(target=lambda: done.append(db.execute(INSERT)))
    writer.start()
    writer.join(0.1)
    assert done == []
    move.flip()
    if announced:
        move.mark()
    writer.join()
    assert done == [1]
    assert rows_in(move.path) == 3


def test_a_sealed_file_sends_writers_to_the_new_one(db, fleet):
    move = fleet.move("acme")
    move.whole()
    assert seal.seal(move.old.path, operation="move", token=move.token)
    assert db.execute(INSERT) == 1
    assert db.query(COUNT) == [(3,)]


def test_a_file_that_went_missing_after_the_tenant_left_it_is_no_damage(db, fleet):
    move = fleet.move("acme")
    move.retire_and_copy()
    move.flip()
    move.old.path.unlink()
    assert db.query(COUNT) == [(2,)]
    assert db.execute(INSERT) == 1


def test_a_lost_marks_file_loses_no_write(db, fleet):
    fleet.settings.layout.marks.unlink()
    fleet.move("acme").whole()
    assert db.query(COUNT) == [(2,)]
    assert db.execute(INSERT) == 1
    assert read(db) == 3


def test_a_file_newer_than_its_route_freezes_the_tenant_and_is_never_opened(db, fleet):
    path = fleet.route("acme").path
    change_control(path, epoch=9)
    for call in (db.query, db.execute):
        with pytest.raises(TenantFrozen) as caught:
            call(COUNT)
        assert (caught.value.file_epoch, caught.value.route_epoch) == (9, 1)
    change_control(path, epoch=9, state=FileState.BORN)
    with pytest.raises(TenantFrozen):
        db.execute(INSERT)
    assert state_of(path) is FileState.BORN


def test_a_file_older_than_its_route_is_never_served(db, fleet):
    change_control(fleet.route("acme").path, epoch=0)
    for call in (db.query, db.execute):
        with pytest.raises(TenantDamaged, match="older"):
            call(COUNT)


def test_a_file_that_lost_its_control_row_is_damage(db, fleet):
    conn = sqlite.connect(fleet.route("acme").path)
    conn.execute("DELETE FROM _tenantdb_control")
    conn.close()
    for call in (db.query, db.execute):
        with pytest.raises(TenantDamaged, match="no control row"):
            call(COUNT)


# Without the catalog


@pytest.fixture
def catalog_gone(fleet):
    def take_away():
        fleet.catalog.close()
        path = fleet.settings.layout.catalog
        path.rename(path.with_suffix(".away"))

    return take_away


def test_a_known_tenant_is_read_and_written_while_the_catalog_is_gone(db, fleet, catalog_gone):
    catalog_gone()
    fleet.marks().changed("acme")
    for number in range(3, 6):
        assert get_tenant_db("acme").execute(INSERT) == 1
        assert get_tenant_db("acme").query(COUNT) == [(number,)]
    with db.session() as session:
        session.execute(text(INSERT))
    assert read(db) == 6


def test_an_unknown_tenant_needs_the_catalog(db, catalog_gone):
    catalog_gone()
    with pytest.raises(CatalogUnavailable):
        get_tenant_db("other")


def test_a_retired_file_is_not_served_while_nobody_knows_where_the_tenant_is(db, fleet, catalog_gone):
    move = fleet.move("acme")
    move.retire_and_copy()
    catalog_gone()
    for call in (db.query, db.execute):
        with pytest.raises(CatalogUnavailable):
            call(COUNT)


def test_a_query_that_only_the_file_left_behind_refuses_is_asked_of_the_current_one(fleet, db):
    move = fleet.move("acme")
    move.whole()
    conn = sqlite.connect(move.path)
    conn.execute("ALTER TABLE Users ADD COLUMN phone TEXT")
    conn.close()

    assert db.query("SELECT phone FROM Users LIMIT 1") == [(None,)]
