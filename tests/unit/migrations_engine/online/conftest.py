"""A file with capture and a copy of it, each made in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrations_engine import introspect, sqlite
from migrations_engine.online import capture, copy, mapping, remainder, replay
from migrations_engine.online.shape import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import apsw

    from migrations_engine.online.mapping import Mapping
    from migrations_engine.online.replay import DrainReport
    from migrations_engine.schema import Schema

Row = tuple[object, ...]


class Source:
    """A file that is written by connections which know nothing of us."""

    def __init__(self, folder: Path, statements: str) -> None:
        self.path = folder / "source.db"
        self._opened: list[apsw.Connection] = []
        self.conn = self.open(self.path, mode="rwc")
        self.conn.execute("PRAGMA journal_mode = WAL").fetchall()
        self.conn.execute(statements)
        self.schema: Schema = introspect(self.conn)
        self.mappings: Sequence[Mapping] = mapping.identities(self.schema)

    def open(self, path: Path, *, mode: sqlite.Mode = "rw") -> apsw.Connection:
        conn = sqlite.connect(path, mode=mode)
        conn.execute("PRAGMA synchronous = OFF")
        self._opened.append(conn)
        return conn

    def capture(self) -> None:
        with sqlite.immediate(self.conn):
            capture.install(self.conn, shapes(self.schema))

    def noted(self) -> list[Row]:
        """What the log holds, without the numbers and what is NULL in it."""
        found = sqlite.rows(self.conn, f"SELECT * FROM {capture.LOG} ORDER BY n")
        return [tuple(value for value in row[1:] if value is not None) for row in found]

    def copy(self, mappings: Sequence[Mapping] | None = None) -> Copy:
        return Copy(self, self.mappings if mappings is None else mappings)

    def close(self) -> None:
        for conn in self._opened:
            conn.close()


class Copy:
    """A copy as an operation has it: without capture and users' triggers."""

    def __init__(self, source: Source, mappings: Sequence[Mapping]) -> None:
        path = source.path.with_name("target.db")
        path.touch(mode=0o600)
        self.source, self.mappings = source, mappings
        self.watermark = copy.pages(source.conn, path).watermark
        self.conn = source.open(path)
        with sqlite.immediate(self.conn):
            capture.remove(self.conn)
            remainder.drop_user_triggers(self.conn)

    def drain(self, *, batch: int = 20_000, discard: bool = False) -> DrainReport:
        report = replay.drain(
            self.source.conn,
            self.conn,
            self.mappings,
            after=self.watermark,
            admit=sqlite.immediate,
            batch=batch,
            discard=discard,
        )
        self.watermark = report.watermark
        return report

    def rows(self, sql: str) -> list[Row]:
        return sqlite.rows(self.conn, sql)


@pytest.fixture
def make_source(tmp_path: Path) -> Iterator[Callable[[str], Source]]:
    """Makes the one source of a test from its statements."""
    made: list[Source] = []

    def make(statements: str) -> Source:
        made.append(Source(tmp_path, statements))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def captured(make_source: Callable[[str], Source]) -> Callable[[str], Source]:
    """The same, with its writes noted from here on."""

    def make(statements: str) -> Source:
        source = make_source(statements)
        source.capture()
        return source

    return make
