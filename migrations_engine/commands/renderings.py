"""Commands that show a schema to those who read it: describe, docs, models."""

from __future__ import annotations

from typing import Annotated

import typer

import migrations_engine as engine
from migrations_engine.commands import output, written
from migrations_engine.commands.documents import Source  # noqa: TC001 - Typer reads the annotation
from migrations_engine.commands.sources import schema_of, title_of
from migrations_engine.renderings.models import models as models_of
from migrations_engine.renderings.page import page


def add_to(app: typer.Typer) -> None:
    """Add these commands to a group."""
    app.command()(describe)
    app.command()(docs)
    app.command()(models)


def describe(
    source: Source,
    *,
    comments: Annotated[
        bool, typer.Option("--comments", help="Add the comments of tables and columns.", show_default=False)
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Print the most compact text of a schema that loses nothing of it, for a prompt or a quick look."""
    schema = schema_of(source)
    text = engine.describe(schema, comments=comments)
    if not as_json:
        output.text(text)
        return
    statements = "".join(f"{statement};\n" for statement in engine.ddl(schema, "sqlite"))
    characters = {"text": len(text), "statements": len(statements), "document": len(schema.to_json())}
    output.document({"hash": schema.hash, "text": text, "characters": characters})


def docs(source: Source, *, to: output.To = None, as_json: output.AsJson = False) -> None:
    """Render a schema as a page in Markdown: an entity diagram (Mermaid), and every object."""
    schema = schema_of(source)
    text = page(schema, title=title_of(source))
    written.hand_over(text, "page", to=to, as_json=as_json)


def models(source: Source, *, to: output.To = None, as_json: output.AsJson = False) -> None:
    """Write typed SQLAlchemy 2 models of a schema; what SQLAlchemy has no words for is said at their top."""
    text = models_of(schema_of(source), title=title_of(source))
    written.hand_over(text, "models", to=to, as_json=as_json)
