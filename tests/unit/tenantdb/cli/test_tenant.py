from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from tenantdb import get_tenant_db

if TYPE_CHECKING:
    from tests.unit.tenantdb.cli.conftest import Command

KEYS = {"id", "server", "path", "generation", "epoch", "schema", "backend", "state"}


def make_old(path: Path) -> Path:
    """A database of an application that never heard of us, not in WAL mode."""
    conn = apsw.Connection(str(path))
    conn.execute(
        "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE);"
        "CREATE TABLE log(what);"
        "CREATE TRIGGER noted AFTER INSERT ON users BEGIN INSERT INTO log VALUES (new.email); END;"
        "CREATE VIEW emails AS SELECT email FROM users;"
        "INSERT INTO users(email) VALUES ('a@b.example')"
    )
    conn.close()
    return path


def home_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*.db") if path.name.startswith("g")}


def test_a_new_tenant_can_be_used_at_once(tenantdb: Command) -> None:
    made = tenantdb("tenant", "create", "acme", "--json").document
    assert made.keys() >= KEYS
    assert (made["id"], made["server"], made["generation"], made["epoch"]) == ("acme", "local", 1, 1)
    assert (made["backend"], made["state"]) == ("sqlite", "active")
    assert get_tenant_db("acme").query("SELECT state FROM _tenantdb_control") == [("open",)]


def test_its_file_and_folders_are_their_owners_only(tenantdb: Command) -> None:
    file = Path(tenantdb("tenant", "create", "acme", "--json").document["path"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(parent.stat().st_mode) for parent in list(file.parents)[:4]} == {0o700}


def test_a_number_and_its_digits_are_one_tenant(tenantdb: Command) -> None:
    tenantdb("tenant", "create", "42")
    assert get_tenant_db(42).query("SELECT 1") == [(1,)]
    assert tenantdb("tenant", "create", "42").code == 2


@pytest.mark.parametrize(
    "tenant", ["../../etc/passwd", "a@b.example", " x ", "🦆", "[red]x[/red]", "C:\\con"]
)
def test_any_id_is_shown_to_the_letter(tenantdb: Command, tenant: str) -> None:
    assert tenantdb("tenant", "create", tenant).code == 0
    assert tenantdb("tenant", "show", tenant, "--json").document["id"] == tenant
    assert tenant.strip() in tenantdb("tenant", "list").out
    assert [row["id"] for row in tenantdb("tenant", "list", "--json").document] == [tenant]


@pytest.mark.parametrize("tenant", ["", "a\nb", "x" * 129])
def test_what_is_no_id_is_refused(tenantdb: Command, tenant: str) -> None:
    said = tenantdb("tenant", "create", tenant, "--json")
    assert said.code == 2
    assert said.document["error"]["type"] == "InvalidTenantId"


def test_an_id_is_taken_once(tenantdb: Command) -> None:
    tenantdb("tenant", "create", "acme")
    said = tenantdb("tenant", "create", "acme")
    assert (said.code, said.err) == (2, "Error: tenant 'acme' exists already\n")


def test_tenants_spread_over_the_servers_that_fit(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "eu", f"file:{folder}/eu", "--region", "eu")
    tenantdb("server", "add", "small", f"file:{folder}/small", "--region", "eu", "--capacity", "1")
    placed = [
        tenantdb("tenant", "create", f"t{number}", "--region", "eu", "--json").document["server"]
        for number in range(3)
    ]
    assert placed == ["eu", "small", "eu"]


def test_a_tenant_goes_where_it_is_sent(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "eu", f"file:{folder}/eu", "--weight", "0")
    assert tenantdb("tenant", "create", "acme", "--server", "eu", "--json").document["server"] == "eu"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--server", "nowhere"), 2, "no server 'nowhere'"),
        (("--region", "mars"), 3, "local: its region is not set"),
        (("--tier", "gold"), 3, "local: its tier is not set"),
    ],
)
def test_where_nothing_fits_the_reason_is_said(
    tenantdb: Command, words: tuple[str, ...], code: int, said: str
) -> None:
    done = tenantdb("tenant", "create", "acme", *words)
    assert done.code == code
    assert said in done.err
    assert tenantdb("tenant", "list", "--json").document == []


