"""Tenants can't reach each other, nor change what the invariants rest on, whichever door they try."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import text

from tenantdb import get_tenant_db
from tenantdb.dialect import errors
from tenantdb.errors import Forbidden, ReadOnly, TenantDamaged, TenantDBError

REFUSED = (Forbidden, ReadOnly, errors.Error)


@pytest.fixture
def acme(fleet):
    fleet.create("acme")
    fleet.create("victim", "CREATE TABLE Users(id INTEGER PRIMARY KEY, email TEXT)")
    return get_tenant_db("acme")


@pytest.fixture
def doors(acme):
    """Each way to run a statement on a tenant's connection."""

    def through(block):
        def run(sql):
            with block() as conn:
                return conn.execute(text(sql)).all()

        return run

    return [acme.query, acme.execute, through(acme.read), through(acme.write), through(acme.session)]


def attempts(path):
    return [
        f"ATTACH '{path}' AS v",
        f"ATTACH 'file:{path}?mode=rw' AS v",
        f"VACUUM INTO '{path}.stolen'",
        f"SELECT * FROM dbstat('{path}')",
        f"PRAGMA temp_store_directory = '{path.parent}'",
        f"SELECT load_extension('{path}')",
        f"CREATE VIRTUAL TABLE v USING csv(filename='{path}')",
        f"SELECT readfile('{path}')",
        f"SELECT writefile('{path}', 'x')",
        f"SELECT fts3_tokenizer('x', '{path}')",
    ]


def test_no_door_leads_to_another_file(acme, doors, fleet):
    victim = fleet.route("victim").path
    before = sorted(path.name for path in victim.parent.iterdir())
    for sql in attempts(victim):
        for door in doors:
            with pytest.raises(Exception) as caught:  # noqa: PT011 - some of it SQLite itself does not know
                door(sql)
            assert isinstance(getattr(caught.value, "orig", caught.value), REFUSED), sql
    assert sorted(path.name for path in victim.parent.iterdir()) == before
    assert acme.query("SELECT name FROM pragma_database_list") == [("main",)]


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA journal_mode = delete",
        "PRAGMA synchronous = off",
        "PRAGMA foreign_keys = off",
        "PRAGMA wal_autocheckpoint = 0",
        "PRAGMA locking_mode = exclusive",
        "UPDATE _tenantdb_control SET state = 'retired'",
        "DELETE FROM _tenantdb_control",
        "DROP TRIGGER _tenantdb_guard_i_Users",
        "CREATE TABLE n(x)",
        "COMMIT",
        "ROLLBACK",
    ],
)
def test_no_door_changes_what_the_invariants_rest_on(acme, doors, sql):
    for door in doors:
        with pytest.raises(Forbidden):
            door(sql)
    with acme.write() as conn:
        settings = [
            conn.execute(text(f"PRAGMA {p}")).scalar()
            for p in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]
    assert acme.query("SELECT state FROM _tenantdb_control") == [("open",)]
    assert acme.execute("UPDATE Users SET role = 'x'") == 1


def test_a_statement_that_was_allowed_in_a_block_is_not_allowed_outside_by_the_cache(acme):
    for sql in ("CREATE TEMP TABLE n(x)", "SAVEPOINT a"):
        with acme.read() as conn:
            conn.exec_driver_sql(sql)
        with pytest.raises(Forbidden):
            acme.query(sql)


def test_a_tenant_cannot_keep_a_transaction_open_behind_its_block(acme):
    with acme.write() as conn:
        conn.execute(text("SAVEPOINT a"))
    assert acme.execute("UPDATE Users SET role = 'y'") == 1
    assert get_tenant_db("acme").query("SELECT role FROM Users") == [("y",)]


def test_a_link_planted_in_place_of_a_file_is_not_followed(acme, fleet):
    victim, path = fleet.route("victim").path, fleet.route("acme").path
    path.unlink()
    path.symlink_to(victim)
    for door in (acme.query, acme.execute):
        with pytest.raises(TenantDamaged, match="symbolic link"):
            door("SELECT count(*) FROM Users")


def test_a_folder_swapped_for_a_link_is_not_followed(acme, fleet):
    victim, path = fleet.route("victim").path, fleet.route("acme").path
    path.unlink()
    for left in path.parent.iterdir():
        left.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(victim.parent, target_is_directory=True)
    os.link(victim, victim.parent / path.name)
    with pytest.raises(TenantDamaged, match="symbolic link"):
        acme.query("SELECT count(*) FROM Users")


def test_every_refusal_is_one_of_ours_and_tells_what_to_do_instead(acme):
    with pytest.raises(TenantDBError) as caught:
        acme.execute("CREATE TABLE n(x)")
    assert "tenantdb rollout start" in str(caught.value)
    assert (caught.value.tenant, caught.value.retryable) == ("acme", False)
