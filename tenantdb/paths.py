"""Where files are: the only place that builds a path from a tenant's id.

A tenant file is ``<server root>/<2 hex>/<SHA-256 of the id>/g<N>-<random>.db``. The hash keeps every id
inside the root and apart from every other one, also where the file system ignores case; the random part makes
a path that was never used before, because SQLite finds ``-wal`` and ``-shm`` by path: a second life of a path
could read the log of the first.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tenantdb.errors import TenantDamaged

FILE_MODE = 0o600
FOLDER_MODE = 0o700
TENANT_DEPTH = 3
"""How many parts a tenant file's path has below its server's root."""


@dataclass(frozen=True, slots=True)
class Home:
    """The layout of a tenantdb home; ``root`` is absolute."""

    root: Path

    @property
    def catalog(self) -> Path:
        """The embedded catalog."""
        return self.root / "catalog.db"

    @property
    def marks(self) -> Path:
        """Freshness marks and requests to yield."""
        return self.root / "marks"

    @property
    def templates(self) -> Path:
        """One file for each schema, which new tenants begin as a copy of."""
        return self.root / "templates"

    @property
    def servers(self) -> Path:
        """The folder of the servers that live in the home."""
        return self.root / "servers"

    def server(self, server: str) -> Path:
        """The root of a server that lives in the home."""
        return self.servers / server


def tenant_folder(tenant: str) -> str:
    """The folder of a tenant, relative to its server's root.

    Args:
        tenant: The canonical id (see ``ids.canonical``).
    """
    digest = hashlib.sha256(tenant.encode()).hexdigest()
    return f"{digest[:2]}/{digest}"


def fresh(tenant: str, generation: int) -> str:
    """A path for a new generation that no file ever had, relative to the server's root."""
    return f"{tenant_folder(tenant)}/g{generation}-{secrets.token_hex(8)}.db"


def inside(root: Path, relative: str, *, tenant: str) -> Path:
    """Give the absolute path of a tenant's file below its server's root; what is not there yet is fine.

    The root itself may lie behind links, that is its owner's choice.

    Raises:
        TenantDamaged: The path leads out of the root, or a part of it below the root is a symbolic link.
    """
    pure = PurePosixPath(relative)
    path = root / pure
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise TenantDamaged(tenant, path=str(path), reason="this leads outside of its server's root")
    refuse_links(path, tenant=tenant, depth=len(pure.parts))
    return path


def refuse_links(path: Path, *, tenant: str, depth: int = TENANT_DEPTH) -> None:
    """Refuse a tenant's path with a symbolic link in it, so that nobody can make us open a file elsewhere.

    Args:
        path: The absolute path of the file.
        tenant: The canonical id, for the error.
        depth: How many parts of the path, from its end, lie below the server's root.

    Raises:
        TenantDamaged: One of these parts is a link.
    """
    for part in (path, *path.parents[: depth - 1]):
        if part.is_symlink():
            raise TenantDamaged(
                tenant, path=str(part), reason="this is a symbolic link, which is never followed"
            )


def create(root: Path, relative: str, *, tenant: str) -> Path:
    """Make an empty file below a root, for its owner only, and the folders to it; durable at return.

    Raises:
        FileExistsError: The path was used already.
        TenantDamaged: As ``inside``.
    """
    path = inside(root, relative, tenant=tenant)
    private_folder(path.parent, below=root)
    private_file(path)
    return path


def private_file(path: Path) -> None:
    """Make an empty file, readable for its owner only whatever the umask is; durable.

    Raises:
        FileExistsError: There is something already.
    """
    # Opened without SQLite, which is safe for this one moment: the file is new by O_EXCL, so that no
    # connection of this process can have locks on it that the close would drop.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def private_folder(path: Path, *, below: Path | None = None) -> None:
    """Make a folder, and those above it, readable for its owner only whatever the umask is; durable.

    Args:
        path: The folder; may exist already, and is left as it is then.
        below: Folders up to this one exist; the nearest that exists by default.
    """
    if path == below or path.is_dir():
        return
    private_folder(path.parent, below=below)
    try:
        path.mkdir(mode=FOLDER_MODE)
    except FileExistsError:
        if not path.is_dir():  # another process made the folder in between: that is as good
            raise
        return
    path.chmod(FOLDER_MODE)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: a file that was made or moved is still there after power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
