from __future__ import annotations

import os
import sqlite3

import pytest

from tenantdb import get_tenant_db
from tenantdb.errors import ForeignSQLite
from tenantdb.handles import foreign


@pytest.fixture
def path(fleet):
    path = fleet.create("acme")
    get_tenant_db("acme").query("SELECT 1")
    return path


@pytest.mark.parametrize(
    "spelt",
    [
        lambda path: path,
        str,
        os.fsencode,
        lambda path: path.as_uri(),
        lambda path: f"file:{path}?mode=ro",
        lambda path: path.parent / ".." / path.parent.name / path.name,
        os.path.relpath,
    ],
)
def test_the_standard_librarys_sqlite3_is_refused_on_files_of_the_home(path, spelt):
    with pytest.raises(ForeignSQLite, match=path.name):
        sqlite3.connect(spelt(path), uri=True)


def test_a_link_to_a_file_of_the_home_is_refused(path, tmp_path):
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with pytest.raises(ForeignSQLite):
        sqlite3.connect(link)


def test_the_catalog_is_refused_too(path, fleet):
    with pytest.raises(ForeignSQLite):
        sqlite3.connect(fleet.settings.layout.catalog)


@pytest.mark.parametrize("elsewhere", [":memory:", "", "file::memory:?cache=private"])
def test_databases_of_others_are_theirs(path, elsewhere):
    sqlite3.connect(elsewhere, uri=True).close()


def test_a_file_elsewhere_is_its_owners(path, tmp_path):
    sqlite3.connect(tmp_path / "other.db").close()


def test_a_change_of_our_variables_is_told(monkeypatch):
    told = []
    monkeypatch.setattr(foreign, "_listeners", [lambda: told.append(1)])
    monkeypatch.setenv("TENANTDB_SERVER", "a")
    monkeypatch.setenv("ELSEWHERE", "a")
    monkeypatch.delenv("TENANTDB_SERVER")
    assert len(told) == 2
