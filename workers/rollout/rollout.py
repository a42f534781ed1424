"""Rollouts as people know them: what one would do, starting it, how it fares, pausing it, and the way back.

1. ``preview`` compares schemas, one pair at a time, and reads no tenant's file.
2. ``start`` records everything in one transaction; from then on new tenants are born with the new schema.
3. The coordinator hands out tenants wave by wave; each gets one row that says how it ended.
4. A halt, a pause or a crash leaves rows, and ``resume`` carries them on; the closing sweep finds strays.
5. ``turn_back`` sends every tenant that has the new schema back to the one it came with.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import migrations_engine as engine
from migrations_engine.errors import DestructiveChange
from tenantdb.catalog import Catalog, rollouts, schemas, tenants
from tenantdb.catalog.rollouts import Ending, Enlisted
from tenantdb.catalog.states import Outcome, RolloutState, TenantState
from tenantdb.errors import RolloutState as WrongState
from tenantdb.errors import TenantNotFound
from workers.events import Event, emit
from workers.migration import rollback
from workers.rollout.waves import DEFAULT_BUDGET, DEFAULT_WAVES, Budget, cut, ordered, parse_shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tenantdb.catalog.models import Rollout, RolloutTenant, Tenant
    from tenantdb.settings import Settings
    from workers.rollout.waves import Wave

NO_WAVE = -1
"""The wave of tenants that had the schema before it began: they take no turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a rollout goes through the fleet; texts as ``waves`` reads them."""

    canary: int = 0
    waves: str = DEFAULT_WAVES
    max_failures: str = DEFAULT_BUDGET

    def cut(self, fleet: Sequence[Tenant], schema_hash: str) -> tuple[Wave, ...]:
        """The waves over these tenants.

        Raises:
            InvalidWaves: A text says none.
        """
        Budget(text=self.max_failures)
        shares = parse_shares(self.waves)
        order = ordered(((tenant.id, tenant.server_id) for tenant in fleet), salt=schema_hash)
        return cut(order, canary=self.canary, shares=shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the tenants of one present schema have before them: computed once, however many they are.

    ``steps`` is None where the catalog does not know that schema: then each file is looked at in its turn.
    """

    from_schema: str | None
    tenants: int
    steps: tuple[str, ...] | None
    destroys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a rollout would do."""

    schema: str
    same: int
    pairs: tuple[Pair, ...]
    waves: tuple[Wave, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveView:
    """One wave and how far it is: tenants by outcome."""

    label: str
    size: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A tenant that a rollout failed for; ``sample`` has keys of the rows in question."""

    tenant: str
    error_type: str
    error: str
    sample: list[Any]
    misfits: list[dict[str, Any]]
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A rollout as it stands."""

    id: str
    state: RolloutState
    schema: str
    previous_schema: str | None
    waves: tuple[WaveView, ...]
    counts: dict[str, int]
    failures: tuple[Failure, ...]
    max_failures: str
    allow_destructive: bool
    created_at: float
    updated_at: float

    @property
    def whole(self) -> bool:
        """Whether it reached its end with every tenant."""
        return self.state in {RolloutState.DONE, RolloutState.ROLLED_BACK} and not self.failures


def preview(catalog: Catalog, schema: engine.Schema, *, course: Course) -> Preview:
    """Say what a rollout would do; changes nothing.

    Raises:
        InvalidWaves: The course says no waves.
    """
    with catalog.reading() as session:
        return _preview(session, schema, course)


def start(catalog: Catalog, schema: engine.Schema, *, course: Course, allow_destructive: bool = False) -> str:
    """Begin to bring a schema to the whole fleet: rows only, the coordinator does the rest. Returns its id.

    A rollout that is paused or halted is given up for the new one.

    Args:
        catalog: The catalog.
        schema: Where to.
        course: Canary, waves and failure budget.
        allow_destructive: Leave to drop or rewrite data.

    Raises:
        InvalidWaves: The course says no waves.
        DestructiveChange: Some tenants' data would be dropped or rewritten, and no leave was given.
        RolloutState: Another rollout is running.
    """
    with catalog.begin() as session:
        _give_up_the_one_before(session)
        plan = _preview(session, schema, course)
        destroyed = sorted({loss for pair in plan.pairs for loss in pair.destroys})
        if destroyed and not allow_destructive:
            raise DestructiveChange(destroyed)
        schemas.record(session, schema_hash=schema.hash, document=schema.to_json())
        row = rollouts.add(
            session,
            schema_hash=schema.hash,
            document=schema.to_json(),
            previous_schema=schemas.of_new_tenants(session),
            waves=[(wave.label, len(wave.tenants)) for wave in plan.waves],
            tenants=_places(session, plan),
            max_failures=course.max_failures,
            allow_destructive=allow_destructive,
        )
        # In this transaction: a tenant is in the rollout, or it is born with the new schema.
        schemas.set_of_new_tenants(session, schema.hash)
    emit(Event.ROLLOUT_BEGUN, f"rollout {row.id} to schema {schema.hash:.12} begins", rollout=row.id)
    return row.id


def pause(catalog: Catalog, rollout: str) -> None:
    """Hand out no more tenants; those at hand go through.

    Raises:
        RolloutState: It is not running.
    """
    with catalog.begin() as session:
        if not rollouts.change_state(
            session, rollout, to=RolloutState.PAUSED, only_from=[RolloutState.RUNNING]
        ):
            raise WrongState(
                rollout, state=rollouts.get(session, rollout).state, wanted="only a running one pauses"
            )


def resume(catalog: Catalog, rollout: str) -> None:
    """Let a paused, halted or abandoned rollout go on; failures so far no longer count against its budget.

    Raises:
        RolloutState: It has ended, or is on its way back.
    """
    with catalog.begin() as session:
        row = rollouts.get(session, rollout, lock=True)
        _go_on(session, row, only_from=[RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.HALTED])


def retry(catalog: Catalog, rollout: str, *, tenant: str | None = None) -> int:
    """Give tenants that failed another turn, or one tenant, also one that was rolled back; return how many.

    Raises:
        RolloutState: It went back, or was given up.
        TenantNotFound: The tenant has no turn in this rollout to repeat.
    """
    again = [Outcome.FAILED] if tenant is None else [Outcome.FAILED, Outcome.ROLLED_BACK]
    with catalog.begin() as session:
        row = rollouts.get(session, rollout, lock=True)
        count = rollouts.reset(session, rollout, outcomes=again, tenant=tenant)
        if tenant is not None and not count:
            raise TenantNotFound(tenant)
        _go_on(
            session,
            row,
            only_from=[
                RolloutState.RUNNING,
                RolloutState.PAUSED,
                RolloutState.HALTED,
                RolloutState.DONE,
            ],
        )
        return count


def turn_back(catalog: Catalog, rollout: str, *, discard_since: bool = False) -> None:
    """Send every tenant that has the rollout's schema back: rows only, the coordinator does the rest.

    New tenants get the schema before again. A tenant that was born with the new one has no way back; it
    becomes a failure that says so.

    Raises:
        RolloutState: It is running, or another one came after it.
    """
    with catalog.begin() as session:
        row = rollouts.get(session, rollout, lock=True)
        if row.state is RolloutState.RUNNING:
            raise WrongState(rollout, state=row.state, wanted=f"type: tenantdb rollout pause {rollout}")
        _require_newest(session, row)
        places = [
            Enlisted(tenant=born.id, wave=NO_WAVE, from_schema=born.schema_hash)
            for born in rollouts.born_there(session, row)
        ]
        rollouts.enlist(session, rollout, places)
        rollouts.turn_back(session, row)
        row.state, row.discard_since = RolloutState.ROLLING_BACK, discard_since
        if row.previous_schema and schemas.of_new_tenants(session) == row.schema_hash:
            schemas.set_of_new_tenants(session, row.previous_schema)


def turn_back_tenant(rollout: str, tenant: str, *, settings: Settings, discard_since: bool = False) -> None:
    """Send one tenant back to the schema that it came with; the rollout itself stays as it is.

    Raises:
        TenantNotFound: There is no such tenant.
        RolloutState: The tenant was not brought there by this rollout, or is back already.
        WayBackLossy: The older schema can't hold all that was written since, and no leave was given.
        NoWayBack: What the way back needs is gone.
    """
    catalog = Catalog.open(settings)
    with catalog.reading() as session:
        row = rollouts.get(session, rollout)
        place = rollouts.place(session, rollout, tenant)
        there = tenants.get(session, tenant).schema_hash == row.schema_hash
        # Without its schema it would go back further, to where an earlier rollout began.
        if place is None or not there:
            raise WrongState(
                rollout, state=row.state, wanted=f"tenant {tenant!r} was not brought there by it"
            )
    rollback.rollback(tenant, settings=settings, discard_since=discard_since)
    with catalog.begin() as session:
        rollouts.set_outcome(session, rollout, tenant, Ending(outcome=Outcome.ROLLED_BACK))


def show(catalog: Catalog, rollout: str) -> View:
    """How a rollout stands.

    Raises:
        RolloutNotFound: There is none of that id.
    """
    with catalog.reading() as session:
        return _view(session, rollouts.get(session, rollout))


def everyone(catalog: Catalog) -> list[View]:
    """All rollouts, the newest first."""
    with catalog.reading() as session:
        return [_view(session, row) for row in rollouts.everyone(session)]


def _preview(session: Session, schema: engine.Schema, course: Course) -> Preview:
    fleet = tenants.everyone(session, states=(TenantState.ACTIVE, TenantState.FROZEN))
    moving = [tenant for tenant in fleet if tenant.schema_hash != schema.hash]
    return Preview(
        schema=schema.hash,
        same=len(fleet) - len(moving),
        pairs=_pairs(session, moving, schema),
        waves=course.cut(moving, schema.hash),
    )


def _pairs(session: Session, moving: Sequence[Tenant], schema: engine.Schema) -> tuple[Pair, ...]:
    counted: dict[str | None, int] = defaultdict(int)
    for tenant in moving:
        counted[tenant.schema_hash] += 1
    return tuple(_pair(session, before, count, schema) for before, count in counted.items())


def _pair(session: Session, before: str | None, count: int, schema: engine.Schema) -> Pair:
    document = schemas.document(session, before) if before else None
    if document is None:
        return Pair(from_schema=before, tenants=count, steps=None, destroys=())
    change = engine.compare(engine.loads(document), schema)
    return Pair(
        from_schema=before,
        tenants=count,
        steps=tuple(step.text for step in change.steps),
        destroys=tuple(change.losses),
    )


def _places(session: Session, plan: Preview) -> list[Enlisted]:
    """Every tenant's place: its wave, or none where it has the schema already."""
    wave_of = {tenant: number for number, wave in enumerate(plan.waves) for tenant in wave.tenants}
    return [
        Enlisted(
            tenant=tenant.id,
            wave=wave_of.get(tenant.id, NO_WAVE),
            from_schema=tenant.schema_hash,
            outcome=Outcome.PENDING if tenant.id in wave_of else Outcome.SAME,
        )
        for tenant in tenants.everyone(session, states=(TenantState.ACTIVE, TenantState.FROZEN))
    ]


