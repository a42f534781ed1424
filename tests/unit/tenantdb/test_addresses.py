from __future__ import annotations

import stat
from pathlib import Path

import psutil
import pytest

from tenantdb import addresses
from tenantdb.errors import ServerUnusable


@pytest.mark.parametrize("server", ["local", "eu-1", "EU_2", "7", "x" * 32])
def test_short_safe_names_are_ids(server: str) -> None:
    assert addresses.checked_id(server) == server


@pytest.mark.parametrize("server", ["", "-x", "_x", "a b", "a/b", "..", "é", "x" * 33, "a.b", "a\n"])
def test_other_names_are_refused(server: str) -> None:
    with pytest.raises(ServerUnusable, match="1 to 32 ASCII letters"):
        addresses.checked_id(server)


def test_a_relative_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert addresses.folder(addresses.normalised("eu", "file:srv/eu")) == tmp_path / "srv/eu"


@pytest.mark.parametrize("name", ["a b", "100%", "ü", "q?x#y", "semi;colon"])
def test_every_folder_survives_its_url(tmp_path: Path, name: str) -> None:
    url = (tmp_path / name).as_uri()
    assert addresses.folder(addresses.normalised("eu", url)) == tmp_path / name


def test_links_are_followed_once_so_that_one_folder_has_one_url(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert addresses.normalised("eu", f"file:{tmp_path}/link") == (tmp_path / "disk").as_uri()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ssh://user@host/path", "not in this version"),
        ("https://host/path", "use file:/path"),
        ("/srv/eu", "use file:/path"),
        ("file://otherhost/srv", "names the host 'otherhost'"),
        ("file:", "names no folder"),
        ("file:/srv?x=1", "names no folder"),
    ],
)
def test_other_urls_are_refused_with_the_way_out(url: str, said: str) -> None:
    with pytest.raises(ServerUnusable, match=said):
        addresses.normalised("eu", url)


def test_the_folder_is_made_for_its_owner_only_and_left_empty(tmp_path: Path) -> None:
    root = addresses.prepare("eu", (tmp_path / "a/b").as_uri())
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("place", ["eu", "eu/below", "."])
def test_folders_of_two_servers_may_not_overlap(tmp_path: Path, place: str) -> None:
    taken = [("eu", (tmp_path / "eu").as_uri())]
    with pytest.raises(ServerUnusable, match="overlaps with the folder of server 'eu'"):
        addresses.prepare("other", (tmp_path / place).resolve().as_uri(), taken=taken)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "eu").write_text("", encoding="ascii")
    with pytest.raises(ServerUnusable, match=str(tmp_path / "eu")):
        addresses.prepare("eu", (tmp_path / "eu").as_uri())


def test_a_place_where_sqlite_cannot_work_is_refused() -> None:
    with pytest.raises(ServerUnusable, match="/proc"):
        addresses.prepare("eu", "file:///proc/self")


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = [
        psutil._ntuples.sdiskpart("disk", "/", "ext4", "rw"),
        psutil._ntuples.sdiskpart("host:/srv", str(tmp_path), "nfs4", "rw"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounted)
    with pytest.raises(ServerUnusable, match="network file system"):
        addresses.prepare("eu", (tmp_path / "below").as_uri())
    assert addresses.filesystem(Path("/usr")) == "ext4"
