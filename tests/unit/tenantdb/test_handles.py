from __future__ import annotations

import threading

import pytest
from sqlalchemy import exc, inspect, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from migrations_engine import sqlite
from tenantdb import get_tenant_db
from tenantdb.dialect import errors
from tenantdb.errors import Forbidden, NestedWrite, ReadOnly, TenantBusy, TenantDamaged

COUNT = "SELECT count(*) FROM Users"
INSERT = "INSERT INTO Users(email) VALUES ('b')"


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "Users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]


@pytest.fixture
def db(fleet):
    fleet.create("acme")
    return get_tenant_db("acme")


def insert_and_fail(conn):
    conn.execute(text(INSERT))
    _ = 1 / 0


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("TENANTDB_WRITE_WAIT", "0.05")


# Reading


def test_read_gives_a_connection_of_sqlalchemy(db):
    with db.read() as conn:
        assert conn.execute(text("SELECT id, email FROM Users")).all() == [(1, "ann@x.org")]


def test_read_is_one_consistent_state(db):
    with db.read() as conn:
        before = conn.execute(text(COUNT)).scalar()
        db.execute(INSERT)
        assert conn.execute(text(COUNT)).scalar() == before
    assert db.query(COUNT) == [(2,)]


@pytest.mark.parametrize("sql", [INSERT, "UPDATE Users SET role = 'x'", "DELETE FROM Users WHERE 0"])
def test_a_write_in_read_or_query_is_misuse(db, sql):
    with pytest.raises(ReadOnly), db.read() as conn:
        conn.execute(text(sql))
    with pytest.raises(ReadOnly):
        db.query(sql)
    assert db.query(COUNT) == [(1,)]


def test_temp_objects_of_a_block_are_gone_after_it(db):
    for block in (db.read, db.write):
        with block() as conn:
            conn.execute(text("CREATE TEMP TABLE Users AS SELECT 7 AS id"))
            assert conn.execute(text("SELECT id FROM Users")).scalar() == 7
        assert db.query("SELECT id FROM Users") == [(1,)]
        with block() as conn:
            assert conn.execute(text("SELECT id FROM Users")).scalar() == 1


def test_a_result_that_was_not_read_to_its_end_keeps_no_old_state(db):
    with db.read() as conn:
        kept = conn.execute(text("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"))
        kept.fetchone()
    db.execute(INSERT)
    assert db.query(COUNT) == [(2,)]
    with db.read() as conn:
        assert conn.execute(text(COUNT)).scalar() == 2
    del kept


def test_sqlalchemy_can_reflect_and_match_regular_expressions(db):
    with db.read() as conn:
        columns = inspect(conn).get_columns("Users")
        assert [column["name"] for column in columns] == ["id", "email", "role"]
        matching = select(User.id).where(User.email.regexp_match("^ann@"))
        assert conn.execute(matching).all() == [(1,)]


# The fast path


def test_query_takes_positions_and_names(db):
    assert db.query("SELECT email FROM Users WHERE id = ?", (1,)) == [("ann@x.org",)]
    assert db.query("SELECT email FROM Users WHERE id = :id", {"id": 1}) == [("ann@x.org",)]
    assert db.query("SELECT email FROM Users WHERE id = 99") == []


def test_query_sees_each_commit_at_once(db):
    for number in range(2, 6):
        db.execute(INSERT)
        assert db.query(COUNT) == [(number,)]
        assert db.query(COUNT) == [(number,)]


def test_one_trailing_semicolon_is_fine_and_a_second_statement_is_not(db):
    assert db.query("SELECT ';';") == [(";",)]
    assert db.execute(f"{INSERT}; -- done") == 1
    for call in (db.query, db.execute):
        with pytest.raises(errors.ProgrammingError, match="one statement at a time"):
            call("SELECT 1; SELECT 2")
    with pytest.raises(errors.ProgrammingError):
        db.execute(f"{INSERT}; DELETE FROM Users")
    assert db.query(COUNT) == [(2,)]


