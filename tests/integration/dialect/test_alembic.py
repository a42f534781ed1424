"""Alembic on the dialect: autogenerate, batch mode, and migrations that are all or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations

import tenantdb.dialect  # noqa: F401 - registers the dialect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENV = """
from alembic import context
with context.config.attributes["engine"].connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
"""

REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {revision!r}, {parent!r}
def upgrade():
{upgrade}
def downgrade():
    pass
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = sa.create_engine(f"sqlite+apsw:///{tmp_path}/file.db", begin="immediate")
    yield made
    made.dispose()


@pytest.fixture
def scripts(tmp_path: Path, engine: sa.Engine) -> Config:
    """A folder of two migrations, the second of which fails half way."""
    folder = tmp_path / "scripts"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    steps = {
        "one": 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Text))',
        "two": 'op.add_column("t", sa.Column("b", sa.Text)); op.execute("DELETE FROM t WHERE missing")',
    }
    parent = None
    for revision, upgrade in steps.items():
        text = REVISION.format(revision=revision, parent=parent, upgrade=f"    {upgrade}")
        (folder / "versions" / f"{revision}.py").write_text(text)
        parent = revision
    config = Config(attributes={"engine": engine})
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    return config


def columns(engine: sa.Engine) -> list[str]:
    return [column["name"] for column in sa.inspect(engine).get_columns("t")]


def version(engine: sa.Engine) -> str | None:
    with engine.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def test_a_migration_is_applied(scripts: Config, engine: sa.Engine) -> None:
    command.upgrade(scripts, "one")
    assert columns(engine) == ["id", "a"]
    assert version(engine) == "one"


def test_a_migration_that_fails_leaves_nothing(scripts: Config, engine: sa.Engine) -> None:
    command.upgrade(scripts, "one")
    with pytest.raises(sa.exc.OperationalError, match="no such column"):
        command.upgrade(scripts, "two")
    assert columns(engine) == ["id", "a"]
    assert version(engine) == "one"


def test_batch_mode_makes_a_table_anew(scripts: Config, engine: sa.Engine) -> None:
    command.upgrade(scripts, "one")
    with engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO t(a) VALUES ('7')"))
        operations = Operations(MigrationContext.configure(conn))
        with operations.batch_alter_table("t") as batch:
            batch.alter_column("a", type_=sa.Integer, nullable=False)
            batch.create_unique_constraint("uq", ["a"])
    with engine.connect() as conn:
        assert conn.execute(sa.text("SELECT id, a FROM t")).all() == [(1, 7)]
    assert sa.inspect(engine).get_unique_constraints("t")[0]["name"] == "uq"


def forbid_null(engine: sa.Engine) -> None:
    with engine.begin() as conn:
        operations = Operations(MigrationContext.configure(conn))
        with operations.batch_alter_table("t") as batch:
            batch.alter_column("a", nullable=False)


def test_batch_mode_that_fails_leaves_nothing(scripts: Config, engine: sa.Engine) -> None:
    command.upgrade(scripts, "one")
    with engine.begin() as conn:
        conn.execute(sa.text("INSERT INTO t(a) VALUES (NULL)"))
    with pytest.raises(sa.exc.IntegrityError):
        forbid_null(engine)
    assert sa.inspect(engine).get_table_names() == ["alembic_version", "t"]
    assert columns(engine) == ["id", "a"]


def test_autogenerate_finds_the_difference_and_none_where_there_is_none(engine: sa.Engine) -> None:
    metadata = sa.MetaData()
    sa.Table(
        "t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.JSON, index=True)
    )
    with engine.begin() as conn:
        context = MigrationContext.configure(conn)
        assert [step[0] for step in compare_metadata(context, metadata)] == ["add_table", "add_index"]
        metadata.create_all(conn)
        assert compare_metadata(context, metadata) == []
