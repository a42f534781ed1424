"""Room for a rebuild: looked for before anything is touched, so that no disk fills half way."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from migrations_engine import sqlite
from migrations_engine.errors import NoSpace

if TYPE_CHECKING:
    import apsw

    from migrations_engine.planning.plan import Plan

SPARE_BYTES = 4_000_000
"""For the log of the transactions, the notes of writes meanwhile, and what other programs need."""

_MARGIN = 1.25
"""Pages of tables that grow row by row are not full."""


def require(conn: apsw.Connection, plan: Plan) -> None:
    """Make sure that a file and its disk have room for what a plan writes anew.

    Args:
        conn: The file, which is only read.
        plan: What is to be done, with its costs.

    Raises:
        NoSpace: They have not; says what is needed and what there is.
    """
    wanted = int(plan.bytes * _MARGIN) if plan.costs else 0
    if not wanted:
        return
    page = int(sqlite.value(conn, "PRAGMA main.page_size"))
    free = page * int(sqlite.value(conn, "PRAGMA main.freelist_count"))
    growth = max(0, wanted - free)
    # In WAL mode, or with a rollback journal, what is written lies on the disk twice for a while.
    needed = growth + min(wanted, SPARE_BYTES) + SPARE_BYTES
    on_disk = shutil.disk_usage(Path(conn.filename).parent).free
    if on_disk < needed:
        raise NoSpace(conn.filename, where="on its disk", needed=needed, available=on_disk)
    pages = int(sqlite.value(conn, "PRAGMA main.max_page_count")) - int(
        sqlite.value(conn, "PRAGMA main.page_count")
    )
    if page * pages < growth:
        where = (
            "in the file itself" if sqlite.file_limit() is None else "in the file itself (see 'ulimit -f')"
        )
        raise NoSpace(conn.filename, where=where, needed=growth, available=page * pages)
