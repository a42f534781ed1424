from __future__ import annotations

import dataclasses
import threading

import apsw
import pytest

from tenantdb.errors import TenantBusy, TenantDamaged
from tenantdb.handles.open_files import OpenFiles
from tenantdb.model import Durability, Route


@pytest.fixture
def route(make_file):
    def make(number=1):
        path = make_file(name=f"g{number}.db")
        return Route(tenant=f"t{number}", server="local", path=path, generation=1, epoch=1, schema_hash=None)

    return make


@pytest.fixture
def make_files():
    made = []

    def make(**limits):
        made.append(OpenFiles(durability=Durability.FULL, **limits))
        return made[-1]

    yield make
    for files in made:
        files.close()


def use(files, route):
    """Take a reader and give it back; its connection."""
    file = files.of(route)
    reader = files.take_reader(file, wait=0)
    files.give_back(file, reader)
    return reader.raw


def is_open(raw):
    try:
        raw.total_changes()
    except apsw.ConnectionClosedError:
        return False
    return True


def test_a_connection_is_used_again(make_files, route):
    files, here = make_files(), route()
    assert use(files, here) is use(files, here)
    assert files.connections == 1


def test_a_connection_in_use_is_nobody_elses(make_files, route):
    files = make_files()
    file = files.of(route())
    first, second = (files.take_reader(file, wait=0) for _ in range(2))
    assert first.raw is not second.raw
    for reader in (first, second):
        files.give_back(file, reader)


def test_the_least_used_file_makes_room(make_files, route):
    files = make_files(max_connections=2)
    routes = [route(number) for number in range(3)]
    connections = [use(files, each) for each in routes]
    assert files.connections == 2
    assert [is_open(each) for each in connections] == [False, True, True]


def test_a_file_that_was_used_lately_has_a_second_chance(make_files, route):
    files = make_files(max_connections=2)
    routes = [route(number) for number in range(5)]
    for each in routes[:3]:
        use(files, each)  # 0 was closed for 2
    kept = use(files, routes[2])
    files.of(routes[1]).used = False
    use(files, routes[3])
    assert is_open(kept)


def test_memory_makes_room_too(make_files, route):
    files = make_files(max_bytes=1)
    connections = [use(files, route(number)) for number in range(3)]
    assert [is_open(each) for each in connections] == [False, False, True]


def test_what_is_in_use_is_never_closed_and_a_full_house_says_so(make_files, route):
    files = make_files(max_connections=2)
    here, there = files.of(route(1)), files.of(route(2))
    reader = files.take_reader(here, wait=0)
    here.lock.acquire()
    writer = files.take_writer(here, wait=0)
    with pytest.raises(TenantBusy, match="all 2 connections"):
        files.take_reader(there, wait=0.01)
    assert is_open(reader.raw)
    assert is_open(writer.raw)
    here.lock.release()
    files.give_back(there, files.take_reader(there, wait=0))
    assert not is_open(writer.raw)
    files.drop(reader.raw)


def test_a_full_house_waits_for_somebody_to_leave(make_files, route):
    files = make_files(max_connections=1)
    here, there = files.of(route(1)), files.of(route(2))
    reader = files.take_reader(here, wait=0)
    timer = threading.Timer(0.05, files.give_back, (here, reader))
    timer.start()
    files.give_back(there, files.take_reader(there, wait=10))
    timer.join()
    assert not is_open(reader.raw)
    assert files.connections == 1


def test_a_connection_that_comes_back_to_a_closed_file_is_closed(make_files, route):
    files = make_files()
    file = files.of(route())
    reader = files.take_reader(file, wait=0)
    files.leave(file)
    assert is_open(reader.raw)
    files.give_back(file, reader)
    assert not is_open(reader.raw)
    assert files.connections == 0


def test_another_route_to_the_same_path_is_another_open_file(make_files, route):
    files, here = make_files(), route()
    before = use(files, here)
    after = use(files, dataclasses.replace(here, epoch=2))
    assert not is_open(before)
    assert is_open(after)


def test_an_opening_that_fails_takes_no_room(make_files, route, tmp_path):
    files = make_files(max_connections=1)
    missing = files.of(dataclasses.replace(route(), path=tmp_path / "none.db"))
    for _ in range(3):
        with pytest.raises(TenantDamaged):
            files.take_reader(missing, wait=0)
    assert files.connections == 0


def test_a_pause_closes_all_and_waits_for_what_is_in_use(make_files, route):
    files = make_files()
    idle, file = use(files, route(1)), files.of(route(2))
    reader = files.take_reader(file, wait=0)
    assert not files.pause(seconds=0.01)
    files.resume()
    assert not is_open(idle)
    timer = threading.Timer(0.05, files.give_back, (file, reader))
    timer.start()
    assert files.pause(seconds=10)
    files.resume()
    timer.join()
    assert not is_open(reader.raw)
    assert is_open(use(files, route(3)))


def test_nothing_is_opened_during_a_pause(make_files, route):
    files, here = make_files(), route()
    files.pause(seconds=0)
    opened = []
    thread = threading.Thread(target=lambda: opened.append(use(files, here)))
    thread.start()
    thread.join(0.05)
    assert opened == []
    files.resume()
    thread.join()
    assert len(opened) == 1


def test_threads_under_a_tiny_cap_stay_within_it(make_files, route):
    files = make_files(max_connections=2)
    routes = [route(number) for number in range(5)]
    seen, failed = [], []

    def work(offset):
        for step in range(60):
            file = files.of(routes[(step * 7 + offset) % 5])
            try:
                reader = files.take_reader(file, wait=30)
                assert reader.raw.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
                seen.append(files.connections)
                files.give_back(file, reader)
            except Exception as error:  # noqa: BLE001 - told by the main thread
                failed.append(error)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(seen) == 240
    assert max(seen) <= 2
