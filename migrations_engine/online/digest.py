"""What a set of rows is, in 128 bits: typed, independent of order, and duplicates count.

Each row is encoded with its types and hashed; the hashes are *added*, because XOR would cancel equal rows.
The encoding is ``marshal`` version 2: it tells 1, 1.0, '1' and b'1' apart, and versions above it also encode
whether strings are interned or shared, which is no property of the row. It is the fastest of those tried
(repr: two thirds of it); the hash is BLAKE2b, the fastest sound one in the standard library.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from migrations_engine.online import exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from migrations_engine.online.exact import Value

_ENCODING = 2
_SIZE = 16


@dataclass(frozen=True, slots=True)
class Digest:
    """How many rows, and the sum of their hashes modulo 2**128."""

    rows: int
    total: int

    def __add__(self, other: Digest) -> Digest:
        """The digest of both sets together."""
        return Digest(self.rows + other.rows, (self.total + other.total) % 2 ** (8 * _SIZE))


EMPTY = Digest(0, 0)


def of(conn: apsw.Connection, terms: Sequence[str], tail: str, parameters: Sequence[Value] = ()) -> Digest:
    """The digest of ``SELECT terms tail``."""
    cursor = conn.execute(f"SELECT {', '.join(terms)} {tail}", parameters)
    try:
        return _of_rows(cursor)
    except UnicodeDecodeError:
        return _of_rows(exact.byte_rows(conn, terms, tail, parameters))
    finally:
        cursor.close()


def row_hash(row: tuple[Value, ...]) -> bytes:
    """The hash of one row."""
    return blake2b(marshal.dumps(row, _ENCODING), digest_size=_SIZE).digest()


def _of_rows(rows: Iterable[tuple[Value, ...]]) -> Digest:
    # Written out and with local names: this loop runs for every row of a database, on both sides.
    count, total = 0, 0
    dumps, number = marshal.dumps, int.from_bytes
    for row in rows:
        total += number(blake2b(dumps(row, _ENCODING), digest_size=_SIZE).digest(), "little")
        count += 1
    return Digest(count, total % 2 ** (8 * _SIZE))
