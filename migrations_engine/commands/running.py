"""Running one command line: what it exits with, and what becomes of its errors."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from migrations_engine.commands import failures, output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130
"""What shells say of a command that Ctrl-C ended."""

_USAGE: type[Exception] = typer.BadParameter.__bases__[0]
"""The base of all usage errors, which Typer gives no name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command line: its name, its commands, and the errors that it reports in a sentence."""

    name: str
    app: typer.Typer
    known: tuple[type[Exception], ...] = failures.KNOWN
    report: Callable[..., int] = failures.report

    def run(self, arguments: Sequence[str]) -> int:
        """Run one command line.

        Args:
            arguments: The words after the program's name.

        Returns:
            The exit code: 0 done, 1 failed, 2 wrong use or bad input, 3 refused for safety, 4 partly done.
        """
        as_json = "--json" in _options(arguments)
        try:
            return self._dispatch(arguments, as_json=as_json)
        except self.known as error:
            if isinstance(error, BrokenPipeError):
                return _reader_gone()
            return self.report(error, as_json=as_json)
        except KeyboardInterrupt:
            sys.stderr.write("\nInterrupted.\n")
            return INTERRUPTED

    def _dispatch(self, arguments: Sequence[str], *, as_json: bool) -> int:
        """Run a command; usage errors are printed by Typer, or as a document for programs."""
        try:
            code = self.app(list(arguments), prog_name=self.name, standalone_mode=not as_json)
        except SystemExit as end:
            code = end.code
        except _USAGE as error:
            output.document({"error": {"type": "UsageError", "message": str(error), "retryable": False}})
            code = failures.WRONG_USE
        sys.stdout.flush()
        return code if isinstance(code, int) else 0


def _options(arguments: Sequence[str]) -> Sequence[str]:
    """The words before ``--``; what follows belongs to the command."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _reader_gone() -> int:
    """End quietly where the reader of a pipe has had enough (``| head``)."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the interpreter's last flush
    return 0