@pytest.mark.parametrize("call", ["query", "execute"])
def test_errors_of_sql_are_those_of_pep_249_and_leave_the_handle_usable(db, call):
    for _ in range(2):
        with pytest.raises(errors.OperationalError, match="no such table"):
            getattr(db, call)("SELECT * FROM nowhere")
        with pytest.raises(errors.ProgrammingError):
            getattr(db, call)("SELECT ?", (1, 2))
        assert db.query(COUNT) == [(1,)]
    assert db.execute(INSERT) == 1


def test_execute_counts_rows(db):
    assert db.execute("INSERT INTO Users(email) VALUES ('b'), ('c')") == 2
    assert db.execute("UPDATE Users SET role = ? WHERE id > ?", ("x", 1)) == 2
    assert db.execute("DELETE FROM Users WHERE id = 99") == 0
    assert db.execute("SELECT * FROM Users") == 0
    assert db.execute("INSERT INTO Users(email) VALUES ('d'), ('e') RETURNING id") == 2


def test_execute_that_fails_at_its_commit_says_so_and_changes_nothing(fleet):
    fleet.create(
        "deferred",
        "CREATE TABLE p(id INTEGER PRIMARY KEY)",
        "CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    )
    db = get_tenant_db("deferred")
    with pytest.raises(errors.IntegrityError, match="FOREIGN KEY"):
        db.execute("INSERT INTO c VALUES (1)")
    assert db.query("SELECT * FROM c") == []
    assert db.execute("INSERT INTO p VALUES (1)") == 1


def test_execute_that_fails_changes_nothing(db):
    with pytest.raises(errors.IntegrityError):
        db.execute("INSERT INTO Users(id) VALUES (2), (1)")
    assert db.query(COUNT) == [(1,)]


# Writing


def test_write_commits_at_its_end_and_rolls_back_on_error(db):
    with db.write() as conn:
        conn.execute(text("INSERT INTO Users(email) VALUES (:e)"), {"e": "b"})
        assert db.query(COUNT) == [(1,)]  # query() sees the state before
    assert db.query(COUNT) == [(2,)]
    with pytest.raises(ZeroDivisionError), db.write() as conn:
        insert_and_fail(conn)
    assert db.query(COUNT) == [(2,)]


def test_write_can_nest_savepoints(db):
    with db.write() as conn:
        with pytest.raises(ZeroDivisionError), conn.begin_nested():
            insert_and_fail(conn)
        with conn.begin_nested():
            conn.execute(text(INSERT))
    assert db.query(COUNT) == [(2,)]


def test_after_a_commit_within_the_block_nothing_more_runs(db):
    with db.write() as conn:
        conn.execute(text(INSERT))
        conn.commit()
        with pytest.raises(exc.InvalidRequestError):
            conn.execute(text(INSERT))
    assert db.query(COUNT) == [(2,)]


def test_session_is_the_orm_in_a_write_transaction(db):
    with db.session() as session:
        session.add(User(email="b"))
        found = session.get(User, 1)
    assert found.email == "ann@x.org"  # readable after the block
    assert db.query(COUNT) == [(2,)]
    with pytest.raises(ZeroDivisionError), db.session() as session:
        insert_and_fail(session)
    assert db.query(COUNT) == [(2,)]


def test_errors_of_sql_come_through_sqlalchemy_as_usual_and_ours_unwrapped(db):
    with pytest.raises(exc.IntegrityError), db.write() as conn:
        conn.execute(text("INSERT INTO Users(id) VALUES (1)"))
    with pytest.raises(Forbidden, match="rollout"), db.write() as conn:
        conn.execute(text("CREATE TABLE n(x)"))
    with pytest.raises(Forbidden), db.session() as session:
        session.execute(text("PRAGMA journal_mode = delete"))
    with pytest.raises(ReadOnly), db.read() as conn:
        conn.execute(User.__table__.insert(), {"email": "b"})


def test_a_transaction_that_sqlite_rolled_back_is_not_committed_in_halves(db):
    with db.write() as conn:
        conn.execute(text(INSERT))
        with pytest.raises(exc.IntegrityError):
            conn.execute(text("INSERT OR ROLLBACK INTO Users(id) VALUES (1)"))
        with pytest.raises(exc.OperationalError, match="rolled this transaction back"):
            conn.execute(text(INSERT))
        conn.rollback()
    assert db.query(COUNT) == [(1,)]


@pytest.mark.parametrize(
    "inner",
    [lambda db: db.execute(INSERT), lambda db: db.write().__enter__(), lambda db: db.session().__enter__()],
)
@pytest.mark.parametrize("outer", ["write", "session"])
def test_a_write_inside_ones_own_write_raises_at_once(db, outer, inner):
    with getattr(db, outer)():
        with pytest.raises(NestedWrite):
            inner(db)
        assert db.query(COUNT) == [(1,)]
    assert db.execute(INSERT) == 1


def test_a_write_to_another_tenant_may_nest(db, fleet):
    fleet.create("other")
    with db.write():
        assert get_tenant_db("other").execute(INSERT) == 1


def test_entering_waits_for_another_writer_no_longer_than_it_may(impatient, db, fleet):
    other = sqlite.connect(fleet.route("acme").path)
    other.execute("BEGIN IMMEDIATE")
    for call in (lambda: db.execute(INSERT), lambda: db.write().__enter__()):
        with pytest.raises(TenantBusy) as caught:
            call()
        assert caught.value.tenant == "acme"
    other.execute("COMMIT")
    other.close()
    assert db.execute(INSERT) == 1


def test_entering_waits_for_a_thread_of_the_same_process(impatient, db):
    caught = []

    def write():
        try:
            db.execute(INSERT)
        except TenantBusy as error:
            caught.append(error)

    with db.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(caught) == 1
    assert db.execute(INSERT) == 1


def test_a_writer_holds_back_while_an_operation_asks_for_it(impatient, db, fleet):
    marks = fleet.marks()
    marks.ask_to_yield("acme", seconds=60)
    with pytest.raises(TenantBusy, match="an operation"):
        db.execute(INSERT)
    marks.stop_asking("acme")
    assert db.execute(INSERT) == 1


def test_a_writer_goes_on_when_a_request_to_yield_lapses(db, fleet):
    fleet.marks().ask_to_yield("acme", seconds=0.05)
    assert db.execute(INSERT) == 1


def test_threads_read_and_write_one_tenant(db):
    def work():
        for _ in range(20):
            db.execute(INSERT)
            db.query(COUNT)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.query(COUNT) == [(81,)]


# Damage


def test_a_missing_file_is_damage_and_is_never_made(db, fleet):
    path = fleet.route("acme").path
    path.unlink()
    for call in (db.query, db.execute):
        with pytest.raises(TenantDamaged, match="missing"):
            call(COUNT)
    assert not path.exists()


def test_a_file_that_is_no_database_is_damage(db, fleet):
    fleet.route("acme").path.write_bytes(b"no database" * 500)
    for call in (db.query, db.execute):
        with pytest.raises(TenantDamaged, match="not a database"):
            call(COUNT)


def test_the_file_of_another_tenant_is_damage(db, fleet):
    other = fleet.create("other")
    path = fleet.route("acme").path
    path.unlink()
    path.hardlink_to(other)
    for call in (db.query, db.execute):
        with pytest.raises(TenantDamaged, match="the file of 'other'"):
            call(COUNT)


def test_damage_in_the_middle_of_a_file_is_named_too(fleet):
    path = fleet.create(
        "acme", "CREATE TABLE Users(email)", *["INSERT INTO Users VALUES (hex(randomblob(900)))"] * 50
    )
    with path.open("r+b") as file:
        file.seek(4096 * 10)
        file.write(b"\xff" * 4096 * 10)
    db = get_tenant_db("acme")
    with pytest.raises(TenantDamaged):
        db.query("SELECT sum(length(email)) FROM Users")
    with pytest.raises(TenantDamaged), db.read() as conn:
        conn.execute(text("SELECT sum(length(email)) FROM Users")).all()
