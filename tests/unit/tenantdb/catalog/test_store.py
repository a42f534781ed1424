from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import apsw
import psutil
import pytest

from tenantdb.catalog import Catalog, facts, store
from tenantdb.errors import CatalogUnavailable, CatalogVersion, NotInitialised, SettingsError
from tenantdb.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def fact(catalog: Catalog, key: str) -> str | None:
    with catalog.reading() as session:
        return facts.get(session, key)


def test_a_process_has_one_catalog_for_each_url(settings: Settings, catalog: Catalog) -> None:
    assert Catalog.open(settings) is catalog
    assert catalog in Catalog.opened()


def test_where_no_home_is_the_absolute_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotInitialised, match="tenantdb init") as caught:
        Catalog.open(Settings(home=tmp_path / "none"))
    assert caught.value.home == str(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_catalog_file_elsewhere_that_was_never_made_is_no_home_either(tmp_path: Path) -> None:
    with pytest.raises(NotInitialised):
        Catalog.open(Settings(home=tmp_path / "none", catalog_url=f"sqlite:///{tmp_path}/fleet.db"))
    assert not (tmp_path / "fleet.db").exists()


def test_a_home_with_servers_that_lost_its_catalog_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    with pytest.raises(CatalogUnavailable, match="missing"):
        Catalog.open(Settings(home=tmp_path))
    assert not (tmp_path / "catalog.db").exists()


def test_a_catalog_that_vanishes_is_unavailable_and_not_made_anew(
    settings: Settings, catalog: Catalog
) -> None:
    catalog.close()
    settings.layout.catalog.rename(settings.home / "away.db")
    with pytest.raises(CatalogUnavailable) as caught, catalog.reading() as session:
        facts.get(session, "x")
    assert caught.value.retryable
    assert not settings.layout.catalog.exists()


def test_a_damaged_catalog_is_unavailable(settings: Settings) -> None:
    for suffix in ("-wal", "-shm"):
        settings.layout.catalog.with_name(f"catalog.db{suffix}").unlink(missing_ok=True)
    settings.layout.catalog.write_bytes(b"this is no database" * 1000)
    with pytest.raises(CatalogUnavailable, match="not a database"):
        Catalog.open(settings)


def test_an_empty_file_is_no_catalog(settings: Settings) -> None:
    settings.layout.catalog.unlink()
    apsw.Connection(str(settings.layout.catalog)).execute("CREATE TABLE other(x)")
    with pytest.raises(NotInitialised):
        Catalog.open(settings)


@pytest.mark.parametrize(("version", "said"), [("0000", "tenantdb init"), ("9999", "upgrade tenantdb")])
def test_another_version_is_refused_in_one_sentence(settings: Settings, version: str, said: str) -> None:
    apsw.Connection(str(settings.layout.catalog)).execute(
        "UPDATE alembic_version SET version_num = ?", (version,)
    )
    with pytest.raises(CatalogVersion, match=said) as caught:
        Catalog.open(settings)
    assert (caught.value.found, caught.value.needed) == (version, store.HEAD)


def test_a_database_that_needs_a_driver_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nosuchdriver"):
        Catalog.open(Settings(home=tmp_path, catalog_url="nosuchdriver://user:s3cret@host/db"))
    with pytest.raises(SettingsError) as caught:
        Catalog.open(Settings(home=tmp_path, catalog_url="nosuchdriver://user:s3cret@host/db"))
    assert "s3cret" not in str(caught.value)


def test_a_block_that_raises_leaves_nothing(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.begin() as session:
            facts.put(session, key="k", value="v")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert fact(catalog, "k") is None


def test_what_is_read_is_one_state(catalog: Catalog) -> None:
    with catalog.begin() as session:
        facts.put(session, key="k", value="before")
    with catalog.reading() as reading:
        assert facts.get(reading, "k") == "before"
        with catalog.begin() as session:
            facts.put(session, key="k", value="after")
        assert facts.get(reading, "k") == "before"
    assert fact(catalog, "k") == "after"


def test_a_session_that_reads_cannot_write(catalog: Catalog) -> None:
    with pytest.raises(CatalogUnavailable, match="readonly"), catalog.reading() as session:
        facts.put(session, key="k", value="v")
    assert fact(catalog, "k") is None


def test_commits_are_synced(catalog: Catalog) -> None:
    with catalog.begin() as session:
        assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert session.connection().exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert session.connection().exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_writer_waits_for_the_lock_of_another_process(settings: Settings, catalog: Catalog) -> None:
    command = [sys.executable, "-c", HOLD, str(settings.layout.catalog), "0.3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with catalog.begin():
            assert holder.stdout.readline() == "released\n"


HOLD = """
import sys, time, apsw
conn = apsw.Connection(sys.argv[1])
conn.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
print("released", flush=True)
conn.execute("ROLLBACK")
"""


def test_a_lock_that_stays_makes_the_catalog_unavailable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.05)
    catalog = Catalog(settings.catalog)
    other = apsw.Connection(str(settings.layout.catalog))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CatalogUnavailable, match="locked"), catalog.begin():
        pass
    other.execute("ROLLBACK")
    catalog.close()


def test_threads_queue_for_the_one_writing_connection(catalog: Catalog) -> None:
    with catalog.begin() as session:
        facts.put(session, key="n", value="0")

    def count() -> None:
        for _ in range(10):
            with catalog.begin() as session:
                facts.put(session, key="n", value=str(int(facts.get(session, "n") or 0) + 1))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fact(catalog, "n") == "80"


def test_closing_leaves_no_descriptor_and_the_next_transaction_opens_again(
    settings: Settings, catalog: Catalog
) -> None:
    assert fact(catalog, "k") is None
    catalog.close()
    assert not [file for file in psutil.Process().open_files() if file.path.startswith(str(settings.home))]
    assert fact(catalog, "k") is None


def test_a_pause_waits_for_the_transaction_that_runs_and_holds_back_the_next(catalog: Catalog) -> None:
    running, finish, events = threading.Event(), threading.Event(), []

    def write() -> None:
        with catalog.begin() as session:
            running.set()
            finish.wait()
            facts.put(session, key="k", value="v")
        events.append("written")

    writer = threading.Thread(target=write)
    writer.start()
    running.wait()
    threading.Timer(0.05, finish.set).start()
    assert catalog.pause(seconds=5)
    events.append("paused")
    late = threading.Thread(target=lambda: events.append(fact(catalog, "k")))
    late.start()
    time.sleep(0.05)
    events.append("resuming")
    catalog.resume()
    writer.join()
    late.join()
    assert events.index("resuming") < events.index("v")
    assert sorted(map(str, events)) == ["paused", "resuming", "v", "written"]


def test_a_pause_tells_when_a_transaction_outlasts_it(catalog: Catalog) -> None:
    with catalog.begin():
        assert not catalog.pause(seconds=0.01)
        catalog.resume()


def test_a_forked_child_reads_and_writes_on_connections_of_its_own(catalog: Catalog) -> None:
    assert fact(catalog, "k") is None
    assert catalog.pause(seconds=1)
    child = os.fork()
    catalog.resume()
    if child == 0:
        with catalog.begin() as session:
            facts.put(session, key="k", value="from the child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert fact(catalog, "k") == "from the child"
