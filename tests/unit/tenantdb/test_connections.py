from __future__ import annotations

import apsw
import pytest

from tenantdb.errors import SettingsError, TenantDamaged
from tenantdb.handles import connections
from tenantdb.model import Durability, Route


def route_to(path):
    return Route(tenant="acme", server="local", path=path, generation=1, epoch=1, schema_hash=None)


@pytest.fixture
def path(make_file):
    return make_file()


@pytest.fixture
def opened():
    """Opens readers and writers, closed at the end."""
    made = []

    def open_it(path, *, writes=False, durability=Durability.FULL, extensions=()):
        route = route_to(path)
        if writes:
            made.append(connections.open_writer(route, durability=durability, extensions=extensions))
        else:
            made.append(connections.open_reader(route, extensions=extensions))
        return made[-1].raw

    yield open_it
    for each in made:
        each.raw.close()


@pytest.mark.parametrize(("durability", "level"), [(Durability.FULL, 2), (Durability.NORMAL, 1)])
def test_durability_is_how_a_writer_syncs(opened, path, durability, level):
    assert opened(path, writes=True, durability=durability).pragma("synchronous") == level


def test_nothing_can_be_attached_even_if_the_authorizer_slept(opened, path, tmp_path):
    raw = opened(path, writes=True)
    raw.set_authorizer(None)
    with pytest.raises(apsw.SQLError):
        raw.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    with pytest.raises(apsw.Error):
        raw.execute("VACUUM INTO ?", (str(tmp_path / "other.db"),))
    assert not (tmp_path / "other.db").exists()


def test_a_reader_cannot_write_even_if_the_authorizer_slept(opened, path):
    raw = opened(path)
    raw.set_authorizer(None)
    with pytest.raises(apsw.ReadOnlyError):
        raw.execute("INSERT INTO t VALUES (1, 'a')")


@pytest.mark.parametrize("writes", [False, True])
def test_a_missing_file_is_damage_and_is_not_made(opened, tmp_path, writes):
    with pytest.raises(TenantDamaged, match="missing"):
        opened(tmp_path / "none.db", writes=writes)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("writes", [False, True])
def test_a_file_that_is_no_database_is_damage(opened, tmp_path, writes):
    (tmp_path / "x.db").write_bytes(b"no database" * 500)
    with pytest.raises(TenantDamaged, match="not a database"):
        opened(tmp_path / "x.db", writes=writes)


def test_a_file_in_another_journal_mode_is_damage(opened, tmp_path):
    conn = apsw.Connection(str(tmp_path / "x.db"))
    conn.execute("CREATE TABLE t(x)")
    conn.close()
    with pytest.raises(TenantDamaged, match="journal mode is delete"):
        opened(tmp_path / "x.db")


@pytest.mark.parametrize("part", ["file", "folder"])
def test_a_symbolic_link_in_the_path_is_not_followed(opened, path, tmp_path, part):
    if part == "file":
        link = tmp_path / "link.db"
        link.symlink_to(path)
    else:
        (tmp_path / "real").mkdir()
        (tmp_path / "folder").symlink_to(tmp_path / "real", target_is_directory=True)
        path.rename(tmp_path / "real" / path.name)
        link = tmp_path / "folder" / path.name
    with pytest.raises(TenantDamaged, match="symbolic link"):
        opened(link)


def test_a_failed_opening_leaves_nothing_open(opened, tmp_path):
    (tmp_path / "x.db").write_bytes(b"no database" * 500)
    before = len(apsw.connections())
    with pytest.raises(TenantDamaged):
        opened(tmp_path / "x.db")
    assert len(apsw.connections()) == before


EXTENSION = """
def register(conn):
    conn.create_scalar_function("twice", lambda x: 2 * x, 1)
    conn.create_collation("backwards", lambda a, b: (a < b) - (a > b))
"""


@pytest.mark.parametrize("writes", [False, True])
def test_extensions_register_functions_and_collations(opened, path, tmp_path, monkeypatch, writes):
    (tmp_path / "our_extension.py").write_text(EXTENSION)
    monkeypatch.syspath_prepend(tmp_path)
    raw = opened(path, writes=writes, extensions=("our_extension:register",))
    assert raw.execute("SELECT twice(21)").fetchall() == [(42,)]
    found = raw.execute("SELECT column1 FROM (VALUES ('a'), ('b')) ORDER BY 1 COLLATE backwards").fetchall()
    assert found == [("b",), ("a",)]


@pytest.mark.parametrize("name", ["no_such_module:register", "json:no_such_function"])
def test_an_extension_that_is_not_there_is_a_wrong_setting(opened, path, name):
    with pytest.raises(SettingsError, match=name):
        opened(path, extensions=(name,))
