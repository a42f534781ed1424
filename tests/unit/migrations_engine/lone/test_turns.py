"""Turns are longer while nobody else writes, and short again as soon as somebody does."""

from contextlib import closing

import apsw
import pytest

from migrations_engine.lone import turns as module
from migrations_engine.lone.pace import Pace
from migrations_engine.lone.turns import HOLD_SECONDS, QUIET_HOLD_SECONDS, Turns


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.db"
    with closing(apsw.Connection(str(path))) as conn:
        conn.execute("PRAGMA journal_mode = WAL").fetchall()
        conn.execute("CREATE TABLE t(a)")
    return path


@pytest.fixture
def turns(path, clock):
    with closing(apsw.Connection(str(path))) as conn:
        yield Turns(conn)


def write(turns):
    turns.take(lambda: turns.conn.execute("INSERT INTO t VALUES (1)"))
    turns.rest()


def test_at_first_turns_are_short(turns):
    assert turns.hold == HOLD_SECONDS


def test_own_commits_are_no_sign_of_others(turns, clock):
    for _ in range(10):
        write(turns)
        clock.now += 0.1
    assert turns.hold == QUIET_HOLD_SECONDS


def test_a_commit_of_another_makes_turns_short_again(turns, clock, path):
    clock.now += 10
    with closing(apsw.Connection(str(path))) as other:
        other.execute("INSERT INTO t VALUES (2)")
    write(turns)
    assert turns.hold == HOLD_SECONDS


def test_no_turn_is_longer_than_it_may_be(path, clock):
    with closing(apsw.Connection(str(path))) as conn:
        turns = Turns(conn, most=0.001)
        clock.now += 10
        assert turns.hold == 0.001


def test_a_shorter_turn_takes_fewer_rows_at_once():
    pace = Pace(seconds=0.02, rows=400)
    pace.aim(0.005)
    assert pace.rows == 100


def test_a_longer_turn_takes_more_rows_when_it_has_proved_itself():
    pace = Pace(seconds=0.005, rows=100)
    pace.aim(0.02)
    assert pace.rows == 100
    pace.took(100, 0.005)
    assert pace.rows == 201
