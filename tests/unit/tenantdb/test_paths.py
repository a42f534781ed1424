from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from tenantdb import paths
from tenantdb.errors import TenantDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o777)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_no_two_paths_of_a_tenant_are_equal() -> None:
    assert len({paths.fresh("acme", 1) for _ in range(1000)}) == 1000


@pytest.mark.usefixtures("loose_umask")
def test_files_and_folders_are_their_owners_only(tmp_path: Path) -> None:
    path = paths.create(tmp_path, paths.fresh("acme", 1), tenant="acme")
    assert mode(path) == 0o600
    assert [mode(folder) for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]


@pytest.mark.usefixtures("tight_umask")
def test_a_tight_umask_does_not_shut_the_owner_out(tmp_path: Path) -> None:
    path = paths.create(tmp_path, paths.fresh("acme", 1), tenant="acme")
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_a_file_is_made_exclusively(tmp_path: Path) -> None:
    relative = paths.fresh("acme", 1)
    paths.create(tmp_path, relative, tenant="acme").write_text("data", encoding="ascii")
    with pytest.raises(FileExistsError):
        paths.create(tmp_path, relative, tenant="acme")
    assert (tmp_path / relative).read_text(encoding="ascii") == "data"


@pytest.mark.parametrize("relative", ["/etc/passwd", "../other/g1.db", "aa/../../x/g1.db", ""])
def test_a_path_out_of_the_root_is_refused(tmp_path: Path, relative: str) -> None:
    with pytest.raises(TenantDamaged, match="outside"):
        paths.inside(tmp_path, relative, tenant="acme")


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_no_part_below_the_root_may_be_a_link(tmp_path: Path, depth: int) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    elsewhere.mkdir()
    relative = paths.fresh("acme", 1)
    path = paths.create(elsewhere, relative, tenant="acme")
    link = [root / relative, *(root / relative).parents][depth]
    link.parent.mkdir(parents=True)
    link.symlink_to([path, *path.parents][depth])
    assert (root / relative).exists()
    with pytest.raises(TenantDamaged, match="symbolic link") as caught:
        paths.inside(root, relative, tenant="acme")
    assert caught.value.path == str(link)
    with pytest.raises(TenantDamaged, match="symbolic link"):
        paths.refuse_links(root / relative, tenant="acme")


def test_a_dangling_link_is_refused_and_not_created_through(tmp_path: Path) -> None:
    relative = paths.fresh("acme", 1)
    target = tmp_path / "target.db"
    (tmp_path / "root" / relative).parent.mkdir(parents=True)
    (tmp_path / "root" / relative).symlink_to(target)
    with pytest.raises(TenantDamaged, match="symbolic link"):
        paths.create(tmp_path / "root", relative, tenant="acme")
    assert not target.exists()


def test_the_root_itself_may_lie_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    relative = paths.fresh("acme", 1)
    paths.create(tmp_path / "root", relative, tenant="acme")
    assert (tmp_path / "disk" / relative).is_file()


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path) -> None:
    relative = paths.fresh("acme", 1)
    (tmp_path / relative[:2]).write_text("", encoding="ascii")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        paths.create(tmp_path, relative, tenant="acme")


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    (tmp_path / "shared").chmod(0o755)
    paths.private_folder(tmp_path / "shared")
    assert mode(tmp_path / "shared") == 0o755


def test_a_root_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):  # a disk that is not mounted must not be filled in its place
        paths.create(tmp_path / "disk", paths.fresh("acme", 1), tenant="acme")
    assert not (tmp_path / "disk").exists()
