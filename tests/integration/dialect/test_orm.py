"""The ORM on the dialect: what an application does with it in a day."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - the ORM reads the annotations
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

import tenantdb.dialect  # noqa: F401 - registers the dialect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column()
    books: Mapped[list[Book]] = relationship(back_populates="author", cascade="all, delete-orphan")
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - the ORM's own form


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    title: Mapped[str]
    published: Mapped[dt.date | None]
    tags: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    author: Mapped[Author] = relationship(back_populates="books")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = sa.create_engine(f"sqlite+apsw:///{tmp_path}/file.db", begin="immediate")
    Base.metadata.create_all(made)
    with Session(made) as session, session.begin():
        session.add(Author(name="Le Guin", books=[Book(title=f"{n}", tags=["sf"]) for n in range(3)]))
    yield made
    made.dispose()


def test_a_graph_of_objects_comes_back(engine: sa.Engine) -> None:
    with Session(engine) as session:
        author = session.scalars(sa.select(Author).options(selectinload(Author.books))).one()
        assert [(book.title, book.tags, book.published) for book in author.books] == [
            (str(n), ["sf"], None) for n in range(3)
        ]


def test_many_rows_are_written_in_one_flush(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        author = session.scalars(sa.select(Author)).one()
        author.books = [Book(title=f"new {n}") for n in range(500)]
    with Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 500


def test_a_stale_object_is_noticed_by_its_rowcount(engine: sa.Engine) -> None:
    with Session(engine, expire_on_commit=False) as session:
        mine = session.scalars(sa.select(Author)).one()
        session.commit()
        with Session(engine) as other, other.begin():
            other.scalars(sa.select(Author)).one().name = "Ursula"
        mine.name = "mine"
        with pytest.raises(sa.orm.exc.StaleDataError):
            session.commit()


def test_an_upsert_returns_its_row(engine: sa.Engine) -> None:
    statement = insert(Author).values(name="Le Guin", version=1)
    upsert = statement.on_conflict_do_update(index_elements=["name"], set_={"version": 9}).returning(Author)
    with Session(engine) as session, session.begin():
        assert session.scalars(upsert).one().version == 9


def test_a_failed_nested_block_leaves_the_rest(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        session.add(Author(name="kept"))
        with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
            session.add(Author(name="Le Guin"))
    with Session(engine) as session:
        assert set(session.scalars(sa.select(Author.name))) == {"Le Guin", "kept"}


def test_threads_write_one_after_the_other(engine: sa.Engine) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            with Session(engine) as session, session.begin():
                author = session.scalars(sa.select(Author)).one()
                session.add(Book(title=f"by {number}", author=author))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 3 + 4 * 20


def test_reflection_sees_what_was_declared(engine: sa.Engine) -> None:
    found = sa.inspect(engine)
    assert found.get_foreign_keys("books")[0]["referred_table"] == "authors"
    assert found.get_unique_constraints("authors")[0]["column_names"] == ["name"]
    assert [column["name"] for column in found.get_columns("books")] == [c.name for c in Book.__table__.c]
