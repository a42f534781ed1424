"""``tenantdb init``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import Annotated

import typer

import migrations_engine as engine
from tenantdb import home, settings
from tenantdb.cli import output

app = typer.Typer(add_completion=False)


@app.command()
def init(
    schema: Annotated[
        Path | None, typer.Option("--schema", help="schema.json that new tenants get.", dir_okay=False)
    ] = None,
    *,
    as_json: output.AsJson = False,
) -> None:
    """Make the home of a fleet here, or bring it up to date."""
    wanted = engine.load(schema) if schema is not None else None
    done = home.initialise(settings.current(), schema=wanted)
    if as_json:
        output.document(
            {
                "home": str(done.home),
                "catalog": done.catalog,
                "version": done.version,
                "created": done.version_before is None,
                "schema": done.schema,
            }
        )
        return
    output.say(*_sentences(done, given=schema is not None))


def _sentences(done: home.Initialised, *, given: bool) -> list[str]:
    """What was done, and what to try next."""
    if done.version_before is None:
        said = [f"Made a home at {done.home}"]
    elif done.version_before != done.version:
        said = [f"Upgraded the catalog from version {done.version_before} to {done.version}"]
    else:
        said = [f"The home at {done.home} is up to date"]
    if done.server_added:
        said.append(f"Added the server {home.LOCAL!r}, a folder in it")
    if done.schema_changed and given:
        said.append(f"New tenants get the schema {done.schema:.12}")
    elif done.schema_changed:
        said.append("New tenants are empty; give them a schema with: tenantdb init --schema schema.json")
    return [*said, "", "Try next:  tenantdb tenant create acme", "           tenantdb status"]
