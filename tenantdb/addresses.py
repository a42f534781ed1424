"""A server's address: which ids and URLs servers may have, and whether one's folder can hold files."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import apsw
import psutil  # type: ignore[import-untyped]  # it ships no types

from migrations_engine import sqlite
from tenantdb import paths
from tenantdb.errors import ServerUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")

NETWORK_FILESYSTEMS = frozenset(
    [
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "lustre",
    ]
) | frozenset(["ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"])
"""Where several hosts may see one file: SQLite's WAL needs memory that all its readers share."""

_PROBE = ".tenantdb-probe.db"


def checked_id(server: str) -> str:
    """Give the id back if it can be a server's: it becomes part of queue names and of folders.

    Raises:
        ServerUnusable: It can't.
    """
    if not _ID.fullmatch(server):
        raise ServerUnusable(
            server,
            reason="an id is 1 to 32 ASCII letters, digits, '-' or '_', beginning with a letter or digit",
        )
    return server


def normalised(server: str, given: str) -> str:
    """Give the one spelling of a URL: absolute, links followed, so that one folder has one URL.

    Raises:
        ServerUnusable: It is no ``file:`` URL of this machine.
    """
    parts = urlsplit(given, allow_fragments=False)
    if parts.scheme == "ssh":
        raise ServerUnusable(server, reason="servers over ssh: are not in this version; use file:/path")
    if parts.scheme != "file":
        raise ServerUnusable(server, reason=f"{given!r} is no URL of a server; use file:/path")
    if parts.netloc not in {"", "localhost"}:
        raise ServerUnusable(server, reason=f"{given!r} names the host {parts.netloc!r}; use file:/path")
    if not parts.path or parts.query:
        raise ServerUnusable(server, reason=f"{given!r} names no folder; use file:/path")
    return Path(unquote(parts.path)).resolve().as_uri()


def folder(url: str) -> Path:
    """The folder that a normalised ``file:`` URL names."""
    return Path(unquote(urlsplit(url, allow_fragments=False).path))


def prepare(server: str, url: str, *, taken: Iterable[tuple[str, str]] = ()) -> Path:
    """Make the folder of a new server, and try that SQLite works in it.

    Args:
        server: The id.
        url: Normalised.
        taken: Ids and URLs of the servers that there are: their folders may not overlap with it.

    Raises:
        ServerUnusable: The folder can't be made or written, lies on a network file system, or is another's.
    """
    root = folder(url)
    for other, other_url in taken:
        _refuse_overlap(server, root, other=other, other_root=folder(other_url))
    try:
        paths.private_folder(root)
        _refuse_network(server, root)
        _try_sqlite(root)
    except OSError as error:
        raise ServerUnusable(server, reason=f"{root}: {error.strerror or error}") from None
    except apsw.Error as error:
        raise ServerUnusable(server, reason=f"{root}: SQLite can't work here: {error}") from None
    return root


def _refuse_overlap(server: str, root: Path, *, other: str, other_root: Path) -> None:
    if root.is_relative_to(other_root) or other_root.is_relative_to(root):
        raise ServerUnusable(
            server, reason=f"{root} overlaps with the folder of server {other!r}, {other_root}"
        )


def _refuse_network(server: str, root: Path) -> None:
    kind = filesystem(root)
    if kind in NETWORK_FILESYSTEMS:
        raise ServerUnusable(
            server,
            reason=f"{root} is on a network file system ({kind}), where SQLite can lose commits",
        )


def filesystem(path: PurePath) -> str | None:
    """The type of the file system that a path lies on, as the system names it; None where it is unknown."""
    mounts = {
        PurePath(mount.mountpoint): mount.fstype
        for mount in psutil.disk_partitions(all=True)  # later mounts hide earlier ones, as in the system
    }
    return next((mounts[place] for place in (path, *path.parents) if place in mounts), None)


def _try_sqlite(root: Path) -> None:
    """Write a row through a WAL: a type that we never heard of may lack locks or shared memory too."""
    probe = root / _PROBE
    _remove(probe)
    conn = sqlite.connect(probe, mode="rwc")
    try:
        sqlite.switch_to_wal(conn)
        conn.execute("CREATE TABLE probe(x)")
    finally:
        conn.close()
        _remove(probe)


def _remove(probe: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        probe.with_name(probe.name + suffix).unlink(missing_ok=True)
