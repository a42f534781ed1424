from __future__ import annotations

import pytest

from tenantdb import TenantDB, get_tenant_db, routing
from tenantdb.catalog.states import TenantState
from tenantdb.errors import InvalidTenantId, NotInitialised, TenantFrozen, TenantNotFound


def test_a_known_tenant_has_a_handle(fleet):
    fleet.create("acme")
    db = get_tenant_db("acme")
    assert isinstance(db, TenantDB)
    assert (db.tenant, repr(db)) == ("acme", "<TenantDB 'acme'>")


def test_an_unknown_id_makes_no_file_and_no_folder(fleet):
    for _ in range(2):
        with pytest.raises(TenantNotFound):
            get_tenant_db("nobody")
    assert list(fleet.root.iterdir()) == []


@pytest.mark.parametrize("given", [42, "42"])
def test_a_number_and_its_text_are_one_tenant(fleet, given):
    fleet.create("42")
    for _ in range(2):
        assert get_tenant_db(given).tenant == "42"


@pytest.mark.parametrize("impostor", [True, 1.0, None, b"1", ("1",)])
def test_what_only_equals_an_id_is_refused_also_when_the_id_is_known(fleet, impostor):
    fleet.create("1")
    for known in (1, "1"):
        get_tenant_db(known).query("SELECT 1")
    with pytest.raises(InvalidTenantId):
        get_tenant_db(impostor)


def test_normal_forms_are_one_tenant_and_cases_are_two(fleet):
    fleet.create("caf\u00e9")
    fleet.create("acme")
    assert get_tenant_db("cafe\u0301").tenant == "caf\u00e9"
    with pytest.raises(TenantNotFound):
        get_tenant_db("ACME")


@pytest.mark.parametrize("tenant", ["../../etc/passwd", "a/b", "a@b.c", " x ", "💥", "..", "-rf", "a'b\"c"])
def test_anything_may_be_an_id_and_stays_inside_the_server(fleet, tenant):
    fleet.create(tenant)
    get_tenant_db(tenant).execute("INSERT INTO Users(email) VALUES ('b')")
    files = [path for path in fleet.settings.home.rglob("*.db") if path.name != "catalog.db"]
    assert all(path.is_relative_to(fleet.root) for path in files)
    assert len(files) == 1


def test_a_deleted_tenant_is_unknown_at_once_also_to_kept_handles(fleet):
    fleet.create("acme")
    db = get_tenant_db("acme")
    db.query("SELECT 1")
    fleet.set_state("acme", TenantState.DELETED)
    with pytest.raises(TenantNotFound):
        get_tenant_db("acme")
    with pytest.raises(TenantNotFound):
        db.query("SELECT 1")
    with pytest.raises(TenantNotFound):
        db.execute("DELETE FROM Users")


def test_a_tenant_that_is_being_made_is_unknown(fleet):
    fleet.create("acme")
    fleet.set_state("acme", TenantState.CREATING)
    with pytest.raises(TenantNotFound):
        get_tenant_db("acme")


def test_a_frozen_tenant_is_neither_read_nor_written(fleet):
    fleet.create("acme")
    db = get_tenant_db("acme")
    db.query("SELECT 1")
    fleet.set_state("acme", TenantState.FROZEN)
    with pytest.raises(TenantFrozen):
        db.query("SELECT 1")
    with pytest.raises(TenantFrozen):
        db.execute("DELETE FROM Users")


def test_without_a_home_the_error_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TENANTDB_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(NotInitialised, match=str(tmp_path / "nowhere")):
        get_tenant_db("acme")


def test_another_home_is_another_fleet(fleet, tmp_path, monkeypatch):
    fleet.create("acme")
    get_tenant_db("acme").query("SELECT 1")
    monkeypatch.setenv("TENANTDB_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(NotInitialised):
        get_tenant_db("acme")


def test_handles_are_bounded(fleet, monkeypatch):
    monkeypatch.setattr(routing, "MAX_HANDLES", 3)
    for number in range(5):
        fleet.create(str(number))
        assert get_tenant_db(number).query("SELECT count(*) FROM Users") == [(1,)]
        assert len(routing._handles) <= 4
