"""The command that tries a change on a file's rows: what would not fit, for people and for programs."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Annotated

import typer

import migrations_engine as engine
from migrations_engine.commands import failures, output
from migrations_engine.commands.documents import Document  # noqa: TC001 - Typer reads the annotation
from migrations_engine.commands.files import Chosen, File, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrations_engine import Rehearsal, Schema
    from migrations_engine.checks.findings import Row
    from migrations_engine.planning.plan import Wish
    from migrations_engine.rehearsal import Found

_FEW = 100
"""How many rows of each rule people are shown."""

_LONG = 60
"""How much of one value people are shown, in characters."""

_IN_MEMORY = 1_000_000
"""Bytes of a document that wait in memory, more wait on disk: where reading fails, an error stands alone."""


def add_to(app: typer.Typer) -> None:
    """Add the command to a group."""
    app.command()(rehearse)


def rehearse(
    document: Document,
    file: File,
    *,
    strategy: Chosen = Strategy.AUTO,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Rows to give of each rule; 100 by default, with --json all.",
            show_default=False,
        ),
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Find every row that would not fit a schema, and every value that it would rewrite; changes nothing."""
    schema = engine.load(document)
    if as_json:
        fits = _print_document(schema, file, strategy=strategy.value, limit=limit)
    else:
        shown = _FEW if limit is None else limit
        found = engine.rehearse(schema, file, strategy=strategy.value, limit=shown)
        _print(found, file)
        fits = found.fits
    if not fits:
        raise typer.Exit(failures.FAILED)


def _print(rehearsal: Rehearsal, file: str) -> None:
    target = f"schema {rehearsal.new_hash[:12]}"
    if rehearsal.fits:
        output.say(f"{file} fits {target}: no row would be refused.")
    else:
        rules = output.counted(len(rehearsal.misfits), "rule")
        output.say(f"{file} does not fit {target}: rows break {rules}; nothing was changed.")
    for found in rehearsal.misfits:
        _print_found(found)
    for found in rehearsal.rewritten:
        _print_found(found, says=f" to rewrite (leave: --allow {shlex.quote(found.allow or '')})")


def _print_found(found: Found, *, says: str = "") -> None:
    output.say("", f"{found}{says}")
    if not found.rows:
        return
    names = list(found.rows[0].values)
    keys = found.keys or ("key",)
    output.table(
        [*keys, *(name if name not in keys else f"{name} would be" for name in names)],
        [[*_parts(row.key, len(keys)), *(_shown(row.values[name]) for name in names)] for row in found.rows],
    )
    if found.count > len(found.rows):
        output.say(f"… and {found.count - len(found.rows)} more")


def _parts(key: object, count: int) -> Sequence[object]:
    return [_shown(part) for part in key] if isinstance(key, tuple) and count > 1 else [_shown(key)]


def _shown(value: object) -> str:
    """A value as SQL writes it, so that 7 and '7' differ; long ones are cut."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        text = f"x'{value[:_LONG].hex()}'"
    elif isinstance(value, str):
        text = "'" + value[: _LONG + 1].replace("'", "''") + "'"
    else:
        text = repr(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _print_document(schema: Schema, file: str, *, strategy: Wish, limit: int | None) -> bool:
    """Print the findings as one document, however many there are; whether all rows fit."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8") as spool:
        writer = _Writer(spool)
        found = engine.rehearse(schema, file, strategy=strategy, limit=limit, each=writer.row)
        writer.end(found)
        spool.seek(0)
        shutil.copyfileobj(spool, sys.stdout)
    return found.fits


class _Writer:
    """Writes findings row by row, as the list ``found`` of a document."""

    def __init__(self, to: IO[str]) -> None:
        self._to = to
        self._found: Found | None = None
        to.write('{"found": [')

    def row(self, found: Found, row: Row) -> None:
        """Write one row, and what it belongs to before the first."""
        if found is not self._found:
            self._to.write("\n" if self._found is None else "\n]},\n")
            about = {
                "table": found.table,
                "rule": found.rule,
                "fits": found.allow is not None,
                "allow": found.allow,
                "count": found.count,
                "key_columns": found.keys,
            }
            self._to.write(f'{_json(about)[:-1]}, "rows": [\n')
            self._found = found
        else:
            self._to.write(",\n")
        self._to.write("  " + _json({"key": row.key, "values": row.values}))

    def end(self, rehearsal: Rehearsal) -> None:
        """Write what is known at the end."""
        self._to.write("" if self._found is None else "\n]}")
        rest = {"from": rehearsal.old_hash, "to": rehearsal.new_hash, "fits": rehearsal.fits}
        self._to.write(f"\n], {_json(rest)[1:]}\n")


def _json(data: object) -> str:
    return json.dumps(failures.plain(data), ensure_ascii=False)
