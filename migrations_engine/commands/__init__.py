"""The commands about one schema and one file; thin doors over the engine."""

from __future__ import annotations

import typer

from migrations_engine.commands import documents, editing, files, rehearsals, renderings

__all__ = ["app"]

app = typer.Typer(
    name="schema",
    help="One schema document, one database file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
documents.add_to(app)
renderings.add_to(app)
editing.add_to(app)
files.add_to(app)
rehearsals.add_to(app)
