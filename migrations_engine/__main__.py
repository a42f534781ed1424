"""``python -m migrations_engine``: the commands of the schema group, without a fleet."""

from __future__ import annotations

import sys

from migrations_engine.commands import app
from migrations_engine.commands.running import Program

if __name__ == "__main__":
    sys.exit(Program(name="python -m migrations_engine", app=app).run(sys.argv[1:]))
