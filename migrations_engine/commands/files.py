"""Commands that change one database file, or say what would happen to it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

import migrations_engine as engine
from migrations_engine.commands import output, plans
from migrations_engine.commands.documents import Document  # noqa: TC001 - Typer reads the annotation
from migrations_engine.commands.watching import watched
from migrations_engine.planning.leave import read_all

if TYPE_CHECKING:
    from migrations_engine import Result, RolledBack
    from migrations_engine.versions import Version

File = Annotated[str, typer.Argument(metavar="FILE", help="The database file.")]


class Strategy(StrEnum):
    """How tables that differ are changed."""

    AUTO = "auto"
    IN_PLACE = "in-place"
    REBUILD = "rebuild"


Chosen = Annotated[
    Strategy, typer.Option("--strategy", help="Alter in place, copy, or what each table needs.")
]

Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="RULE:OBJECT",
        help="Leave for exactly this, as drop-column:Users.phone; may be given more than once.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to a group."""
    app.command()(plan)
    app.command()(apply)
    app.command()(rollback)
    app.command()(history)
    app.command()(cleanup)


def plan(
    document: Document,
    file: File,
    *,
    allow: Allowed = None,
    strategy: Chosen = Strategy.AUTO,
    as_json: output.AsJson = False,
) -> None:
    """Say what apply would do to a file, what that costs and risks, and how it is undone; changes nothing."""
    leaves = read_all(allow or ())
    found = engine.plan(engine.load(document), file, strategy=strategy.value)
    plans.show(found, file, leaves=leaves, as_json=as_json)


def apply(
    document: Document,
    file: File,
    *,
    allow_destructive: Annotated[
        bool,
        typer.Option("--allow-destructive", help="Leave to drop tables and columns, and to rewrite values."),
    ] = False,
    allow: Allowed = None,
    strategy: Chosen = Strategy.AUTO,
    max_pause: Annotated[
        float | None,
        typer.Option(metavar="MS", min=0, help="Refuse where writers would wait longer, in milliseconds."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing: say what would be done.", show_default=False)
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Bring a database file to a schema; makes the file where there is none."""
    schema, seconds = engine.load(document), None if max_pause is None else max_pause / 1000
    if dry_run:
        leaves = None if allow_destructive else read_all(allow or ())
        found = engine.plan(schema, file, strategy=strategy.value, max_pause=seconds)
        plans.show(found, file, leaves=leaves, as_json=as_json)
        return
    with watched(as_json=as_json) as watch:
        result = engine.apply(
            schema,
            file,
            allow_destructive=allow_destructive,
            allow=allow or (),
            strategy=strategy.value,
            max_pause=seconds,
            progress=watch,
        )
    if as_json:
        output.document(_result_document(result))
    else:
        output.say(*_result_lines(result, file))


def rollback(
    file: File,
    *,
    discard_since: Annotated[
        bool,
        typer.Option("--discard-since", help="Leave out the writes since that the older schema cannot hold."),
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Go one version back, with the writes made since."""
    with watched(as_json=as_json) as watch:
        result = engine.rollback(file, discard_since=discard_since, progress=watch)
    if as_json:
        output.document(_rollback_document(result))
        return
    output.say(
        f"{file} is back at schema {result.schema_hash[:12]}: version {result.version}, "
        f"writers waited {_ms(result.pause)}"
    )
    output.say(*(f"Left out: {loss}" for loss in result.losses))


def history(file: File, *, as_json: output.AsJson = False) -> None:
    """List the versions of a file: when, how, and whether there is a way back."""
    found = engine.history(file)
    if as_json:
        output.document([_version_document(version) for version in found])
    elif not found:
        output.say(f"{file} has no versions: no schema was ever applied to it.")
    else:
        columns = ["version", "schema", "applied", "how", "pause", "way back"]
        output.table(columns, [_version_row(version) for version in found])


def cleanup(file: File, *, as_json: output.AsJson = False) -> None:
    """Drop what is kept for the way back."""
    dropped = engine.cleanup(file)
    if as_json:
        output.document({"dropped": dropped})
    elif dropped:
        output.say(f"The way back of {file} is dropped; its space serves new rows.")
    else:
        output.say(f"{file} keeps nothing for a way back.")


def _result_document(result: Result) -> dict[str, Any]:
    return {
        "changed": result.changed,
        "strategy": result.strategy,
        "pause_ms": round(result.pause * 1000, 3),
        "rows": result.rows,
        "verified": result.verified,
        "verify_ms": round(result.verify_seconds * 1000, 3),
        "version": result.version,
        "schema": result.schema_hash,
        "steps": list(result.steps),
    }


def _result_lines(result: Result, file: str) -> list[str]:
    if not result.changed:
        return [f"{file} has this schema already; nothing was changed."]
    copied = f", {output.counted(result.rows, 'row')} copied" if result.strategy == "rebuild" else ""
    done = f"{file} has schema {result.schema_hash[:12]} now: version {result.version}"
    return [
        *(f"  {step}" for step in result.steps),
        f"{done}, {result.strategy}{copied}, writers waited {_ms(result.pause)}",
        *([f"verified {result.verified:,} rows in {result.verify_seconds:.1f} s"] if result.verified else []),
    ]


def _rollback_document(result: RolledBack) -> dict[str, Any]:
    return {
        "version": result.version,
        "schema": result.schema_hash,
        "pause_ms": round(result.pause * 1000, 3),
        "left_out": list(result.losses),
    }


def _version_document(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "schema": version.schema_hash,
        "applied_at": version.applied_at,
        "strategy": version.strategy,
        "pause_ms": version.pause_ms,
        "way_back": version.way_back,
    }


def _version_row(version: Version) -> tuple[object, ...]:
    return (
        version.version,
        version.schema_hash[:12],
        version.applied_at[:19].replace("T", " "),
        version.strategy,
        f"{version.pause_ms:.1f} ms",
        version.way_back,
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
