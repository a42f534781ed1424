"""What is known to go wrong in a cut-over, each with the mechanism that prevents it."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import apsw
import pytest

from migrations_engine.online.phases import Boundary
from tenantdb.errors import TenantDBError
from tests.fleet import Fleet, takes_writes
from workers.lifecycle import adoption
from workers.mover import move

INSERT = "INSERT INTO notes VALUES (1, 'in time', 0)"


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


class At:
    """An observer that does something at the first time that a boundary is reached."""

    def __init__(self, phase, act, boundary=Boundary.ENTERED):
        self.place, self.act = (phase, boundary), act

    def __call__(self, phase, boundary, /):
        if (phase, boundary) == self.place and self.act:
            act, self.act = self.act, None
            act()


def moved(fleet, **options):
    return move("t", to="b", settings=fleet.settings, **options)


# The write lock is the drain


def test_a_write_just_before_the_lock_is_in_the_last_drain(fleet, outsider):
    other = outsider(fleet.route(fleet.create("t")).path)
    answers = []
    moved(fleet, observer=At("lock-source", lambda: answers.append(other.run(INSERT))))
    assert answers == [{"rows": []}]
    assert fleet.rows("t") == [(1, "in time")]


def test_a_transaction_that_is_open_when_the_pause_begins_is_waited_for(fleet, outsider):
    slow = outsider(fleet.route(fleet.create("t")).path)

    def begin():
        slow.run("BEGIN IMMEDIATE")
        slow.run(INSERT)

    class Observer(At):
        def __call__(self, phase, boundary, /):
            super().__call__(phase, boundary)
            if (phase, boundary) == ("lock-source", Boundary.FAILED):
                answers.append(slow.run("COMMIT"))

    answers = []
    moved(fleet, observer=Observer("lock-source", begin))
    assert answers == [{"rows": []}]
    assert fleet.rows("t") == [(1, "in time")]


@pytest.mark.parametrize("phase", ["last-drain", "compare-rest", "finish-target", "fence"])
def test_nobody_gets_the_lock_between_the_last_drain_and_the_fence(fleet, outsider, phase):
    other = outsider(fleet.route(fleet.create("t")).path)
    other.run("PRAGMA busy_timeout = 0")
    answers = []
    moved(fleet, observer=At(phase, lambda: answers.append(other.run(INSERT))))
    assert answers == [{"error": "database is locked"}]
    assert fleet.rows("t") == []


def test_the_pause_writes_one_row_into_the_source_and_no_ddl(fleet):
    path = fleet.route(fleet.create("t", rows=50)).path
    seen = []

    def look():
        seen.append(fleet.read(path, "PRAGMA schema_version") + fleet.read(path, "SELECT * FROM notes"))

    moved(fleet, observer=At("lock-catalog", look))
    assert seen == [fleet.read(path, "PRAGMA schema_version") + fleet.read(path, "SELECT * FROM notes")]


# Files


def test_an_old_file_does_not_follow_the_new_one(fleet, outsider):
    """What a rename over a live file would mix: the new database under the old one's log."""
    path = fleet.route(fleet.create("t", rows=20)).path
    stale = outsider(path)
    before = path.stat().st_ino
    moved(fleet)
    new = fleet.route("t").path
    outsider(new).run(INSERT)
    assert (path.stat().st_ino, path.exists()) == (before, True)
    assert new.parent != path.parent
    assert stale.run("SELECT count(*) FROM notes WHERE k = 1") == {"rows": [[0]]}
    for each in (path, new):
        assert fleet.read(each, "PRAGMA integrity_check") == [("ok",)]


def test_a_move_keeps_the_whole_header(fleet, tmp_path, outsider):
    odd = tmp_path / "odd.db"
    conn = apsw.Connection(str(odd))
    conn.execute(
        "PRAGMA page_size = 8192; PRAGMA encoding = 'UTF-16le'; PRAGMA auto_vacuum = 1;"
        "PRAGMA user_version = 3;"
        "PRAGMA application_id = 9; CREATE TABLE notes(k INTEGER PRIMARY KEY, v TEXT, n);"
        "INSERT INTO notes VALUES (1, 'é', 0); CREATE INDEX i ON notes(v); ANALYZE"
    )
    conn.close()
    names = ("page_size", "encoding", "auto_vacuum", "user_version", "application_id", "journal_mode")
    adoption.adopt(odd, tenant="t", settings=fleet.settings, server="a")
    adopted = fleet.route("t").path
    before = [fleet.read(adopted, f"PRAGMA {name}") for name in names]
    moved(fleet)
    after = fleet.route("t").path
    assert [fleet.read(after, f"PRAGMA {name}") for name in names] == before
    assert before[:5] == [[(8192,)], [("UTF-16le",)], [(1,)], [(3,)], [(9,)]]
    assert fleet.read(after, "SELECT idx, stat FROM sqlite_stat1") == [("i", "1 1")]
    assert fleet.rows("t") == [(1, "é")]


