"""``tenantdb server``: the places that hold tenant files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantdb import addresses, overview, settings
from tenantdb.catalog import Catalog, servers
from tenantdb.cli import output

if TYPE_CHECKING:
    from tenantdb.catalog.servers import ServerLoad

app = typer.Typer(help="The places that hold tenant files.", no_args_is_help=True, add_completion=False)


@app.command()
def add(
    server: Annotated[str, typer.Argument(metavar="ID", help="A short name.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="A folder of this machine: file:/path")],
    *,
    region: Annotated[str | None, typer.Option(help="Where it is, for placing tenants.")] = None,
    tier: Annotated[str | None, typer.Option(help="What it is for, for placing tenants.")] = None,
    weight: Annotated[
        int, typer.Option(min=0, help="Its share of new tenants; 0: only those sent to it.")
    ] = 1,
    capacity: Annotated[int | None, typer.Option(min=0, help="The most tenants that it takes.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Add a server; its folder is made if need be."""
    catalog = Catalog.open(settings.current())
    address = addresses.normalised(addresses.checked_id(server), url)
    with catalog.begin() as session:
        taken = [(each.id, each.url) for each in servers.everyone(session) if each.id != server]
        row = servers.add(
            session,
            server=server,
            url=address,
            region=region,
            tier=tier,
            weight=weight,
            capacity=capacity,
        )
        folder = addresses.prepare(server, address, taken=taken)
    if as_json:
        output.document(_document(servers.ServerLoad(server=row, tenants=0)))
    else:
        output.say(
            f"Added server {server!r}: {folder}",
            "",
            f"Try next:  tenantdb tenant create acme --server {server}",
        )


@app.command("list")
def list_(*, as_json: output.AsJson = False) -> None:
    """List the servers."""
    with Catalog.open(settings.current()).reading() as session:
        loads = servers.loads(session)
    if as_json:
        output.document([_document(each) for each in loads])
        return
    output.table(
        ["id", "state", "region", "tier", "weight", "tenants", "capacity", "url"],
        [_row(each) for each in loads],
    )


@app.command()
def show(
    server: Annotated[str, typer.Argument(metavar="ID", help="The server.")],
    *,
    as_json: output.AsJson = False,
) -> None:
    """Show one server."""
    with Catalog.open(settings.current()).reading() as session:
        servers.get(session, server)
        load = next(each for each in servers.loads(session) if each.server.id == server)
    document = {**_document(load), "free": overview.free(load.server)}
    if as_json:
        output.document(document)
    else:
        output.facts(document.items())


def _document(load: ServerLoad) -> dict[str, Any]:
    server = load.server
    return {
        "id": server.id,
        "url": server.url,
        "state": server.state.value,
        "region": server.region,
        "tier": server.tier,
        "weight": server.weight,
        "capacity": server.capacity,
        "tenants": load.tenants,
    }


def _row(load: ServerLoad) -> tuple[object, ...]:
    server = load.server
    return (
        server.id,
        server.state.value,
        server.region,
        server.tier,
        server.weight,
        load.tenants,
        server.capacity,
        server.url,
    )
