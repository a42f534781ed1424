"""``tenantdb demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantdb.cli import failures, output
from tenantdb.cli.demo import data, tour
from tenantdb.cli.demo.chapters import Stage
from tenantdb.cli.demo.report import Report
from tenantdb.cli.demo.workshop import workshop

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    *,
    tenants: Annotated[int, typer.Option(min=4, help="How many customers.")] = 200,
    servers: Annotated[int, typer.Option(min=2, max=99, help="How many servers (folders).")] = 3,
    seconds: Annotated[float, typer.Option(min=0, help="Applications write at least so long.")] = 15.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder, to look around in it.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Take the tour: a fleet on this machine, changed and moved while applications write."""
    report = Report(quiet=as_json)
    with workshop(keep=keep) as folder:
        report.title(tenants, servers, folder if keep else None)
        stage = Stage(
            folder=folder, report=report, tenants=data.tenants(tenants), servers=servers, seconds=seconds
        )
        taken = tour.take(stage)
        report.end(taken)
        if as_json:
            output.document(taken.document())
    if not taken.kept:
        raise typer.Exit(failures.FAILED)
