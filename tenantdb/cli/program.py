"""Running a command of ``tenantdb``; apart from the list of commands, which must not import the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine.commands.running import Program
from tenantdb.cli import failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer


def execute(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line; gives its exit code."""
    program = Program(name="tenantdb", app=app, known=failures.KNOWN, report=failures.report)
    return program.run(arguments)
