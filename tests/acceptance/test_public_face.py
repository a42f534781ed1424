"""The application's side as an outsider meets it: a home made by commands, then public names alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import exc, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import tenantdb
from tenantdb import get_tenant_db

SCHEMA = {"Users": {"id": "INTEGER PRIMARY KEY", "email": "TEXT NOT NULL UNIQUE", "role": "TEXT"}}
COUNT = "select count(*) from Users"
INSERT = "insert into Users(email) values (?)"
SPARE = 60

COMMANDS = """
import contextlib, json, sys
from tenantdb.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["tenantdb", *words]
    with contextlib.suppress(SystemExit):
        main()
"""


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "Users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]


def run(code, *arguments, **environment):
    """What a Python process of its own prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,  # its words come with the failure
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commands(home, *lines):
    run(COMMANDS, json.dumps(lines), TENANTDB_HOME=str(home))


@pytest.fixture(scope="module")
def spare(tmp_path_factory):
    """A home with many tenants, one for each test."""
    folder = tmp_path_factory.mktemp("face")
    schema = folder / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    names = [f"t{number}" for number in range(SPARE)]
    lines = [["init", "--schema", str(schema)], *(["tenant", "create", name] for name in names)]
    commands(folder / "home", *lines)
    return folder / "home", iter(names)


@pytest.fixture
def home(spare, monkeypatch):
    monkeypatch.setenv("TENANTDB_HOME", str(spare[0]))
    return spare[0]


@pytest.fixture
def tenant(home, spare):
    return next(spare[1])


@pytest.fixture
def db(tenant):
    return get_tenant_db(tenant)


def files(home):
    return sorted(path for path in home.rglob("*") if not path.name.endswith(("-wal", "-shm")))


# Ids


def created(home, *ids):
    commands(home, *(["tenant", "create", "--", each] for each in ids))


def test_a_number_and_its_digits_are_one_tenant_and_leading_zeros_another(home):
    created(home, "42")
    get_tenant_db(42).execute(INSERT, ("a@x",))
    assert get_tenant_db("42").query(COUNT) == [(1,)]
    with pytest.raises(tenantdb.TenantNotFound):
        get_tenant_db("042")


def test_normal_forms_are_one_tenant_and_cases_are_two(home):
    created(home, "cafe\u0301", "Acme", "acme")
    get_tenant_db("caf\u00e9").execute(INSERT, ("a@x",))
    assert get_tenant_db("cafe\u0301").query(COUNT) == [(1,)]
    get_tenant_db("Acme").execute(INSERT, ("a@x",))
    assert get_tenant_db("acme").query(COUNT) == [(0,)]


ODD = (
    "../../etc/passwd",
    "ann@example.org",
    " outer spaces ",
    "💥",
    "--help",
    "a/b",
    ".",
    "x" * 128,
    "\u2028",
)


def test_anything_else_may_be_an_id_and_its_file_stays_in_the_home(home):
    before = set(home.rglob("*.db"))
    created(home, *ODD)
    for each in ODD:
        get_tenant_db(each).execute(INSERT, (each,))
    for each in ODD:
        assert get_tenant_db(each).query("select email from Users") == [(each,)]
    assert len(set(home.rglob("*.db")) - before) == len(ODD)


@pytest.mark.parametrize(
    "given", ["", "a\x00b", "a\nb", "\x7f", "\x85", "\ud800", "x" * 129, True, None, 1.0, b"acme", ("a",)]
)
def test_what_is_no_id_is_refused_with_the_reason(home, given):
    with pytest.raises(tenantdb.InvalidTenantId) as refused:
        get_tenant_db(given)
    assert refused.value.given is given
    assert refused.value.reason
    assert not refused.value.retryable


def test_an_unknown_id_is_an_error_and_makes_nothing(home):
    before = files(home)
    for given in ("nobody", 7, "../nobody", "t0 "):
        with pytest.raises(tenantdb.TenantNotFound) as refused:
            get_tenant_db(given)
        assert refused.value.tenant == str(given)
    assert files(home) == before


# Errors


