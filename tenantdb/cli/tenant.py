"""``tenantdb tenant``: the customers' databases."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantdb import addresses, ids, settings
from tenantdb.catalog import Catalog, servers, tenants
from tenantdb.cli import output, shell
from tenantdb.cli.move import move
from workers.lifecycle import adoption, creation, deletion

if TYPE_CHECKING:
    from tenantdb.catalog.models import Tenant

app = typer.Typer(help="The customers' databases.", no_args_is_help=True, add_completion=False)

Id = Annotated[str, typer.Argument(metavar="ID", help="The tenant.")]
OnServer = Annotated[str | None, typer.Option("--server", metavar="S", help="The server that it goes on.")]
Region = Annotated[str | None, typer.Option(metavar="R", help="Choose among the servers of this region.")]
Tier = Annotated[str | None, typer.Option(metavar="T", help="Choose among the servers of this tier.")]


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(metavar="ID", help="The new tenant's id.")],
    *,
    server: OnServer = None,
    region: Region = None,
    tier: Tier = None,
    as_json: output.AsJson = False,
) -> None:
    """Make a tenant, empty but for the schema that new tenants get."""
    now = settings.current()
    route = creation.create(tenant, settings=now, server=server, region=region, tier=tier)
    if as_json:
        output.document(_found(Catalog.open(now), route.tenant))
        return
    output.say(
        f"Made tenant {route.tenant!r} on server {route.server!r}",
        str(route.path),
        "",
        f"Try next:  tenantdb tenant shell {_word(route.tenant)} --write",
    )


@app.command("list")
def list_(
    *,
    server: Annotated[str | None, typer.Option(metavar="S", help="Only those on this server.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """List the tenants."""
    with Catalog.open(settings.current()).reading() as session:
        if server is not None:
            servers.get(session, server)
        roots = {each.id: addresses.folder(each.url) for each in servers.everyone(session)}
        rows = tenants.everyone(session, server=server)
    documents = [_document(row, roots[row.server_id]) for row in rows]
    if as_json:
        output.document(documents)
    elif not documents:
        output.say("No tenant yet. Make one with: tenantdb tenant create acme")
    else:
        columns = ["id", "server", "state", "generation", "schema", "size"]
        output.table(columns, [_row(each) for each in documents])


@app.command()
def show(tenant: Id, *, as_json: output.AsJson = False) -> None:
    """Show where a tenant is and what state it is in."""
    document = _found(Catalog.open(settings.current()), ids.canonical(tenant))
    if as_json:
        output.document(document)
    else:
        output.facts((name, _readable(name, value)) for name, value in document.items())


@app.command()
def path(tenant: Id, *, as_json: output.AsJson = False) -> None:
    """Print the path of a tenant's file on its server; it changes when the tenant moves."""
    document = _found(Catalog.open(settings.current()), ids.canonical(tenant))
    if as_json:
        output.document({"id": document["id"], "server": document["server"], "path": document["path"]})
    else:
        output.say(document["path"])


@app.command("shell")
def shell_(
    tenant: Id,
    sql: Annotated[
        list[str] | None, typer.Argument(metavar="[SQL]", help="Run this instead of asking for statements.")
    ] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Statements may change data.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Run SQL on a tenant's file: typed in, from standard input, or as an argument. Reads, unless --write."""
    text = " ".join(sql) if sql else None
    if as_json and text is None:
        text = sys.stdin.read()
    with shell.opened(tenant, settings=settings.current(), write=write) as conn:
        if as_json:
            output.document(shell.rows(conn, text or "", write=write))
        else:
            shell.run(conn, text, name=ids.canonical(tenant), write=write)


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(metavar="FILE.db", help="A SQLite database; it is left as it is.")],
    *,
    tenant: Annotated[str, typer.Option("--id", metavar="ID", help="The new tenant's id.")],
    server: OnServer = None,
    region: Region = None,
    tier: Tier = None,
    as_json: output.AsJson = False,
) -> None:
    """Make a tenant of a copy of a database that is there already."""
    now = settings.current()
    done = adoption.adopt(file, tenant=tenant, settings=now, server=server, region=region, tier=tier)
    route = done.route
    found = {
        "tables": done.tables,
        "views": done.views,
        "triggers": done.triggers,
        "virtual_tables": done.virtual_tables,
    }
    if as_json:
        output.document({**_found(Catalog.open(now), route.tenant), "found": found})
        return
    listed = ", ".join(_counted(count, name) for name, count in found.items() if count)
    output.say(
        f"Made tenant {route.tenant!r} on server {route.server!r} from {file}",
        f"Found {listed or 'an empty database'}; schema {route.schema_hash:.12}",
        str(route.path),
        "",
        f"{file} was left as it is. Writes to it do not reach the tenant.",
    )


@app.command()
def delete(
    tenant: Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Delete a tenant; its file is kept for a week and can be adopted again."""
    now = settings.current()
    identity = _found(Catalog.open(now), ids.canonical(tenant))["id"]
    if not yes:
        _confirm(identity)
    done = deletion.delete(identity, settings=now)
    until = datetime.fromtimestamp(done.keep_until, UTC)
    if as_json:
        output.document({"id": done.tenant, "path": str(done.path), "keep_until": until.isoformat()})
        return
    output.say(
        f"Deleted tenant {done.tenant!r}",
        f"Its file is kept until {until:%Y-%m-%d %H:%M} UTC. Bring it back with:",
        "",
        f"    tenantdb tenant adopt {done.path} --id {_word(done.tenant)}",
    )


app.command()(move)


def _counted(count: int, name: str) -> str:
    words = name.replace("_", " ")
    return f"1 {words.removesuffix('s')}" if count == 1 else f"{count} {words}"


def _confirm(tenant: str) -> None:
    """Ask a person; a program has to say --yes, because nobody would answer."""
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"deleting tenant {tenant!r} takes --yes where nobody can be asked")
    typer.confirm(f"Delete tenant {tenant!r}?", abort=True, err=True)


def _found(catalog: Catalog, tenant: str) -> dict[str, Any]:
    with catalog.reading() as session:
        row = tenants.get(session, tenant)
        return _document(row, addresses.folder(servers.get(session, row.server_id).url))


def _document(row: Tenant, root: Path) -> dict[str, Any]:
    """A tenant as programs get it; its size is None where its file is not there."""
    path = root / row.path
    return {
        "id": row.id,
        "server": row.server_id,
        "path": str(path),
        "generation": row.generation,
        "epoch": row.epoch,
        "schema": row.schema_hash,
        "backend": row.backend,
        "state": row.state.value,
        "size": _size(path),
        "operation": row.operation_id,
    }


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _row(document: dict[str, Any]) -> tuple[object, ...]:
    schema = document["schema"]
    return (
        document["id"],
        document["server"],
        document["state"],
        document["generation"],
        schema and schema[:12],
        _readable("size", document["size"]),
    )


def _readable(name: str, value: object) -> object:
    if name != "size":
        return value
    return "not there" if value is None else output.size(int(str(value)))


def _word(tenant: str) -> str:
    """The id as one word of a shell."""
    return shlex.quote(tenant)