def test_a_full_server_takes_no_more(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "small", f"file:{folder}/small", "--capacity", "0")
    said = tenantdb("tenant", "create", "acme", "--server", "small")
    assert said.code == 2
    assert "it is full (0 of 0 tenants)" in said.err


@pytest.mark.parametrize("words", [("show",), ("path",), ("shell",), ("delete", "--yes")])
def test_an_unknown_tenant_is_not_found_and_makes_no_file(
    tenantdb: Command, folder: Path, words: tuple[str, ...]
) -> None:
    said = tenantdb("tenant", words[0], "nobody", *words[1:])
    assert (said.code, said.out) == (2, "")
    assert "no tenant 'nobody'" in said.err
    assert home_files(folder) == set()


def test_the_list_can_be_of_one_server(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "eu", f"file:{folder}/eu")
    for tenant, server in (("a", "local"), ("b", "eu"), ("c", "eu")):
        tenantdb("tenant", "create", tenant, "--server", server)
    assert [row["id"] for row in tenantdb("tenant", "list", "--server", "eu", "--json").document] == [
        "b",
        "c",
    ]
    assert tenantdb("tenant", "list", "--server", "us").code == 2


def test_the_list_fits_into_80_columns(tenantdb: Command) -> None:
    tenantdb("tenant", "create", "a-tenant-with-a-rather-long-name@example.org")
    tenantdb("tenant", "create", "x" * 128)
    lines = tenantdb("tenant", "list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "".join(lines).count("x") >= 128


def test_a_fleet_without_tenants_says_what_to_do(tenantdb: Command) -> None:
    assert "tenantdb tenant create" in tenantdb("tenant", "list").out


def test_the_path_is_absolute_and_alone_on_its_line(tenantdb: Command, folder: Path) -> None:
    tenantdb("tenant", "create", "acme")
    printed = tenantdb("tenant", "path", "acme").out
    assert printed.count("\n") == 1
    assert Path(printed.strip()).is_file()
    assert printed.startswith(str(folder))


def test_an_adopted_database_keeps_rows_and_structure_and_is_left_as_it_is(
    tenantdb: Command, folder: Path
) -> None:
    old = make_old(folder / "old.db")
    before = old.read_bytes()
    said = tenantdb("tenant", "adopt", "old.db", "--id", "acme")
    assert said.code == 0
    assert "Found 2 tables, 1 view, 1 trigger" in said.out
    assert old.read_bytes() == before
    db = get_tenant_db("acme")
    db.execute("INSERT INTO users(email) VALUES ('c@d.example')")
    assert db.query("SELECT id, email FROM users") == [(1, "a@b.example"), (2, "c@d.example")]
    assert db.query("SELECT what FROM log") == [("a@b.example",), ("c@d.example",)]


def test_an_adopted_tenant_knows_the_schema_that_was_found(tenantdb: Command, folder: Path) -> None:
    old = make_old(folder / "old.db")
    adopted = tenantdb("tenant", "adopt", "old.db", "--id", "acme", "--json").document
    assert adopted["found"] == {"tables": 2, "views": 1, "triggers": 1, "virtual_tables": 0}
    assert tenantdb("schema", "hash", str(old)).out.strip() == adopted["schema"]
    assert get_tenant_db("acme").query("SELECT schema_hash FROM _tenantdb_control") == [(adopted["schema"],)]


def test_a_log_that_a_crash_left_is_adopted_and_left_as_it_is(tenantdb: Command, folder: Path) -> None:
    live = apsw.Connection(str(folder / "live.db"))
    live.pragma("journal_mode", "wal")
    live.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    for name in ("live.db", "live.db-wal"):
        shutil.copy(folder / name, folder / name.replace("live", "old"))
    before = {path.name: path.read_bytes() for path in folder.glob("old.db*")}
    assert tenantdb("tenant", "adopt", "old.db", "--id", "acme").code == 0
    assert get_tenant_db("acme").query("SELECT x FROM t") == [(1,)]
    after = {path.name: path.read_bytes() for path in folder.glob("old.db*")}
    assert {name: after[name] for name in before} == before


def test_adopting_leaves_nothing_beside_the_database(tenantdb: Command, folder: Path) -> None:
    conn = apsw.Connection(str(folder / "old.db"))
    conn.pragma("journal_mode", "wal")
    conn.execute("CREATE TABLE t(x)")
    conn.close()
    tenantdb("tenant", "adopt", "old.db", "--id", "acme")
    assert [path.name for path in folder.glob("old.db*")] == ["old.db"]


def test_what_is_in_the_log_of_a_database_that_is_open_is_adopted_too(
    tenantdb: Command, folder: Path
) -> None:
    old = apsw.Connection(str(folder / "live.db"))
    old.pragma("journal_mode", "wal")
    old.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)")
    assert tenantdb("tenant", "adopt", "live.db", "--id", "acme").code == 0
    assert get_tenant_db("acme").query("SELECT x FROM t") == [(1,)]
    old.execute("INSERT INTO t VALUES (2)")
    assert get_tenant_db("acme").query("SELECT x FROM t") == [(1,)]


