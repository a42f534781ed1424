"""The commands of ``tenantdb``, loaded when they run: listing them must not import what they stand on."""

from __future__ import annotations

import functools
import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or a group of them: the module whose ``app`` it is, and its line in the list."""

    module: str
    help: str


ENTRIES: dict[str, Entry] = {
    "init": Entry("tenantdb.cli.init", "Make the home of a fleet here, or bring it up to date."),
    "schema": Entry("migrations_engine.commands", "One schema document, one database file."),
    "status": Entry("tenantdb.cli.status", "What runs, what is stuck, how full the servers are."),
    "server": Entry("tenantdb.cli.server", "The places that hold tenant files."),
    "tenant": Entry("tenantdb.cli.tenant", "The customers' databases."),
    "rollout": Entry("tenantdb.cli.rollout", "One schema for the whole fleet, wave by wave."),
    "recover": Entry("tenantdb.cli.recover", "Finish or undo whatever was interrupted."),
    "doctor": Entry("tenantdb.cli.doctor", "Hold every file against the catalog."),
    "demo": Entry(
        "tenantdb.cli.demo.command", "The tour: a fleet on this machine, changed and moved in use."
    ),
}

_HELP = {"--help", "-h"}


class Menu(TyperGroup):
    """The top level: knows each command's name and help, and imports only the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names in the order of the table, which is the order in which people meet them."""
        del ctx
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in with name and help."""
        del ctx
        entry = ENTRIES.get(cmd_name)
        return None if entry is None else TyperCommand(cmd_name, help=entry.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command itself, for running it."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name == "schema":
            _tell_engine()
        return name, stand_in if name is None else load(name), rest


def _tell_engine() -> None:
    """Let the engine's commands know the application's functions, wherever the settings name them."""
    from migrations_engine import extensions  # noqa: PLC0415 - see _names

    extensions.use_by_default(_names)


def _names() -> tuple[str, ...]:
    from tenantdb import settings  # noqa: PLC0415 - listing the commands must not import what they stand on

    return settings.current().extensions


@functools.cache
def load(name: str) -> Any:
    """Import a command or a group of the table."""
    entry = ENTRIES[name]
    command = typer.main.get_command(importlib.import_module(entry.module).app)
    command.name, command.help = name, command.help or entry.help
    return command


app = typer.Typer(
    cls=Menu,
    name="tenantdb",
    help="One SQLite database per customer: where each is, what schema it has, and how it changes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _top(context: typer.Context) -> None:
    """Take no options of its own; what is logged is set up for every command that is about a fleet."""
    if context.invoked_subcommand != "schema":
        importlib.import_module("tenantdb.cli.logs").configure()


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: The words after the program's name.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong use or bad input, 3 refused for safety, 4 partly done.
    """
    if not set(arguments) <= _HELP:
        code: int = importlib.import_module("tenantdb.cli.program").execute(app, arguments)
        return code
    try:  # the list of commands answers at once, without the engine
        app(list(arguments), prog_name="tenantdb")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
