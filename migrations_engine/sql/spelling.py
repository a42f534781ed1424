"""How names are written so that SQLite reads them as names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from migrations_engine.model import quote
from migrations_engine.sql.keywords import KEYWORDS

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@lru_cache(maxsize=4096)
def is_plain(name: str) -> bool:
    """Whether a name needs no quotes anywhere."""
    return _PLAIN.fullmatch(name) is not None and name.upper() not in KEYWORDS


def identifier(name: str) -> str:
    """A name as people write it: in quotes only where it needs them."""
    return name if is_plain(name) else quote(name)
