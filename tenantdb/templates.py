"""What new tenants begin as: one file for each schema, made once and copied from then on."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import migrations_engine as engine
from migrations_engine import sqlite
from tenantdb import control, fence, paths
from tenantdb.model import Control, FileState

if TYPE_CHECKING:
    from pathlib import Path

    from tenantdb.settings import Settings

_NOBODY = Control(
    tenant="", generation=0, epoch=0, state=FileState.BORN, operation=None, token=0, schema_hash=None
)
"""A template is no tenant's, and born: nobody can write to it, nor to a copy that was not finished."""


def of_schema(settings: Settings, *, document: str) -> Path:
    """Give the file that a tenant of this schema begins as; made at the first call.

    Args:
        settings: They say where the home is.
        document: The schema's document.

    Raises:
        SchemaError: The document is wrong.
    """
    schema = engine.loads(document)
    path = settings.layout.templates / f"{schema.hash}.db"
    if not path.exists():
        _make(path, schema)
    return path


def _make(path: Path, schema: engine.Schema) -> None:
    """Make it whole under another name, then give it its own: a kill leaves a draft that nobody reads."""
    paths.private_folder(path.parent)
    draft = path.with_name(f"{path.stem}.{secrets.token_hex(8)}.draft")
    paths.private_file(draft)
    try:
        engine.apply(schema, draft)
        _finish(draft, schema)
        with contextlib.suppress(FileExistsError):  # another process was faster; its file is as good
            path.hardlink_to(draft)
    finally:
        for suffix in ("", "-wal", "-shm"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    paths.sync_folder(path.parent)


def _finish(draft: Path, schema: engine.Schema) -> None:
    conn = sqlite.connect(draft)
    try:
        sqlite.switch_to_wal(conn)
        conn.execute("PRAGMA synchronous = FULL")
        with sqlite.immediate(conn):
            control.write(conn, _NOBODY)
            control.set_schema_hash(conn, schema.hash)
            fence.install_guards(conn)
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        conn.close()
