"""A prompt for SQL on one tenant's file, as confined as an application's connection."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import apsw
from apsw import shell as apsw_shell

from tenantdb import control, ids
from tenantdb.catalog import Catalog, routes
from tenantdb.errors import ReadOnly, StatementFailed, TenantDamaged, TenantNotFound
from tenantdb.handles import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantdb.model import Route
    from tenantdb.settings import Settings

_BUSY_MILLISECONDS = 5000

READS_ONLY = "this shell only reads; start it with --write"


class Shell(apsw_shell.Shell):
    """APSW's shell without the commands that reach past the one file, or replace what is in it."""

    def _refused(self, _arguments: list[str]) -> NoReturn:
        raise self.Error("this command is not part of a tenant's shell")

    command_close = command_connection = command_dbconfig = command_import = command_load = _refused
    command_open = command_py = command_restore = command_shell = _refused


@contextlib.contextmanager
def opened(tenant: int | str, *, settings: Settings, write: bool) -> Iterator[apsw.Connection]:
    """Open a tenant's file for the block.

    Raises:
        TenantNotFound: There is no such tenant; no file is made.
        TenantDamaged: Its file is missing, malformed, or another's.
    """
    identity = ids.canonical(tenant)
    with Catalog.open(settings).reading() as session:
        route = routes.find(session, identity)
    if route is None:
        raise TenantNotFound(identity)
    conn = _open(route, settings=settings, write=write)
    try:
        _require_own(conn, route)
        yield conn
    finally:
        conn.close()


def run(conn: apsw.Connection, sql: str | None, *, name: str, write: bool) -> None:
    """Run statements: the given ones, else those of standard input, typed in where that is a terminal.

    Args:
        conn: From ``opened``.
        sql: Statements, or None.
        name: The tenant, for the prompt.
        write: Whether statements may change data.

    Raises:
        StatementFailed: One of the statements failed, where nobody types them.
    """
    if sql is None and sys.stdin.isatty():
        _converse(conn, name=name, write=write)
        return
    # The last statement need not end with a semicolon: one more of them is no statement.
    script = io.StringIO((sys.stdin.read() if sql is None else sql) + "\n;\n")
    shell = Shell(stdin=script, stdout=sys.stdout, stderr=io.StringIO(), db=conn)
    shell.bail = True
    with _named(write=write):
        shell.cmdloop()  # type: ignore[no-untyped-call]  # APSW's shell has few types


def _converse(conn: apsw.Connection, *, name: str, write: bool) -> None:
    """Let a person type statements; a mistake is told and forgotten."""
    shell = Shell(db=conn)
    shell.prompt = f"{name}> "
    may = "Each statement is committed by itself." if write else f"Note: {READS_ONLY}."
    shell.cmdloop(f"Tenant {name!r}. {may} Enter .help for commands, .quit to leave.\n")  # type: ignore[no-untyped-call]


def rows(conn: apsw.Connection, sql: str, *, write: bool) -> list[dict[str, Any]]:
    """Run statements, and give the rows of all of them as programs get them; BLOBs as hex.

    Raises:
        StatementFailed: One of them failed.
    """
    with _named(write=write):
        cursor = conn.execute(sql)
        return [
            {
                column[0]: value.hex() if isinstance(value, bytes) else value
                for column, value in zip(cursor.description, row, strict=True)
            }
            for row in cursor
        ]


@contextlib.contextmanager
def _named(*, write: bool) -> Iterator[None]:
    """Turn what a statement was refused for into the platform's own error."""
    try:
        yield
    except (ReadOnly, apsw.ReadOnlyError) as error:
        raise StatementFailed(str(error) if write else READS_ONLY) from None
    except (apsw.Error, Shell.Error) as error:
        raise StatementFailed(str(error)) from None


def _open(route: Route, *, settings: Settings, write: bool) -> apsw.Connection:
    if not write:
        return connections.open_reader(route, extensions=settings.extensions).raw
    conn = connections.open_writer(route, durability=settings.durability, extensions=settings.extensions).raw
    conn.set_busy_timeout(_BUSY_MILLISECONDS)
    return conn


def _require_own(conn: apsw.Connection, route: Route) -> None:
    row = control.read(conn)
    if row is None or (row.tenant, row.generation) != (route.tenant, route.generation):
        raise TenantDamaged(route.tenant, path=str(route.path), reason="its control row names another")
