"""What SQLAlchemy gets from the dialect: URLs, pools, transactions, functions, the end of connections."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tenantdb.dialect import APSWDialect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, unique=True),
)


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Callable[..., sa.Engine]]:
    """Makes engines on one file that has the table, and disposes of them."""
    made: list[sa.Engine] = []

    def make(query: str = "", **options: Any) -> sa.Engine:
        made.append(sa.create_engine(f"sqlite+apsw:///{tmp_path}/file.db{query}", **options))
        return made[-1]

    metadata.create_all(make())
    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def engine(engines: Callable[..., sa.Engine]) -> sa.Engine:
    return engines()


def names(engine: sa.Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.scalars(sa.select(users.c.name).order_by(users.c.id)))


def test_it_is_sqlite_by_another_driver(engine: sa.Engine) -> None:
    assert (engine.dialect.name, engine.dialect.driver) == ("sqlite", "apsw")
    assert isinstance(engine.dialect, APSWDialect)


def test_it_needs_no_sqlite3_of_the_standard_library() -> None:
    code = (
        "import sys, tenantdb.dialect, sqlalchemy;"
        "sqlalchemy.create_engine('sqlite+apsw://').connect().close();"
        "sys.exit('sqlite3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ddl_is_part_of_a_transaction(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        conn.execute(users.insert(), {"name": "x"})
        conn.execute(sa.text("CREATE TABLE other(x)"))
        conn.rollback()
    assert names(engine) == []
    assert not sa.inspect(engine).has_table("other")


def test_savepoints_nest(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        conn.execute(users.insert(), {"name": "outer"})
        with conn.begin_nested():
            conn.execute(users.insert(), {"name": "inner"})
            lost = conn.begin_nested()
            conn.execute(users.insert(), {"name": "lost"})
            lost.rollback()
        with pytest.raises(sa.exc.IntegrityError), conn.begin_nested():
            conn.execute(users.insert(), {"name": "inner"})
    assert names(engine) == ["outer", "inner"]


def test_a_reader_keeps_its_snapshot(engine: sa.Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("PRAGMA journal_mode = wal")
    with engine.connect() as reader, engine.connect() as writer:
        assert reader.scalars(sa.select(users.c.name)).all() == []
        writer.execute(users.insert(), {"name": "x"})
        writer.commit()
        assert reader.scalars(sa.select(users.c.name)).all() == []
        reader.rollback()
        assert reader.scalars(sa.select(users.c.name)).all() == ["x"]


def holds_the_lock(conn: sa.Connection, other: sa.Engine) -> bool:
    """Whether a transaction that has done nothing yet keeps others from writing."""
    with conn.begin():
        try:
            with other.begin() as writer:
                writer.execute(users.insert(), {"name": "x"})
                writer.rollback()
        except sa.exc.OperationalError:
            return True
    return False


def test_transactions_begin_as_the_engine_says(engines: Callable[..., sa.Engine]) -> None:
    other = engines("?timeout=0")
    with engines().connect() as deferred, engines(begin="IMMEDIATE").connect() as immediate:
        assert not holds_the_lock(deferred, other)
        assert holds_the_lock(immediate, other)


def test_transactions_begin_as_the_execution_option_says(engines: Callable[..., sa.Engine]) -> None:
    engine, other = engines(), engines("?timeout=0")
    with engine.connect().execution_options(sqlite_begin="immediate") as conn:
        assert holds_the_lock(conn, other)
    with engine.connect() as conn:
        assert not holds_the_lock(conn, other)
    with engine.execution_options(sqlite_begin="immediate").connect() as conn:
        assert holds_the_lock(conn, other)


@pytest.mark.parametrize("level", ["SERIALIZABLE", "READ UNCOMMITTED", "AUTOCOMMIT"])
def test_the_isolation_level_is_what_was_set(engines: Callable[..., sa.Engine], level: Any) -> None:
    with engines(isolation_level=level).connect() as conn:
        assert conn.get_isolation_level() == level


def test_autocommit_is_for_one_checkout(engine: sa.Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(users.insert(), {"name": "kept"})
        conn.exec_driver_sql("VACUUM")
    with engine.connect() as conn:
        conn.execute(users.insert(), {"name": "lost"})
    assert names(engine) == ["kept"]


def lose(engine: sa.Engine) -> None:
    """Write in a transaction that SQLite rolls back, and go on as if nothing had happened."""
    with engine.begin() as conn:
        conn.execute(users.insert(), {"name": "x"})
        with pytest.raises(sa.exc.IntegrityError):
            conn.execute(users.insert().prefix_with("OR ROLLBACK"), {"name": "x"})


def test_a_transaction_that_sqlite_rolled_back_is_not_taken_for_done(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.OperationalError, match="rolled this transaction back"):
        lose(engine)
    assert names(engine) == []


def test_a_refused_change_tells_sqlites_code(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError) as caught, engine.begin() as conn:
        conn.execute(users.insert(), [{"name": "x"}, {"name": "x"}])
    assert getattr(caught.value.orig, "sqlite_errorcode", None) == 2067


def test_a_connection_that_somebody_closed_is_replaced(engines: Callable[..., sa.Engine]) -> None:
    engine = engines(pool_pre_ping=True)
    with engine.connect() as conn:
        conn.connection.driver_connection.raw.close()  # type: ignore[union-attr]
    assert names(engine) == []


def test_a_connection_that_is_closed_in_use_is_known_as_lost(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        conn.connection.driver_connection.raw.close()  # type: ignore[union-attr]
        with pytest.raises(sa.exc.DBAPIError) as caught:
            conn.execute(sa.select(users))
        assert caught.value.connection_invalidated
    assert names(engine) == []


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (sa.DateTime, dt.datetime(2026, 11, 22, 13, 37, 1, 5)),  # noqa: DTZ001 - SQLite keeps no zone
        (sa.Date, dt.date(1066, 10, 14)),
        (sa.Time, dt.time(23, 59, 59, 999999)),
        (sa.Boolean, True),
        (sa.JSON, {"a": [1, None, "é"]}),
        (sa.LargeBinary, b"\0\xff"),
        (sa.Uuid, uuid.UUID(int=7)),
        (sa.Interval, dt.timedelta(days=3, seconds=1)),
        (sa.Text, "\0 é 🙂"),
        (sa.BigInteger, -(2**63)),
        (sa.Float, 0.1),
    ],
)
def test_values_of_each_type_come_back(engine: sa.Engine, type_: Any, value: Any) -> None:
    table = sa.Table("v", sa.MetaData(), sa.Column("x", type_))
    with engine.begin() as conn:
        table.create(conn)
        conn.execute(table.insert(), {"x": value})
        assert conn.scalar(sa.select(table.c.x)) == value


@pytest.mark.filterwarnings("ignore:Dialect sqlite.apsw does .not. support Decimal")
def test_decimals_come_back_as_decimals(engine: sa.Engine) -> None:
    assert engine.connect().scalar(sa.select(sa.cast(Decimal("1.25"), sa.Numeric(10, 2)))) == Decimal("1.25")


def test_returning_gives_the_rows_of_many_inserts(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        result = conn.execute(users.insert().returning(users.c.name), [{"name": str(n)} for n in range(2500)])
        assert len(result.all()) == 2500


def test_regexp_match_finds_anywhere(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        assert conn.scalar(sa.select(sa.literal("abc").regexp_match("b.$")))
        assert not conn.scalar(sa.select(sa.literal("abc").regexp_match("^b")))
        assert conn.scalar(sa.select(sa.null().op("REGEXP")("b"))) is None


def test_floor_stays_sqlites_own(engine: sa.Engine) -> None:
    with engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT floor(2.5), typeof(floor(2.5))").one() == (2.0, "real")


@pytest.mark.parametrize(
    ("url", "pool"),
    [
        ("sqlite+apsw://", sa.pool.SingletonThreadPool),
        ("sqlite+apsw:///:memory:", sa.pool.SingletonThreadPool),
        ("sqlite+apsw:///file:name?mode=memory", sa.pool.SingletonThreadPool),
        ("sqlite+apsw:///file.db", sa.pool.QueuePool),
        ("sqlite+apsw:///file:file.db?mode=ro", sa.pool.QueuePool),
    ],
)
def test_the_pool_fits_the_database(url: str, pool: type[sa.Pool]) -> None:
    assert type(sa.create_engine(url).pool) is pool


def test_a_database_in_memory_is_one_for_its_thread() -> None:
    engine = sa.create_engine("sqlite+apsw://")
    metadata.create_all(engine)
    assert names(engine) == []
    engine.dispose()


def test_a_relative_path_is_held_to_the_folder_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, _ = APSWDialect().create_connect_args(sa.make_url("sqlite+apsw:///file.db"))
    assert arguments == [str(tmp_path / "file.db")]


@pytest.mark.parametrize("query", ["?mode=ro", "?mode=RO&timeout=0.5"])
def test_a_mode_in_the_url_is_obeyed(engines: Callable[..., sa.Engine], query: str) -> None:
    with pytest.raises(sa.exc.OperationalError, match="readonly"), engines(query).begin() as conn:
        conn.execute(users.insert(), {"name": "x"})


def test_an_uri_keeps_sqlites_parameters(engine: sa.Engine) -> None:
    uri = sa.create_engine(f"sqlite+apsw:///file:{engine.url.database}?immutable=1&timeout=1")
    assert names(uri) == []
    with pytest.raises(sa.exc.OperationalError, match="readonly"), uri.begin() as conn:
        conn.execute(users.insert(), {"name": "x"})
    uri.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+apsw://host/file.db",
        "sqlite+apsw://user:password@/file.db",
        "sqlite+apsw:///file.db?mode=append",
        "sqlite+apsw:///file.db?tiemout=5",
    ],
)
def test_an_url_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(sa.exc.ArgumentError) as caught:
        APSWDialect().create_connect_args(sa.make_url(url))
    assert "password" not in str(caught.value)


def test_a_way_to_begin_that_is_none_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.ArgumentError, match="deferred, immediate, exclusive"):
        sa.create_engine("sqlite+apsw://", begin="later")
    with engine.connect() as conn, pytest.raises(sa.exc.ArgumentError, match="deferred"):
        conn.execution_options(sqlite_begin="later")
