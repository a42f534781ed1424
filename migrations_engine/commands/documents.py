"""Commands that read schemas: import, check, hash, diff, ddl."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

import migrations_engine as engine
from migrations_engine.checks.lints import lints
from migrations_engine.checks.version_tables import version_tables
from migrations_engine.commands import output, written
from migrations_engine.commands.sources import schema_of

if TYPE_CHECKING:
    from pathlib import Path

    from migrations_engine import Schema
    from migrations_engine.changes.steps import Change

Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A schema.json, a database file, or - for stdin.")
]
Document = Annotated[str, typer.Argument(metavar="SCHEMA", help="A schema.json, or - for standard input.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to a group."""
    app.command("import")(import_)
    app.command()(check)
    app.command("hash")(hash_)
    app.command()(diff)
    app.command()(ddl)


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A database.")],
    *,
    to: output.To = None,
    as_json: output.AsJson = False,
) -> None:
    """Write the schema document of a real database; what is carried as text is reported."""
    schema = engine.introspect(file)
    text = schema.to_json()
    if to is not None:
        written.write(to, text)
    if as_json:
        output.document(_import_document(schema, to))
        return
    if to is None:
        output.text(text)
    output.note(*_import_report(schema, to))


def check(document: Document, *, as_json: output.AsJson = False) -> None:
    """Validate a schema document: every fault with its place, and what is allowed but asks for trouble."""
    schema = engine.load(document)
    warnings = lints(schema)
    if as_json:
        found = [{"rule": w.rule, "object": w.object_name, "message": w.message} for w in warnings]
        output.document({"hash": schema.hash, **_counts(schema), "warnings": found})
        return
    output.say(f"{document} is sound: {_summary(schema)}", f"hash {schema.hash}")
    output.say(*(f"Warning: {warning}" for warning in warnings))


def hash_(source: Source, *, as_json: output.AsJson = False) -> None:
    """Print the SHA-256 of a document, or of a database file's real structure."""
    found = schema_of(source).hash
    if as_json:
        output.document({"hash": found})
    else:
        output.say(found)


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="What there is: a schema.json or a database file.")],
    new: Annotated[
        str, typer.Argument(metavar="B", help="What is wanted: a schema.json or a database file.")
    ],
    *,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 where they differ.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Print the steps that lead from one schema to another."""
    before, after = schema_of(old), schema_of(new)
    change = engine.compare(before, after)
    same = before.hash == after.hash
    if as_json:
        output.document({"from": before.hash, "to": after.hash, "same": same, **change_document(change)})
    elif same:
        output.say("No difference.")
    else:
        output.say(*change_lines(change))
    if exit_code and not same:
        raise typer.Exit(1)


def ddl(
    document: Document,
    *,
    dialect: Annotated[str, typer.Option(help="sqlite or postgresql.")] = "sqlite",
    omit: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND:NAME", help="Leave an object out, or KIND:* of a kind; may be repeated."),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Print the SQL statements that build a schema in SQLite or in PostgreSQL."""
    found = engine.ddl(schema_of(document), dialect, omit=omit or ())
    if as_json:
        output.document({"dialect": dialect, "statements": found})
    else:
        output.text("".join(f"{statement.rstrip().rstrip(';')};\n" for statement in found))


def change_document(change: Change) -> dict[str, Any]:
    """A change as programs get it."""
    steps = [
        {"kind": step.kind, "subject": step.subject, "text": step.text, "destroys": step.destroys}
        for step in change.steps
    ]
    suggestions = [
        {"old": each.old, "new": each.new, "table": each.table, "hint": dict(each.hint)}
        for each in change.suggestions
    ]
    return {
        "destructive": change.destructive,
        "losses": list(change.losses),
        "steps": steps,
        "suggestions": suggestions,
    }


def change_lines(change: Change) -> list[str]:
    """A change as people read it, a step a line; those that destroy data say so, then what may be renames."""
    lines = [
        f"  {step.text}{f'  (destroys: {step.destroys})' if step.destroys else ''}" for step in change.steps
    ]
    return [*lines, *(f"Hint: {each.text}" for each in change.suggestions)]


def _import_document(schema: Schema, to: Path | None) -> dict[str, Any]:
    written = {"output": str(to)} if to is not None else {"document": json.loads(schema.to_json())}
    versions = [
        {"table": found.name, "tool": found.tool, "advice": found.advice} for found in version_tables(schema)
    ]
    carried = {"carried_as_text": _as_text(schema), "version_tables": versions}
    return {"hash": schema.hash, **_counts(schema), **carried, **written}


def _import_report(schema: Schema, to: Path | None) -> list[str]:
    """What was found, and what of it is carried as text, to be looked at by a person."""
    where = f"{to}: " if to is not None else ""
    listed = [f"carried as text: {name}" for name in _as_text(schema)]
    listed += [f"to know: {found.advice}" for found in version_tables(schema)]
    return [f"{where}{_summary(schema)}", f"hash {schema.hash}", *listed]


def _as_text(schema: Schema) -> list[str]:
    groups = [("view", schema.views), ("trigger", schema.triggers), ("virtual table", schema.virtual_tables)]
    return [f"{kind} {each.name}" for kind, group in groups for each in group]  # type: ignore[attr-defined]


def _counts(schema: Schema) -> dict[str, int]:
    return {
        "tables": len(schema.tables),
        "indexes": sum(len(table.indexes) for table in schema.tables),
        "views": len(schema.views),
        "triggers": len(schema.triggers),
        "virtual_tables": len(schema.virtual_tables),
    }


def _summary(schema: Schema) -> str:
    counts = {name.replace("_", " "): count for name, count in _counts(schema).items() if count}
    listed = [f"{count} {name if count > 1 else _singular(name)}" for name, count in counts.items()]
    return ", ".join(listed) or "empty"


def _singular(name: str) -> str:
    return "index" if name == "indexes" else name.removesuffix("s")