AUDITED = """
import json, os, sys
from pathlib import Path
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        name, flags = os.fsdecode(arguments[0]), arguments[2]
        # Only what makes a file that was not there may name one: nobody can hold a lock on it yet.
        if name.endswith((".db", ".db-wal", ".db-shm")) and not flags & os.O_EXCL:
            opened.append(name)
sys.addaudithook(watch)
from tenantdb.settings import Settings
from workers import doctor, mover, recovery
settings = Settings(home=Path(sys.argv[1]))
mover.move("t", to="b", settings=settings)
recovery.recover(settings)
doctor.examine(settings)
print(json.dumps(opened))
"""


def test_nobody_opens_a_database_file_but_sqlite(fleet, child):
    """Closing any descriptor of a file drops the locks that this process holds on it."""
    fleet.create("t", rows=5)
    assert child(AUDITED, str(fleet.settings.home)).end().strip() == "[]"


# What has to be on disk before what


class Recorder(apsw.VFS):
    """SQLite's own way to the disk, with a note of each write and sync."""

    def __init__(self):
        self.calls = []
        self.base = apsw.vfs_names()[0]
        super().__init__("pitfalls", base=self.base, makedefault=True)

    def xOpen(self, name, flags):  # noqa: N802
        file = Recorded(self.base, name, flags)
        file.recorder = self
        file.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return file


class Recorded(apsw.VFSFile):
    def xWrite(self, data, offset):  # noqa: N802
        self.recorder.calls.append(("write", self.name))
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802
        self.recorder.calls.append(("sync", self.name))
        super().xSync(flags)


@pytest.fixture
def disk():
    recorder = Recorder()
    yield recorder
    apsw.set_default_vfs(recorder.base)
    recorder.unregister()


def test_target_then_fence_then_route_are_on_disk_in_that_order(fleet, disk):
    fleet.create("t", rows=5)
    source = str(fleet.route("t").path)
    marks = {}

    def observe(phase, boundary, /):
        if boundary is Boundary.ENTERED:
            marks[phase] = len(disk.calls)

    fleet.catalog.close()  # so that it is opened again, through the recorder
    moved(fleet, observer=observe)
    target, catalog = str(fleet.route("t").path), str(fleet.settings.layout.catalog)

    def unsynced(path, upto):
        """Whether a file or its log has writes that no sync of it followed, before a mark."""
        calls = [(what, name) for what, name in disk.calls[: marks[upto]] if name in (path, f"{path}-wal")]
        last = {name: what for what, name in calls}
        assert last, f"nothing was recorded of {path}"
        return [name for name, what in last.items() if what == "write"]

    assert unsynced(target, "fence") == []
    assert unsynced(source, "flip") == []
    assert unsynced(catalog, "mark") == []


class Full(Recorder):
    """A disk that has no room for one path, once it is told to be full."""

    full = ""

    def xOpen(self, name, flags):  # noqa: N802
        file = FullFile(self.base, name, flags)
        file.recorder = self
        file.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return file


class FullFile(apsw.VFSFile):
    def xWrite(self, data, offset):  # noqa: N802
        if self.recorder.full and self.recorder.full in self.name:
            raise apsw.FullError("no room")
        super().xWrite(data, offset)


@pytest.fixture
def full_disk():
    recorder = Full()
    yield recorder
    apsw.set_default_vfs(recorder.base)
    recorder.unregister()


@pytest.mark.parametrize("phase", ["snapshot", "prepare", "drain", "verify", "last-drain", "finish-target"])
def test_a_disk_that_fills_at_the_target_leaves_the_tenant_where_it_was(
    fleet, full_disk, phase, tmp_path, outsider
):
    before = fleet.route(fleet.create("t", rows=20))
    other = outsider(before.path)

    def fill():
        if phase not in ("last-drain", "finish-target"):  # there the mover has the lock
            other.run("INSERT INTO notes VALUES (99, 'meanwhile', 0)")
        full_disk.full = str(tmp_path / "b")

    with pytest.raises(OSError, match="full"):
        moved(fleet, observer=At(phase, fill))
    assert fleet.route("t") == before
    assert takes_writes(before.path)
    assert fleet.files("t") == [before.path]  # what filled the disk is gone, though it is full still
    assert fleet.operations("t") == ["undone"]
    assert fleet.findings("t") == []


def test_too_little_room_is_seen_before_anything_is_copied(fleet, monkeypatch):
    before = fleet.route(fleet.create("t", rows=20))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**9, used=10**9, free=100))
    with pytest.raises(TenantDBError, match="free"):
        moved(fleet)
    assert fleet.files("t") == [before.path]
    assert takes_writes(before.path)
