"""Values out of SQLite just as they are stored, text that is no valid Unicode included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrations_engine import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

Value = int | float | str | bytes | None
Shown = Value | tuple[Value, ...]


def rows(
    conn: apsw.Connection, terms: Sequence[str], tail: str, parameters: Sequence[Value] = ()
) -> list[tuple[Value, ...]]:
    """All rows of ``SELECT terms tail``; bytes that are no valid text become surrogates."""
    try:
        return conn.execute(f"SELECT {', '.join(terms)} {tail}", parameters).fetchall()
    except UnicodeDecodeError:
        return list(byte_rows(conn, terms, tail, parameters))


def byte_rows(
    conn: apsw.Connection, terms: Sequence[str], tail: str, parameters: Sequence[Value] = ()
) -> Iterator[tuple[Value, ...]]:
    """The same, slower, with every text read as bytes: what ``rows`` gives where all of it is valid."""
    encoding = str(sqlite.value(conn, "PRAGMA encoding")).replace("UTF-16", "UTF-16-")
    handler = "surrogateescape" if encoding == "UTF-8" else "surrogatepass"
    others = (f"CASE typeof({term}) WHEN 'text' THEN NULL ELSE {term} END" for term in terms)
    texts = (f"CASE typeof({term}) WHEN 'text' THEN CAST({term} AS BLOB) END" for term in terms)
    pairs = (term for pair in zip(others, texts, strict=True) for term in pair)
    for row in conn.execute(f"SELECT {', '.join(pairs)} {tail}", parameters):
        halves = zip(row[::2], row[1::2], strict=True)
        yield tuple(other if text is None else text.decode(encoding, handler) for other, text in halves)


def shown(key: tuple[Value, ...]) -> Shown:
    """A key as people read it: one column without its tuple."""
    return key[0] if len(key) == 1 else key
