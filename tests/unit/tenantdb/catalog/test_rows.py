from __future__ import annotations

import pytest

from tenantdb.catalog import Catalog, facts, generations, journal, leases, operations, schemas, servers
from tenantdb.catalog.states import (
    GenerationState,
    OperationKind,
    OperationState,
    PhaseEvent,
    ServerState,
)
from tenantdb.errors import ServerExists, ServerNotFound


def add_generation(catalog: Catalog, number: int, path: str = "p") -> None:
    with catalog.begin() as session:
        generations.add(
            session,
            tenant="acme",
            generation=number,
            server="local",
            path=f"{path}{number}",
            epoch=number,
            schema_hash=None,
            operation="op",
        )


def live(catalog: Catalog, state: GenerationState, *, keep_until: float | None = None) -> bool:
    with catalog.begin() as session:
        return generations.set_state(session, tenant="acme", generation=1, state=state, keep_until=keep_until)


def begin(catalog: Catalog, operation: str, token: int) -> None:
    with catalog.begin() as session:
        operations.begin(
            session,
            operation=operation,
            kind=OperationKind.MOVE,
            tenant="acme",
            token=token,
            boot_id="boot",
            payload={"to": "eu"},
        )


def test_a_server_is_added_once(catalog: Catalog) -> None:
    with catalog.begin() as session:
        servers.add(session, server="eu", url="file:///srv/eu", region="eu", weight=3, capacity=10)
        with pytest.raises(ServerExists):
            servers.add(session, server="eu", url="file:///elsewhere")
        row = servers.get(session, "eu")
        assert (row.region, row.weight, row.capacity, row.state) == ("eu", 3, 10, ServerState.ACTIVE)


def test_an_unknown_server_is_not_found(catalog: Catalog) -> None:
    with catalog.reading() as session, pytest.raises(ServerNotFound):
        servers.get(session, "eu")


@pytest.mark.usefixtures("acme")
def test_a_server_s_load_counts_its_tenants(catalog: Catalog) -> None:
    with catalog.begin() as session:
        servers.add(session, server="eu", url="file:///srv/eu")
    with catalog.reading() as session:
        assert [(load.server.id, load.tenants) for load in servers.loads(session)] == [
            ("eu", 0),
            ("local", 1),
        ]


def test_a_server_can_drain(catalog: Catalog) -> None:
    with catalog.begin() as session:
        servers.add(session, server="eu", url="file:///srv/eu")
        assert servers.set_state(session, server="eu", state=ServerState.DRAINING)
        assert servers.get(session, "eu").state is ServerState.DRAINING
        assert not servers.set_state(session, server="us", state=ServerState.DRAINING)


def test_a_document_is_kept_once_under_its_hash(catalog: Catalog) -> None:
    with catalog.begin() as session:
        schemas.record(session, schema_hash="h", document="{}")
        schemas.record(session, schema_hash="h", document="another text of the same schema")
        assert schemas.document(session, "h") == "{}"
        assert schemas.document(session, "unknown") is None


def test_new_tenants_get_the_schema_that_was_set_last(catalog: Catalog) -> None:
    with catalog.begin() as session:
        assert schemas.of_new_tenants(session) is None
        schemas.set_of_new_tenants(session, "h1")
        schemas.set_of_new_tenants(session, "h2")
        assert schemas.of_new_tenants(session) == "h2"


def test_a_catalog_keeps_its_identity(catalog: Catalog) -> None:
    with catalog.begin() as session:
        first = facts.identify(session)
    with catalog.begin() as session:
        assert facts.identify(session) == first


@pytest.mark.usefixtures("acme")
def test_generations_are_numbered_on(catalog: Catalog) -> None:
    with catalog.reading() as session:
        assert generations.next_number(session, "acme") == 1
    add_generation(catalog, 1)
    add_generation(catalog, 2)
    with catalog.reading() as session:
        assert generations.next_number(session, "acme") == 3
        assert [row.generation for row in generations.of_tenant(session, "acme")] == [1, 2]
        found = generations.at(session, server="local", path="p2")
        assert found is not None
        assert found.generation == 2


@pytest.mark.usefixtures("acme")
def test_a_generation_s_life_goes_one_way(catalog: Catalog) -> None:
    add_generation(catalog, 1)
    assert live(catalog, GenerationState.OPEN)
    assert live(catalog, GenerationState.OPEN)  # a step may be repeated
    assert live(catalog, GenerationState.RETIRED)
    assert not live(catalog, GenerationState.OPEN)
    assert live(catalog, GenerationState.ARCHIVED, keep_until=100.0)
    assert not live(catalog, GenerationState.RETIRED)


def test_operation_ids_are_all_different() -> None:
    assert len({operations.new_id() for _ in range(1000)}) == 1000


@pytest.mark.usefixtures("acme")
def test_an_operation_is_changed_under_its_token_only(catalog: Catalog) -> None:
    begin(catalog, "op", token=2)
    with catalog.begin() as session:
        assert operations.note(session, operation="op", token=2, phase="copy")
        assert not operations.note(session, operation="op", token=1, phase="late")
        assert not operations.end(session, operation="op", token=1, state=OperationState.FAILED)
        found = operations.find(session, "op")
        assert found is not None
        assert (found.phase, found.state, found.payload) == ("copy", OperationState.RUNNING, {"to": "eu"})


@pytest.mark.usefixtures("acme")
def test_an_operation_ends_once(catalog: Catalog) -> None:
    begin(catalog, "op", token=1)
    with catalog.begin() as session:
        assert operations.end(session, operation="op", token=1, state=OperationState.DONE, result={"rows": 3})
        assert not operations.end(session, operation="op", token=1, state=OperationState.FAILED, error="x")
        assert not operations.carry_on(session, operation="op", token=2, boot_id="boot")
        assert operations.running(session) == []
        assert [row.result for row in operations.recent(session, tenant="acme")] == [{"rows": 3}]


@pytest.mark.usefixtures("acme")
def test_another_worker_carries_on_under_a_newer_token(catalog: Catalog) -> None:
    begin(catalog, "op", token=1)
    with catalog.begin() as session:
        assert not operations.carry_on(session, operation="op", token=1, boot_id="boot2")
        assert operations.carry_on(session, operation="op", token=2, boot_id="boot2")
        assert not operations.note(session, operation="op", token=1, phase="late")


@pytest.mark.usefixtures("acme")
def test_an_operation_is_stuck_once_its_lease_is_not_alive(catalog: Catalog) -> None:
    begin(catalog, "op", token=1)
    with catalog.begin() as session:
        assert [row.id for row in operations.stuck(session)] == ["op"]
        leases.take(session, tenant="acme", owner="me", seconds=30, operation="op")
        assert operations.stuck(session) == []
        leases.renew(session, tenant="acme", token=1, seconds=-1)
        assert [row.id for row in operations.stuck(session)] == ["op"]


@pytest.mark.usefixtures("acme")
def test_the_journal_keeps_the_order(catalog: Catalog) -> None:
    begin(catalog, "op", token=1)
    with catalog.begin() as session:
        for phase in ("copy", "verify"):
            journal.note(session, operation="op", phase=phase, event=PhaseEvent.ENTERED)
            journal.note(session, operation="op", phase=phase, event=PhaseEvent.LEFT, data={"n": phase})
        noted = journal.entries(session, "op")
        assert [(entry.seq, entry.phase, entry.event.value) for entry in noted] == [
            (1, "copy", "entered"),
            (2, "copy", "left"),
            (3, "verify", "entered"),
            (4, "verify", "left"),
        ]
