from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.postgres import Cluster, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL of this session, started when the first test asks for it."""
    with cluster() as found:
        yield found


@pytest.fixture
def place(postgres: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty schema of its own."""
    with postgres.place() as conn:
        yield conn
