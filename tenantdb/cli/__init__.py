"""The command line: thin doors over the library, for people and, with ``--json``, for programs."""

from __future__ import annotations

import sys

__all__ = ["main"]

INTERRUPTED = 130
"""What shells say of a command that Ctrl-C ended."""


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        from tenantdb.cli import app  # noqa: PLC0415 - so that Ctrl-C while anything is imported is answered too

        app.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