def _give_up_the_one_before(session: Session) -> None:
    before = rollouts.unfinished(session)
    if before is None:
        return
    if before.state in {RolloutState.RUNNING, RolloutState.ROLLING_BACK}:
        raise WrongState(
            before.id,
            state=before.state,
            wanted=f"one at a time: wait for it, or type: tenantdb rollout pause {before.id}",
        )
    before.state = RolloutState.FAILED


def _go_on(session: Session, row: Rollout, *, only_from: Sequence[RolloutState]) -> None:
    if row.state not in only_from:
        raise WrongState(row.id, state=row.state, wanted="it can't go on; start a new one")
    _require_newest(session, row)
    if row.state is RolloutState.RUNNING:
        return  # abandoned by its driver, or driven: then the lease keeps the next one away
    row.state = RolloutState.RUNNING
    row.excused = rollouts.counts(session, row.id).get(Outcome.FAILED, 0)


def _require_newest(session: Session, row: Rollout) -> None:
    newest = rollouts.everyone(session)[0]
    if newest.id != row.id:
        raise WrongState(row.id, state=row.state, wanted=f"rollout {newest.id} came after it")


def _view(session: Session, row: Rollout) -> View:
    by_wave = rollouts.counts_by_wave(session, row.id)
    labelled = [(number, wave["label"], wave["size"]) for number, wave in enumerate(row.waves)]
    failed = rollouts.places(session, row.id, outcomes=[Outcome.FAILED])
    return View(
        id=row.id,
        state=row.state,
        schema=row.schema_hash,
        previous_schema=row.previous_schema,
        waves=tuple(
            WaveView(label=label, size=size, counts=_by_outcome(by_wave, number))
            for number, label, size in labelled
        ),
        counts=_plain(rollouts.counts(session, row.id)),
        failures=tuple(_failure(place) for place in failed),
        max_failures=row.max_failures or "0",
        allow_destructive=row.allow_destructive,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _by_outcome(by_wave: dict[tuple[int, Outcome], int], number: int) -> dict[str, int]:
    return _plain({outcome: count for (wave, outcome), count in by_wave.items() if wave == number})


def _plain(counts: dict[Outcome, int]) -> dict[str, int]:
    return {outcome.value: counts[outcome] for outcome in Outcome if outcome in counts}


def _failure(place: RolloutTenant) -> Failure:
    misfits: list[dict[str, Any]] = place.sample or []
    return Failure(
        tenant=place.tenant_id,
        error_type=place.error_type or "",
        error=f"{place.error_type}: {place.error}",
        sample=[key for misfit in misfits for key in misfit["sample"]],
        misfits=misfits,
        attempts=place.attempts,
    )
