"""SQLAlchemy on connections of APSW that somebody else keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tenantdb.dialect import add_functions, lend

if TYPE_CHECKING:
    from collections.abc import Iterator


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@pytest.fixture
def raw() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)")
    yield connection
    connection.close()


def names(raw: apsw.Connection) -> list[str]:
    return [name for (name,) in raw.execute("SELECT name FROM users ORDER BY id")]


def test_it_commits_at_the_end_of_the_block(raw: apsw.Connection) -> None:
    with lend(raw) as conn, conn.begin():
        conn.execute(sa.insert(User), {"name": "x"})
    assert names(raw) == ["x"]
    assert not raw.in_transaction


def test_it_rolls_back_on_an_error(raw: apsw.Connection) -> None:
    with pytest.raises(sa.exc.OperationalError), lend(raw) as conn, conn.begin():
        conn.execute(sa.insert(User), {"name": "x"}).connection.execute(sa.text("nonsense"))
    assert names(raw) == []


def test_what_was_not_committed_is_gone_after_the_block(raw: apsw.Connection) -> None:
    with lend(raw) as conn:
        conn.execute(sa.insert(User), {"name": "x"})
    assert names(raw) == []


def test_a_transaction_that_is_open_is_joined(raw: apsw.Connection) -> None:
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("INSERT INTO users(name) VALUES ('before')")
    with lend(raw) as conn, conn.begin():
        assert conn.scalar(sa.select(User.name)) == "before"
        conn.execute(sa.insert(User), {"name": "x"})
    assert names(raw) == ["before", "x"]


def test_nothing_follows_a_commit_inside_the_block(raw: apsw.Connection) -> None:
    with lend(raw) as conn, conn.begin():
        conn.execute(sa.insert(User), {"name": "x"})
        conn.commit()
        with pytest.raises(sa.exc.InvalidRequestError, match="closed transaction"):
            conn.execute(sa.insert(User), {"name": "y"})
    assert names(raw) == ["x"]


def test_the_connection_stays_its_keepers(raw: apsw.Connection) -> None:
    with lend(raw) as conn:
        conn.execute(sa.select(User.id))
    with pytest.raises(sa.exc.ResourceClosedError):
        conn.execute(sa.select(User.id))
    assert names(raw) == []


def test_a_session_works_on_it(raw: apsw.Connection) -> None:
    with lend(raw) as conn, conn.begin(), Session(conn) as session:
        session.add(User(name="x"))
        session.flush()
        with session.begin_nested() as nested:
            session.add(User(name="y"))
            session.flush()
            nested.rollback()
    assert names(raw) == ["x"]


def test_all_files_share_the_compiled_statements(raw: apsw.Connection) -> None:
    other = apsw.Connection(":memory:")
    other.execute("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)")
    with lend(raw) as one, lend(other) as two:
        assert one.engine is two.engine
        assert one.execute(sa.select(User.id)).all() == two.execute(sa.select(User.id)).all() == []
    other.close()


def test_its_engine_opens_nothing_else(raw: apsw.Connection) -> None:
    with (
        lend(raw) as conn,
        pytest.raises(sa.exc.InvalidRequestError, match="use the connection that was lent"),
    ):
        conn.engine.connect()


def test_a_connection_that_its_keeper_closed_is_known_as_lost() -> None:
    raw = apsw.Connection(":memory:")
    with lend(raw) as conn:
        raw.close()
        with pytest.raises(sa.exc.DBAPIError) as caught:
            conn.execute(sa.text("SELECT 1"))
        assert caught.value.connection_invalidated


def test_it_shows_what_pools_show(raw: apsw.Connection) -> None:
    with lend(raw) as conn:
        conn.info["note"] = 1
        assert conn.info == {"note": 1}
        assert conn.connection.driver_connection is raw
        assert conn.connection.is_valid
        assert sa.inspect(conn).get_table_names() == ["users"]


def test_functions_are_given_by_the_keeper(raw: apsw.Connection) -> None:
    add_functions(raw)
    with lend(raw) as conn:
        assert conn.scalar(sa.select(sa.literal("abc").regexp_match("b")))
