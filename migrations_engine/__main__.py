"""``python -m migrations_engine``: the commands of the schema group, without a fleet."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""What shells say of a command that Ctrl-C ended."""


def main() -> int:
    """Run the command line of this process; gives its exit code."""
    try:  # what is imported here takes most of the time in which somebody may press Ctrl-C
        from migrations_engine.commands import app  # noqa: PLC0415 - see above
        from migrations_engine.commands.running import Program  # noqa: PLC0415 - see above

        return Program(name="python -m migrations_engine", app=app).run(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
