from __future__ import annotations

import subprocess
import sys

import pytest

import tenantdb
from tenantdb import errors


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_what_is_public_is_listed_in_order():
    assert tenantdb.__all__ == sorted(tenantdb.__all__)
    assert len(set(tenantdb.__all__)) == len(tenantdb.__all__)


def test_what_is_listed_is_there_and_nothing_else_is_public():
    for name in tenantdb.__all__:
        assert getattr(tenantdb, name) is not None
    own = {
        name
        for name, value in vars(tenantdb).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("tenantdb")
    }
    assert own == set(tenantdb.__all__)


def test_all_errors_that_the_face_raises_are_in_one_tree():
    listed = [getattr(tenantdb, name) for name in tenantdb.__all__]
    raised = [each for each in listed if isinstance(each, type) and issubclass(each, Exception)]
    assert len(raised) == len(tenantdb.__all__) - 2
    assert all(issubclass(each, errors.TenantDBError) for each in raised)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tenantdb.nothing


HEAVY = (
    "alembic",
    "celery",
    "fabric",
    "kombu",
    "pydantic",
    "redis",
    "rich",
    "sqlalchemy",
    "sqlglot",
    "typer",
)
NEVER = (
    "alembic",
    "celery",
    "fabric",
    "kombu",
    "redis",
    "rich",
    "sqlglot",
    "starlette",
    "flask",
    "typer",
    "sqlite3",
)


def test_importing_the_package_brings_nothing_heavy():
    loaded = run("import tenantdb, sys; print(*{name.partition('.')[0] for name in sys.modules})")
    assert set(loaded) & set(HEAVY) == set()


def test_the_door_itself_brings_no_queue_no_command_line_and_no_other_sqlite():
    loaded = run(
        "from tenantdb import get_tenant_db; import sys; print(*{n.partition('.')[0] for n in sys.modules})"
    )
    assert set(loaded) & set(NEVER) == set()
    assert "sqlalchemy" in loaded
