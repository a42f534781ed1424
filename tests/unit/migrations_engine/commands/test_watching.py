"""The bar that people see on a terminal while a change takes a while."""

from __future__ import annotations

import io
import re
import sys

import pytest

from migrations_engine.commands.watching import watched
from migrations_engine.progress import Progress


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def shown(monkeypatch):
    """Watch one state of a change, and say what a terminal shows."""

    def show(progress, *, as_json=False):
        # Not before the test runs: pytest sets it again after the fixtures.
        monkeypatch.setattr(sys, "stderr", terminal := Terminal())
        monkeypatch.setenv("TERM", "xterm")
        with watched(as_json=as_json) as watch:
            watch(progress)
        text = re.sub(r"\x1b\[[0-9;?]*\w|[━╸╺]", "", terminal.getvalue())
        return " ".join(text.split())

    return show


def test_a_terminal_shows_how_many_rows_of_how_many_are_done(shown):
    text = shown(Progress(phase="copy", rows=81_754, total=330_000, bytes=0))
    assert "copy 81,754 of 330,000 rows, left" in text


def test_it_says_no_time_where_nobody_knows_how_many_there_are(shown):
    text = shown(Progress(phase="clear", rows=81_754, total=0, bytes=0))
    assert text.endswith("clear 81,754 rows")


def test_who_wants_json_sees_no_bar(shown):
    assert shown(Progress(phase="copy", rows=1, total=2, bytes=0), as_json=True) == ""