def test_errors_are_one_tree_and_say_whether_trying_again_helps():
    retryable = {"CatalogUnavailable", "TenantBusy", "TenantReadOnly"}
    found = {
        name: error
        for name, error in ((name, getattr(tenantdb, name)) for name in tenantdb.__all__)
        if isinstance(error, type) and issubclass(error, Exception)
    }
    assert all(issubclass(error, tenantdb.TenantDBError) for error in found.values())
    assert {name for name, error in found.items() if error.retryable} == retryable
    promised = {
        "TenantNotFound",
        "InvalidTenantId",
        "NotInitialised",
        "TenantElsewhere",
        "ReadOnly",
        "SchemaBehind",
    }
    assert promised | {"SchemaAhead", "TenantDamaged"} | retryable <= found.keys()


def test_a_place_without_a_home_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TENANTDB_HOME", "nowhere")
    with pytest.raises(tenantdb.NotInitialised, match=str(tmp_path / "nowhere")):
        get_tenant_db("acme")
    assert list(tmp_path.iterdir()) == []


# read, write, session


def test_read_is_one_consistent_snapshot(db):
    with db.read() as conn:
        assert conn.execute(text(COUNT)).scalar() == 0
        db.execute(INSERT, ("a@x",))
        assert conn.execute(text(COUNT)).scalar() == 0
    with db.read() as conn:
        assert conn.execute(text(COUNT)).scalar() == 1


@pytest.mark.parametrize(
    "sql", ["insert into Users(email) values ('a')", "delete from Users", "update Users set role = 1"]
)
def test_a_write_in_read_raises_read_only_unwrapped(db, sql):
    with pytest.raises(tenantdb.ReadOnly) as refused, db.read() as conn:
        conn.execute(text(sql))
    assert type(refused.value) is tenantdb.ReadOnly
    assert not refused.value.retryable
    with pytest.raises(tenantdb.ReadOnly):
        db.query(sql)
    assert db.execute(INSERT, ("still usable",)) == 1


def test_write_commits_at_the_end(db):
    with db.write() as conn:
        conn.execute(text("insert into Users(email) values (:e)"), {"e": "a@b.c"})
        assert db.query(COUNT) == [(0,)]
    assert db.query("select email from Users") == [("a@b.c",)]


