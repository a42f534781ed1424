"""Indexes of a table that is rebuilt inside its file while it is written."""

from __future__ import annotations

import random

import apsw
import pytest

import migrations_engine as engine
from tests import posts


class Writer:
    """Changes posts between the steps of a rebuild, and remembers what it did."""

    def __init__(self, path):
        self.conn = apsw.Connection(str(path))
        self.conn.set_busy_timeout(5000)
        self.choose, self.mine, self.key, self.titles = random.Random(1), [], 0, {}

    def exec_driver_sql(self, sql, parameters=()):
        self.conn.execute(sql, parameters).fetchall()

    def write(self, count):
        for _ in range(count):
            self.key += 1
            with self.conn:
                key, title = posts.change(self, self.choose, self.mine, self.key)
            self.titles[key] = title

    def kept(self):
        return {key: title for key, title in self.titles.items() if title is not None}


@pytest.mark.parametrize("schema", [posts.NEW, posts.TRIMMED], ids=["online", "index-anew"])
def test_every_index_finds_what_was_written_meanwhile_and_before_the_way_back(online, tmp_path, schema):
    path = tmp_path / "posts.db"
    engine.apply(posts.OLD, path)
    writer = Writer(path)
    writer.write(100)
    engine.apply(schema, path, allow_destructive=True, progress=lambda *_: writer.write(2))
    posts.assert_found(path, writer.kept())
    writer.write(10)
    engine.rollback(path)
    posts.assert_found(path, writer.kept())
    writer.conn.close()
