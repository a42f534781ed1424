"""``tenantdb recover``."""

from __future__ import annotations

import typer

from tenantdb import settings
from tenantdb.cli import failures, output
from workers import recovery

app = typer.Typer(add_completion=False)


@app.command()
def recover(*, as_json: output.AsJson = False) -> None:
    """Finish or undo whatever was interrupted; exit code 1 if something is left."""
    done = recovery.recover(settings.current())
    if as_json:
        output.document(done.document())
    else:
        _print(done)
    if not done.complete:
        raise typer.Exit(failures.FAILED)


def _print(done: recovery.Recovered) -> None:
    if not done.settled and not done.swept:
        output.say("Nothing was interrupted.")
        return
    if done.settled:
        output.table(
            ["operation", "kind", "tenant", "outcome", "reason"],
            [(each.operation, each.kind, each.tenant, each.outcome, each.reason) for each in done.settled],
        )
    if done.swept:
        output.table(
            ["swept", "server", "file"], [(each.what, each.server, each.path) for each in done.swept]
        )
    if not done.complete:
        output.say("", "Some of it is left. Run it again; what stays unknown: tenantdb doctor")
