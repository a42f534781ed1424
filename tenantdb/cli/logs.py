"""What the library logs while a command runs: lines on standard error, with ids as fields."""

from __future__ import annotations

import logging
import sys
from functools import cache

from tenantdb import settings

LOGGERS = ("tenantdb", "workers", "migrations_engine")

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


class Lines(logging.Handler):
    """Writes each record as one line: level, logger, sentence, and the fields that its author added."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line on what is standard error now."""
        fields = [f"{name}={value}" for name, value in vars(record).items() if name not in _USUAL]
        line = " ".join([record.levelname, record.name + ":", record.getMessage(), *fields])
        sys.stderr.write(line + "\n")


def configure() -> None:
    """Log what the settings ask for, from here on.

    Raises:
        SettingsError: A setting is wrong.
    """
    level = settings.current().log.upper()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(_lines())


@cache
def _lines() -> Lines:
    """The one handler; adding it twice is adding it once."""
    return Lines()
