"""Each way in which a file and the catalog can disagree is one finding, and a sound fleet has none."""

from __future__ import annotations

import apsw
import pytest

from migrations_engine.introspection import introspect
from migrations_engine.online import capture
from migrations_engine.online.shape import shapes
from tenantdb import seal
from tests.fleet import NEW, Fleet
from workers.doctor import examine
from workers.migration.migration import migrate
from workers.mover import move
from workers.recovery import recover


@pytest.fixture
def fleet(tmp_path):
    fleet = Fleet(tmp_path)
    fleet.create("t", rows=3)
    return fleet


def kinds(fleet):
    return [each.kind.value for each in examine(fleet.settings)]


def by_hand(fleet, *statements):
    """Change the tenant's file as nobody should."""
    conn = apsw.Connection(str(fleet.route("t").path))
    for sql in statements:
        conn.execute(sql)
    conn.close()


def in_catalog(fleet, sql):
    with fleet.catalog.begin() as session:
        session.connection().exec_driver_sql(sql)


def test_a_sound_fleet_has_no_findings(fleet):
    move("t", to="b", settings=fleet.settings)
    migrate("t", NEW, settings=fleet.settings)
    assert kinds(fleet) == []


def test_a_file_that_is_gone(fleet):
    fleet.route("t").path.unlink()
    assert kinds(fleet) == ["missing-file"]


def test_a_file_that_is_no_database(fleet):
    fleet.route("t").path.write_bytes(b"not a database at all" * 100)
    assert kinds(fleet) == ["damaged-file"]


def test_a_file_of_another_tenant(fleet):
    by_hand(fleet, "UPDATE _tenantdb_control SET tenant = 'other'")
    assert kinds(fleet) == ["wrong-identity"]


def test_a_file_newer_than_its_route(fleet):
    by_hand(fleet, "UPDATE _tenantdb_control SET epoch = 9")
    assert kinds(fleet) == ["newer-than-route"]


def test_a_file_older_than_its_route(fleet):
    in_catalog(fleet, "UPDATE tenants SET epoch = 9")
    assert kinds(fleet) == ["wrong-epoch"]


@pytest.mark.parametrize("state", ["born", "retired"])
def test_a_file_that_takes_no_writes_where_the_route_is(fleet, state):
    by_hand(fleet, f"UPDATE _tenantdb_control SET state = '{state}'")
    assert kinds(fleet) == ["wrong-state"]


def test_two_files_that_take_writes(fleet):
    old = fleet.route("t").path
    move("t", to="b", settings=fleet.settings)
    seal.unseal(old)
    conn = apsw.Connection(str(old))
    conn.execute("UPDATE _tenantdb_control SET state = 'open'")
    conn.close()
    assert kinds(fleet) == ["two-homes", "wrong-state"]


def test_a_table_without_guards(fleet):
    by_hand(fleet, "DROP TRIGGER _tenantdb_guard_u_notes")
    assert kinds(fleet) == ["unguarded-tables"]


def test_a_structure_that_was_changed_by_hand(fleet):
    by_hand(fleet, "CREATE INDEX rogue ON notes (v)")
    assert kinds(fleet) == ["drift"]


def test_a_catalog_that_says_another_schema(fleet):
    in_catalog(fleet, "UPDATE tenants SET schema_hash = 'another'")
    assert kinds(fleet) == ["schema-differs"]


def test_a_capture_that_no_operation_wants(fleet):
    conn = apsw.Connection(str(fleet.route("t").path))
    capture.install(conn, shapes(introspect(conn)))
    conn.close()
    assert kinds(fleet) == ["capture-left"]
    assert [each.what for each in recover(fleet.settings).swept] == ["stripped"]
    assert kinds(fleet) == []


def test_a_file_that_nobody_knows(fleet):
    path = fleet.route("t").path
    (path.parent / "g7-0123456789abcdef.db").write_bytes(path.read_bytes())
    assert kinds(fleet) == ["stray-file"]


def test_a_file_out_of_service_that_is_not_sealed(fleet):
    old = fleet.route("t").path
    move("t", to="b", settings=fleet.settings)
    seal.unseal(old)
    assert kinds(fleet) == ["unsealed"]
    assert [each.what for each in recover(fleet.settings).swept] == ["sealed"]
    assert kinds(fleet) == []


def test_a_frozen_tenant(fleet):
    in_catalog(fleet, "UPDATE tenants SET state = 'frozen'")
    assert kinds(fleet) == ["frozen"]


@pytest.mark.parametrize(
    ("state", "kind"), [("running", "stuck-operation"), ("unknown", "unknown-operation")]
)
def test_an_operation_that_nobody_carries_or_whose_end_is_not_known(fleet, state, kind):
    columns = "id, kind, tenant_id, state, token, boot_id, payload, created_at, updated_at"
    in_catalog(
        fleet,
        f"INSERT INTO operations ({columns}) VALUES ('odd', 'move', 't', '{state}', 1, 'boot', '{{}}', 0, 0)",
    )
    assert kinds(fleet) == [kind]


def test_an_archive_goes_when_its_time_is_over(fleet):
    old = fleet.route("t").path
    move("t", to="b", settings=fleet.settings)
    in_catalog(fleet, "UPDATE generations SET keep_until = 1.0 WHERE state = 'archived'")
    assert [each.what for each in recover(fleet.settings).swept] == ["expired"]
    assert not old.exists()
    assert kinds(fleet) == []


def test_a_way_back_that_has_expired_takes_its_log_with_it(fleet):
    migrate("t", NEW, settings=fleet.settings)
    in_catalog(fleet, "UPDATE generations SET keep_until = 1.0 WHERE state = 'archived'")
    assert sorted(each.what for each in recover(fleet.settings).swept) == ["expired", "stripped"]
    assert kinds(fleet) == []
