"""The port "a server": where an operation makes, finds and removes tenant files. Folders so far."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tenantdb import addresses, paths
from tenantdb.catalog import servers
from tenantdb.errors import ServerUnusable
from tenantdb.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tenantdb.catalog import Catalog
    from tenantdb.settings import Settings

_COMPANIONS = ("", "-wal", "-shm", "-journal")


class Host(Protocol):
    """What an operation asks of a server; every path is relative to the server's root."""

    def locate(self, relative: str, *, tenant: str) -> Path:
        """The absolute path of a tenant's file, which need not exist."""

    def create(self, relative: str, *, tenant: str) -> Path:
        """Make an empty file at a path that was never used."""

    def remove(self, relative: str, *, tenant: str) -> None:
        """Remove a file and its log; one that is not there is fine."""

    def require_space(self, size: int) -> None:
        """Refuse what the server has no room for, before anything is made; ``size`` in bytes."""

    def files(self) -> Iterator[str]:
        """Every tenant file, whoever it belongs to."""


@dataclass(frozen=True, slots=True)
class FolderHost:
    """A server that is a folder of this machine."""

    server: str
    root: Path

    def locate(self, relative: str, *, tenant: str) -> Path:
        """The absolute path.

        Raises:
            TenantDamaged: It leads out of the root, or through a link.
        """
        return paths.inside(self.root, relative, tenant=tenant)

    def create(self, relative: str, *, tenant: str) -> Path:
        """Make the file, for its owner only, durable.

        Raises:
            FileExistsError: The path was used already.
        """
        return paths.create(self.root, relative, tenant=tenant)

    def remove(self, relative: str, *, tenant: str) -> None:
        """Remove file and log; the database goes last, so that a kill leaves no log without it."""
        path = self.locate(relative, tenant=tenant)
        for suffix in reversed(_COMPANIONS):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        if path.parent.is_dir():
            paths.sync_folder(path.parent)

    def require_space(self, size: int) -> None:
        """See whether the file system has room for so many bytes.

        Raises:
            ServerUnusable: It has not.
        """
        free = shutil.disk_usage(self.root).free
        if free < size:
            raise ServerUnusable(
                self.server,
                reason=f"{free:,} bytes are free in {self.root}, {size:,} are needed",
            )

    def files(self) -> Iterator[str]:
        """Every file that lies where tenant files do."""
        for path in sorted(self.root.glob("[0-9a-f][0-9a-f]/*/g*.db")):
            yield path.relative_to(self.root).as_posix()


def host_of(catalog: Catalog, server: str) -> Host:
    """The server of that id.

    Raises:
        ServerNotFound: There is none.
    """
    with catalog.reading() as session:
        row = servers.get(session, server)
        return FolderHost(server, addresses.folder(row.url))


def marks_of(settings: Settings) -> Marks:
    """The words that tell the processes of this host which routes are stale, and who asks to yield."""
    return Marks(settings.layout.marks)
