"""The watchdog ends a pause at its deadline, unless the fence was raised first."""

import gc
import time

import apsw
import pytest

from tenantdb.errors import TenantBusy
from workers.handover.pause import Pause


@pytest.fixture
def lock(tmp_path):
    conn = apsw.Connection(str(tmp_path / "f.db"))
    conn.execute("CREATE TABLE t(a)")
    conn.execute("BEGIN IMMEDIATE")
    yield conn
    conn.close()


def waited_for(condition):
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.001)
    return condition()


def test_the_lock_is_rolled_back_at_the_deadline_whatever_its_holder_does(lock):
    with Pause(tenant="t", lock=lock, deadline=0.01) as pause:
        pause.begin()
        assert waited_for(lambda: not lock.in_transaction)
        with pytest.raises(TenantBusy, match="deadline"):
            pause.check()


def test_a_fence_is_not_raised_after_the_deadline(lock):
    with Pause(tenant="t", lock=lock, deadline=0.01) as pause:
        pause.begin()
        assert waited_for(lambda: not lock.in_transaction)
        with pytest.raises(TenantBusy), pause.decision():
            lock.execute("INSERT INTO t VALUES ('never')")
    assert lock.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_a_deadline_that_passes_while_the_fence_is_raised_comes_too_late(lock):
    with Pause(tenant="t", lock=lock, deadline=0.05) as pause:
        pause.begin()
        with pause.decision():
            time.sleep(0.1)
            lock.execute("INSERT INTO t VALUES ('fenced')")
            lock.execute("COMMIT")
    assert lock.execute("SELECT count(*) FROM t").fetchall() == [(1,)]


def test_a_process_that_slept_through_its_deadline_finds_that_out_by_the_clock(lock):
    pause = Pause(tenant="t", lock=lock, deadline=0.0)
    with pytest.raises(TenantBusy):
        pause.check()


def test_garbage_is_collected_again_after_a_pause(lock):
    with Pause(tenant="t", lock=lock, deadline=5.0) as pause:
        pause.begin()
        assert not gc.isenabled()
    assert gc.isenabled()