@pytest.mark.parametrize("block", ["write", "session"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_any_error_rolls_back(db, block, error):
    with pytest.raises(error), getattr(db, block)() as conn:  # noqa: PT012 - the block is what is tested
        conn.execute(text("insert into Users(email) values ('a@x')"))
        raise error
    assert db.query(COUNT) == [(0,)]
    assert db.execute(INSERT, ("b@x",)) == 1


def test_a_session_is_a_write_transaction(db):
    with db.session() as session:
        session.add(User(email="a@b.c"))
    with pytest.raises(exc.IntegrityError), db.session() as session:
        session.add_all([User(email="new@b.c"), User(email="a@b.c")])
    assert db.query("select id, email from Users") == [(1, "a@b.c")]


def test_another_process_sees_no_half_of_a_write(db, tenant):
    count = f"from tenantdb import get_tenant_db; print(get_tenant_db({tenant!r}).query({COUNT!r}))"
    with db.write() as conn:
        conn.execute(text("insert into Users(email) values ('a'), ('b')"))
        assert run(count) == "[(0,)]"
    assert run(count) == "[(2,)]"


# query and execute


def test_query_gives_a_list_of_tuples(db):
    db.execute(INSERT, ("a@x",))
    rows = db.query("select id, email, role from Users where id = ?", (1,))
    assert rows == [(1, "a@x", None)]
    assert (type(rows), type(rows[0])) == (list, tuple)
    assert db.query("select * from Users where id = 2") == []


def test_execute_gives_the_row_count(db):
    assert db.execute("insert into Users(email) values ('a'), ('b'), ('c')") == 3
    assert db.execute("update Users set role = ? where id > ?", ("x", 1)) == 2
    assert db.execute("delete from Users where id = 99") == 0


def test_execute_is_one_transaction_of_its_own(db):
    db.execute(INSERT, ("a",))
    with pytest.raises(Exception, match="UNIQUE"):
        db.execute("insert into Users(email) values ('b'), ('a')")
    assert db.query(COUNT) == [(1,)]


@pytest.mark.parametrize(
    "sql", ["select 1; select 2", "insert into Users(email) values ('a'); delete from Users"]
)
def test_execute_and_query_take_one_statement(db, sql):
    for call in (db.query, db.execute):
        with pytest.raises(Exception, match="one statement"):
            call(sql)
    assert db.query(COUNT) == [(0,)]


# A write inside a write


def enter(block):
    with block:
        pass


@pytest.mark.parametrize("outer", ["write", "session"])
@pytest.mark.parametrize("inner", ["write", "session", "execute"])
def test_a_write_inside_ones_own_write_raises_at_once(tenant, outer, inner):
    db, again = get_tenant_db(tenant), get_tenant_db(tenant)
    with getattr(db, outer)() as conn:
        with pytest.raises(tenantdb.NestedWrite) as refused:
            again.execute(INSERT, ("b",)) if inner == "execute" else enter(getattr(again, inner)())
        assert refused.value.tenant == tenant
        conn.execute(text("insert into Users(email) values ('a')"))
        with again.read() as reader:
            assert reader.execute(text(COUNT)).scalar() == 0
    assert db.query("select email from Users") == [("a",)]


def test_another_thread_waits_instead_and_is_told_when_it_took_too_long(tenant, home):
    code = f"""
import threading
from tenantdb import TenantBusy, get_tenant_db
db = get_tenant_db({tenant!r})
said = []
def write():
    try:
        db.execute("delete from Users")
    except TenantBusy as error:
        said.append((error.tenant, error.retryable))
with db.write():
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
print(said, db.execute("delete from Users"))
"""
    assert run(code, TENANTDB_WRITE_WAIT="0.1") == f"[('{tenant}', True)] 0"


def test_a_writer_that_waits_gets_its_turn(db, tenant):
    done = []
    with db.write() as conn:
        conn.execute(text("insert into Users(email) values ('first')"))
        thread = threading.Thread(
            target=lambda: done.append(get_tenant_db(tenant).execute(INSERT, ("second",)))
        )
        thread.start()
        thread.join(0.05)
        assert done == []
    thread.join()
    assert done == [1]
    assert db.query(COUNT) == [(2,)]


# Processes


FORK = """
import os, sys
from sqlalchemy import text
import tenantdb
db = tenantdb.get_tenant_db(sys.argv[1])
db.execute("insert into Users(email) values ('before')")
"""


def test_a_process_that_forks_keeps_working_on_both_sides(db, tenant):
    code = """
pid = os.fork()
db.execute("insert into Users(email) values (?)", ("child" if pid == 0 else "parent",))
if pid == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(db.query("select count(*) from Users")[0][0])
"""
    assert run(FORK + code, tenant) == "3"
    assert sorted(db.query("select email from Users")) == [("before",), ("child",), ("parent",)]


def test_a_child_forked_inside_a_write_is_told_at_its_first_call(db, tenant):
    code = """
with db.write() as conn:
    conn.execute(text("insert into Users(email) values ('parent')"))
    pid = os.fork()
    if pid == 0:
        try:
            db.query("select 1")
        except tenantdb.ForkedInTransaction:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    conn.execute(text("insert into Users(email) values ('parent again')"))
db.execute("insert into Users(email) values ('after')")
"""
    run(FORK + code, tenant)
    assert [email for (email,) in db.query("select email from Users order by id")] == [
        "before",
        "parent",
        "parent again",
        "after",
    ]


# What applications may not do


@pytest.mark.parametrize(
    "sql",
    [
        "create table n(x)",
        "drop table Users",
        "alter table Users add column n",
        "create index i on Users(role)",
        "create view v as select 1",
    ],
)
def test_ddl_is_refused_and_points_to_rollout(db, sql):
    with pytest.raises(tenantdb.TenantDBError, match="rollout"):
        db.execute(sql)
    for block in (db.write, db.session):
        with pytest.raises(tenantdb.TenantDBError, match="rollout"), block() as conn:
            conn.execute(text(sql))


def test_temp_objects_are_fine(db):
    db.execute(INSERT, ("a",))
    for block in (db.read, db.write, db.session):
        with block() as conn:
            conn.execute(text("create temp table picked as select id from Users"))
            conn.execute(text("create temp view v as select * from picked"))
            assert conn.execute(text("select count(*) from v")).scalar() == 1


@pytest.mark.parametrize(
    "sql",
    [
        "update _tenantdb_control set state = 'retired'",
        "delete from _tenantdb_control",
        "insert into _tenantdb_control(id) values (2)",
        "attach ':memory:' as other",
        "pragma journal_mode = delete",
        "pragma foreign_keys = off",
        "begin",
        "commit",
        "rollback",
    ],
)
def test_the_platforms_own_tables_and_settings_are_closed(db, sql):
    with pytest.raises(tenantdb.TenantDBError), db.write() as conn:
        conn.execute(text(sql))
    with pytest.raises(tenantdb.TenantDBError):
        db.execute(sql)
    assert db.execute(INSERT, ("y",)) == 1


def test_a_temp_trigger_reaches_no_further(db):
    trigger = "create temp trigger x after insert on Users begin delete from _tenantdb_control; end"
    with db.write() as conn:
        conn.execute(text(trigger))
        with pytest.raises(tenantdb.TenantDBError):
            conn.execute(text("insert into Users(email) values ('x')"))
    assert db.query("select count(*) from _tenantdb_control") == [(1,)]


# Settings


WHERE = "from tenantdb import get_tenant_db; print(get_tenant_db({tenant!r}).query('select 1'))"


@pytest.mark.parametrize("source", [".env", "tenantdb.toml"])
def test_the_home_may_stand_in_a_file_of_the_working_folder(spare, tenant, tmp_path, monkeypatch, source):
    monkeypatch.delenv("TENANTDB_HOME")
    monkeypatch.chdir(tmp_path)
    line = f'TENANTDB_HOME="{spare[0]}"' if source == ".env" else f'home = "{spare[0]}"'
    Path(source).write_text(line + "\n")
    assert run(WHERE.format(tenant=tenant)) == "[(1,)]"


def test_the_environment_wins_over_files(home, tenant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("TENANTDB_HOME=/nowhere\n")
    Path("tenantdb.toml").write_text('home = "/nowhere/either"\n')
    assert run(WHERE.format(tenant=tenant)) == "[(1,)]"


def test_extensions_give_applications_functions_and_collations(home, tenant, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "def register(conn):\n"
        "    conn.create_scalar_function('twice', lambda x: 2 * x, 1, deterministic=True)\n"
        "    conn.create_collation('reversed', lambda a, b: (a < b) - (a > b))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = f"""
from tenantdb import get_tenant_db
db = get_tenant_db({tenant!r})
print(db.query("select twice(21)"), db.query("select 'a' < 'b' collate reversed"))
"""
    assert run(code, TENANTDB_EXTENSIONS="mine:register") == "[(42,)] [(0,)]"


def test_a_tenant_of_a_folder_server_is_here_whatever_server_this_is(home, tenant):
    assert run(WHERE.format(tenant=tenant), TENANTDB_SERVER="another") == "[(1,)]"


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
def test_durability_says_how_writers_sync(home, tenant, durability, level):
    code = f"""
from sqlalchemy import text
from tenantdb import get_tenant_db
with get_tenant_db({tenant!r}).write() as conn:
    print(conn.execute(text("pragma synchronous")).scalar())
"""
    assert run(code, TENANTDB_DURABILITY=durability) == str(level)


def test_importing_sets_up_no_logging_of_its_own(home, tenant):
    code = f"""
import logging
from tenantdb import get_tenant_db
get_tenant_db({tenant!r}).query("select 1")
print(logging.getLogger().handlers, [type(h).__name__ for h in logging.getLogger("tenantdb").handlers])
"""
    assert run(code) in ("[] []", "[] ['NullHandler']")


# Life goes on elsewhere


def test_a_handle_follows_its_tenant_to_another_server_and_sees_no_error(home, tenant, db, tmp_path):
    db.execute(INSERT, ("before",))
    commands(
        home,
        ["server", "add", "other", f"file:{tmp_path}/other"],
        ["tenant", "move", tenant, "--to", "other"],
    )
    assert db.query("select email from Users") == [("before",)]
    assert db.execute(INSERT, ("after",)) == 1
    assert list(tmp_path.rglob("*.db")) != []


def test_a_deleted_tenant_is_not_found_by_old_handles_either(home, tenant, db):
    db.execute(INSERT, ("a",))
    commands(home, ["tenant", "delete", tenant, "--yes"])
    for call in (lambda: db.query(COUNT), lambda: db.execute(INSERT, ("b",)), lambda: get_tenant_db(tenant)):
        with pytest.raises(tenantdb.TenantNotFound):
            call()
