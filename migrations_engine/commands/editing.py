"""Commands for those who write documents: format, json-schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import migrations_engine as engine
from migrations_engine.commands import output, written
from migrations_engine.commands.documents import Document  # noqa: TC001 - Typer reads the annotation
from migrations_engine.document import json_schema
from migrations_engine.document.layout import layout
from migrations_engine.schema import read_text


def add_to(app: typer.Typer) -> None:
    """Add these commands to a group."""
    app.command("format")(format_)
    app.command("json-schema")(json_schema_)


def format_(
    document: Document,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Change the file itself.", show_default=False)
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 where it would.", show_default=False)
    ] = False,
    to: output.To = None,
    as_json: output.AsJson = False,
) -> None:
    """Print a document in its canonical layout; comments, order and hash stay."""
    if write + check + (to is not None) > 1:
        raise typer.BadParameter("--write, --check and --output exclude each other")
    if write and document == "-":
        raise typer.BadParameter("standard input cannot be written; print it, or use --output")
    text = read_text(document)
    engine.loads(text, source=document)
    tidy = layout(text)
    changed = tidy != text
    to = Path(document) if write else to
    if to is not None and (changed or not write):
        written.write(to, tidy)
    if as_json:
        shown = {"text": tidy} if to is None and not check else {}
        output.document({"changed": changed, **shown})
    elif check or to is not None:
        output.say(f"{document} {_verdict(changed=changed, check=check)}")
    else:
        output.text(tidy)
    if check and changed:
        raise typer.Exit(1)


def _verdict(*, changed: bool, check: bool) -> str:
    if not changed:
        return "has this layout already."
    return "has another layout." if check else "is formatted."


def json_schema_(*, to: output.To = None, as_json: output.AsJson = False) -> None:
    """Print the JSON Schema of the document format, for editors."""
    if to is None:
        # The text is a JSON document already.
        output.text(json_schema.text())
    else:
        written.hand_over(json_schema.text(), "json_schema", to=to, as_json=as_json)
