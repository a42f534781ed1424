"""What the tests of workers share: a fleet on paper, catalog rows without files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tenantdb import paths
from tenantdb.catalog import Catalog, rollouts, servers
from tenantdb.catalog.models import Tenant
from tenantdb.catalog.rollouts import Ending, Enlisted
from tenantdb.catalog.states import Outcome, TenantState
from tenantdb.catalog.upgrade import upgrade
from tenantdb.settings import Settings
from workers.rollout.turn import Turn, record, step

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = "a" * 64, "b" * 64


@dataclass
class PaperFleet:
    """Rows of tenants on the servers s0 and s1, and one rollout over them."""

    folder: Path
    rollout: str = "r1"
    old: str = OLD
    new: str = NEW
    catalog: Catalog = field(init=False)

    def __post_init__(self):
        settings = Settings(home=self.folder / "home")
        paths.private_folder(settings.home)
        upgrade(settings)
        self.catalog = Catalog.open(settings)
        with self.catalog.begin() as session:
            for server in ("s0", "s1"):
                servers.add(session, server=server, url=f"file://{self.folder}/{server}")

    def add(self, *ids, schema=OLD, state=TenantState.ACTIVE):
        with self.catalog.begin() as session:
            for number, tenant in enumerate(ids):
                row = Tenant(id=tenant, server_id=f"s{number % 2}", path=tenant, generation=1, epoch=1)
                row.schema_hash, row.state = schema, state
                session.add(row)

    def start(self, *waves, max_failures="100%"):
        """Begin a rollout with these waves, each a list of tenants; labels are their numbers."""
        places = [
            Enlisted(tenant=tenant, wave=number, from_schema=OLD)
            for number, (_, tenants) in enumerate(waves)
            for tenant in tenants
        ]
        with self.catalog.begin() as session:
            row = rollouts.add(
                session,
                schema_hash=NEW,
                document="{}",
                previous_schema=OLD,
                waves=[(label, len(tenants)) for label, tenants in waves],
                tenants=places,
                max_failures=max_failures,
                allow_destructive=False,
            )
            self.rollout = row.id

    def step(self) -> Turn:
        with self.catalog.begin() as session:
            return step(session, self.rollout)

    def handed_out(self):
        return sorted(tenant for batch in self.step().batches for tenant in batch.tenants)

    def end(self, *tenants, outcome=Outcome.DONE, schema=NEW):
        """Record how tenants fared, as a worker does that brought them to a schema."""
        with self.catalog.begin() as session:
            for tenant in tenants:
                rollouts.begin_try(session, self.rollout, tenant)
                record(session, self.rollout, tenant, Ending(outcome=outcome, error_type="Trouble"))
                session.get(Tenant, tenant).schema_hash = schema

    def fail(self, *tenants):
        self.end(*tenants, outcome=Outcome.FAILED, schema=OLD)

    def state(self):
        with self.catalog.reading() as session:
            return rollouts.get(session, self.rollout).state.value

    def counts(self):
        with self.catalog.reading() as session:
            return {outcome.value: n for outcome, n in rollouts.counts(session, self.rollout).items()}

    def waves(self):
        with self.catalog.reading() as session:
            return [(wave["label"], wave["size"]) for wave in rollouts.get(session, self.rollout).waves]


@pytest.fixture
def paper(tmp_path: Path) -> PaperFleet:
    """An empty fleet of rows on the servers s0 and s1."""
    return PaperFleet(tmp_path)