def test_a_file_that_is_a_tenant_s_home_is_not_adopted_but_a_copy_of_it_is(
    tenantdb: Command, folder: Path
) -> None:
    path = Path(tenantdb("tenant", "create", "acme", "--json").document["path"])
    (folder / "link.db").symlink_to(path)
    for given in (str(path), "link.db"):
        said = tenantdb("tenant", "adopt", given, "--id", "other")
        assert said.code == 2
        assert "it is the file of tenant 'acme'; adopt a copy of it" in said.err
    (folder / "copy.db").write_bytes(path.read_bytes())
    assert tenantdb("tenant", "adopt", "copy.db", "--id", "other").code == 0
    assert get_tenant_db("other").query("SELECT tenant, state FROM _tenantdb_control") == [("other", "open")]


@pytest.mark.parametrize("content", [b"hello", b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_refused(tenantdb: Command, folder: Path, content: bytes) -> None:
    (folder / "junk.db").write_bytes(content)
    said = tenantdb("tenant", "adopt", "junk.db", "--id", "acme")
    assert said.code == 2
    assert "junk.db" in said.err
    assert tenantdb("tenant", "show", "acme").code == 2


def test_a_damaged_database_is_refused_and_leaves_nothing(tenantdb: Command, folder: Path) -> None:
    conn = apsw.Connection(str(folder / "old.db"))
    conn.execute("CREATE TABLE t(x); CREATE INDEX i ON t(x)")
    with conn:
        conn.executemany("INSERT INTO t VALUES (?)", [(str(number) * 50,) for number in range(2000)])
    conn.close()
    whole = bytearray((folder / "old.db").read_bytes())
    whole[4096 * 20 : 4096 * 30] = b"\xff" * 4096 * 10
    (folder / "old.db").write_bytes(whole)
    said = tenantdb("tenant", "adopt", "old.db", "--id", "acme")
    assert said.code == 2
    assert "old.db can't be adopted" in said.err
    assert home_files(folder) == set()
    assert tenantdb("tenant", "create", "acme").code == 0


def test_a_file_that_is_not_there_is_named(tenantdb: Command) -> None:
    said = tenantdb("tenant", "adopt", "nowhere.db", "--id", "acme", "--json")
    assert said.code == 2
    assert "nowhere.db" in said.document["error"]["message"]


def test_deleting_takes_a_yes_where_nobody_can_be_asked(tenantdb: Command) -> None:
    tenantdb("tenant", "create", "acme")
    said = tenantdb("tenant", "delete", "acme")
    assert said.code == 2
    assert "--yes" in said.err
    assert tenantdb("tenant", "show", "acme").code == 0


def test_a_deleted_tenant_is_gone_and_its_file_takes_no_writes(tenantdb: Command) -> None:
    path = tenantdb("tenant", "create", "acme", "--json").document["path"]
    said = tenantdb("tenant", "delete", "acme", "--yes")
    assert said.code == 0
    assert f"tenantdb tenant adopt {path} --id acme" in said.out
    assert tenantdb("tenant", "show", "acme").code == 2
    assert tenantdb("tenant", "list", "--json").document == []
    with pytest.raises(apsw.ReadOnlyError):
        apsw.Connection(path).execute("CREATE TABLE t(x)")


def test_a_deleted_id_is_free_and_its_path_is_never_used_again(tenantdb: Command) -> None:
    first = tenantdb("tenant", "create", "acme", "--json").document
    tenantdb("tenant", "delete", "acme", "--yes")
    second = tenantdb("tenant", "create", "acme", "--json").document
    assert (second["generation"], second["epoch"]) == (2, 2)
    assert second["path"] != first["path"]
    assert Path(first["path"]).is_file()


def test_a_handle_from_before_the_deletion_finds_the_new_tenant(tenantdb: Command, folder: Path) -> None:
    make_old(folder / "old.db")
    tenantdb("tenant", "adopt", "old.db", "--id", "acme")
    db = get_tenant_db("acme")
    assert db.query("SELECT count(*) FROM users") == [(1,)]
    tenantdb("tenant", "delete", "acme", "--yes")
    tenantdb("tenant", "create", "acme")
    assert get_tenant_db("acme").query("SELECT count(*) FROM sqlite_schema WHERE name = 'users'") == [(0,)]


def test_what_was_deleted_comes_back_by_the_command_that_was_printed(tenantdb: Command, folder: Path) -> None:
    make_old(folder / "old.db")
    tenantdb("tenant", "adopt", "old.db", "--id", "acme")
    printed = tenantdb("tenant", "delete", "acme", "--yes").out.splitlines()[-1].split()
    assert printed[0] == "tenantdb"
    assert tenantdb(*printed[1:]).code == 0
    db = get_tenant_db("acme")
    db.execute("INSERT INTO users(email) VALUES ('c@d.example')")
    assert db.query("SELECT count(*) FROM users") == [(2,)]


def test_a_tenant_whose_file_is_lost_can_be_deleted(tenantdb: Command) -> None:
    made = tenantdb("tenant", "create", "acme", "--json").document
    Path(made["path"]).unlink()
    assert tenantdb("tenant", "list", "--json").document[0]["size"] is None
    assert "not there" in tenantdb("tenant", "list").out
    assert tenantdb("tenant", "delete", "acme", "--yes").code == 0
    assert tenantdb("tenant", "create", "acme").code == 0


def test_a_tenant_on_a_disk_that_is_away_is_not_deleted(tenantdb: Command, folder: Path) -> None:
    tenantdb("server", "add", "eu", "file:eu")
    tenantdb("tenant", "create", "acme", "--server", "eu")
    (folder / "eu").rename(folder / "away")
    said = tenantdb("tenant", "delete", "acme", "--yes")
    assert said.code == 2
    assert "is not there; bring it back first" in said.err
    (folder / "away").rename(folder / "eu")
    assert get_tenant_db("acme").query("SELECT state FROM _tenantdb_control") == [("open",)]
    tenantdb("recover")
    assert tenantdb("doctor").code == 0
    assert tenantdb("tenant", "delete", "acme", "--yes").code == 0


def test_a_link_in_place_of_a_tenant_s_folder_is_not_followed(tenantdb: Command, folder: Path) -> None:
    path = Path(tenantdb("tenant", "create", "acme", "--json").document["path"])
    path.parent.rename(folder / "elsewhere")
    path.parent.symlink_to(folder / "elsewhere")
    for words in (("shell", "acme", "SELECT 1"), ("delete", "acme", "--yes")):
        said = tenantdb("tenant", *words)
        assert said.code == 1
        assert "symbolic link" in said.err


def test_a_damaged_tenant_is_named_and_the_others_work(tenantdb: Command) -> None:
    path = Path(tenantdb("tenant", "create", "bad", "--json").document["path"])
    tenantdb("tenant", "create", "good")
    path.write_bytes(b"not a database" * 1000)
    said = tenantdb("tenant", "shell", "bad", "SELECT 1", "--json")
    assert said.code == 1
    assert said.document["error"]["type"] == "TenantDamaged"
    assert tenantdb("tenant", "shell", "good", "SELECT 1").out == "1\n"
    assert len(tenantdb("tenant", "list", "--json").document) == 2


def test_nothing_is_left_for_the_doctor(tenantdb: Command, folder: Path) -> None:
    make_old(folder / "old.db")
    tenantdb("tenant", "create", "a")
    tenantdb("tenant", "adopt", "old.db", "--id", "b")
    tenantdb("tenant", "create", "c")
    tenantdb("tenant", "delete", "c", "--yes")
    assert tenantdb("doctor").code == 0
    assert json.loads(tenantdb("recover", "--json").out)["complete"] is True
