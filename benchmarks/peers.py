"""The rebuild of one table, as each tool's manual has it: column ``n`` of table ``t`` becomes NOT NULL.

Every tool runs in a process of its own and gets a file in which ``n`` holds no NULL.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Query = Callable[[str], list[tuple[Any, ...]]]


def tenantdb(path: Path) -> None:
    """Import the file, change one definition, apply; a rebuild even where ALTER TABLE would do."""
    import migrations_engine as engine  # noqa: PLC0415 - the peers' processes must hold nothing of ours

    document = json.loads(engine.introspect(path).to_json())
    document["t"]["n"] += " NOT NULL"
    engine.apply(engine.loads(json.dumps(document)), path, strategy="rebuild")


def alembic(path: Path) -> None:
    """Batch mode, which reads the table from the file, in a migration's context as env.py makes it."""
    import sqlalchemy as sa  # noqa: PLC0415 - each process holds one tool
    from alembic.migration import MigrationContext  # noqa: PLC0415 - as above
    from alembic.operations import Operations  # noqa: PLC0415 - as above

    with sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool).connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction(), Operations(context).batch_alter_table("t") as batch:
            batch.alter_column("n", existing_type=sa.Text(), nullable=False)
        connection.commit()


def sqlite_utils(path: Path) -> None:
    """``transform``, as the command of that name calls it."""
    from sqlite_utils import Database  # noqa: PLC0415 - each process holds one tool

    database = Database(str(path))
    database["t"].transform(not_null={"n"})
    database.close()


def django(path: Path) -> None:
    """``alter_field`` on the model that Django's own inspectdb writes for the file."""
    import io  # noqa: PLC0415 - needed here only

    import django as package  # noqa: PLC0415 - each process holds one tool
    from django.conf import settings  # noqa: PLC0415 - as above

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    package.setup()
    from django.core.management import call_command  # noqa: PLC0415 - not before setup
    from django.db import connection, models  # noqa: PLC0415 - as above

    written = io.StringIO()
    call_command("inspectdb", stdout=written)
    names: dict[str, Any] = {"__name__": "inspected"}
    # A model outside of an installed application has to say which one it belongs to.
    exec(written.getvalue().replace("managed = False", "app_label = 'inspected'"), names)
    model = names["T"]
    old = model._meta.get_field("n")  # noqa: SLF001 - Django's documented Model._meta
    new = models.TextField()
    new.set_attributes_from_name("n")
    new.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, old, new)
    connection.close()


PEERS: dict[str, Callable[[Path], None]] = {
    "tenantdb": tenantdb,
    "Alembic": alembic,
    "sqlite-utils": sqlite_utils,
    "Django": django,
}

CALLED = {"tenantdb": "apply", "Alembic": "batch", "sqlite-utils": "transform", "Django": "alter_field"}
"""What of each tool does it."""


def released(peer: str) -> str:
    """The version of a tool that is installed here."""
    return version(peer.lower())


@contextlib.contextmanager
def querying(peer: str, path: Path) -> Iterator[Query]:
    """Hold a connection of the peer's own library to a file for the block: two in one process lose locks."""
    if peer == "tenantdb":
        import apsw  # noqa: PLC0415 - the peers' processes must hold nothing of ours

        connection: Any = apsw.Connection(str(path))
    else:
        connection = sqlite3.connect(path, isolation_level=None)
    with contextlib.closing(connection):
        yield lambda sql: list(connection.execute(sql))
