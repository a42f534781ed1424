"""``tenantdb rollout``: one schema for the whole fleet, wave by wave."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

import migrations_engine as engine
from tenantdb import ids, settings
from tenantdb.catalog import Catalog
from tenantdb.catalog.states import RolloutState
from tenantdb.cli import failures, output
from tenantdb.cli.watching import tally, watching
from workers.rollout import coordinator
from workers.rollout import rollout as rollouts
from workers.rollout.waves import DEFAULT_BUDGET, DEFAULT_WAVES, InvalidWaves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantdb.settings import Settings
    from workers.rollout.rollout import Pair, Preview, View

app = typer.Typer(
    help="One schema for the whole fleet, wave by wave.", no_args_is_help=True, add_completion=False
)

POLL_SECONDS = 0.5

Document = Annotated[str, typer.Argument(metavar="SCHEMA.JSON", help="The document; - reads standard input.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The rollout.")]
Canary = Annotated[int, typer.Option(min=0, help="So many tenants first, alone; a failure among them halts.")]
Waves = Annotated[str, typer.Option(help="The share of the fleet that each wave reaches.")]
MaxFailures = Annotated[str, typer.Option(help="More failures than this halt it: a number, or a share.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end; without a broker it always does.")]
Leave = Annotated[bool, typer.Option("--allow-destructive", help="Data may be dropped or rewritten.")]


@app.command()
def start(
    schema: Document,
    *,
    canary: Canary = 0,
    waves: Waves = DEFAULT_WAVES,
    max_failures: MaxFailures = DEFAULT_BUDGET,
    wait: Wait = False,
    allow_destructive: Leave = False,
    at: Annotated[str | None, typer.Option(hidden=True)] = None,
    as_json: output.AsJson = False,
) -> None:
    """Bring a schema to every tenant, wave by wave, while they are in use."""
    now = settings.current()
    _refuse_at(at, now)
    catalog = Catalog.open(now)
    course = rollouts.Course(canary=canary, waves=waves, max_failures=max_failures)
    with _bad_input():
        rollout = rollouts.start(catalog, _read(schema), course=course, allow_destructive=allow_destructive)
    _carry_on(rollout, now, wait=wait, as_json=as_json)


@app.command()
def plan(
    schema: Document,
    *,
    canary: Canary = 0,
    waves: Waves = DEFAULT_WAVES,
    max_failures: MaxFailures = DEFAULT_BUDGET,
    as_json: output.AsJson = False,
) -> None:
    """Say what a rollout would do; changes nothing."""
    course = rollouts.Course(canary=canary, waves=waves, max_failures=max_failures)
    with _bad_input():
        preview = rollouts.preview(Catalog.open(settings.current()), _read(schema), course=course)
    if as_json:
        output.document(_preview_document(preview))
    else:
        _print_preview(preview)


@app.command("list")
def list_(*, as_json: output.AsJson = False) -> None:
    """List the rollouts, the newest first."""
    views = rollouts.everyone(Catalog.open(settings.current()))
    if as_json:
        output.document([_document(view) for view in views])
        return
    rows = [(each.id, each.state, each.schema[:12], tally(each.counts), _day(each)) for each in views]
    output.table(["id", "state", "schema", "tenants", "begun"], rows)


@app.command()
def show(rollout: Id, *, as_json: output.AsJson = False) -> None:
    """Show a rollout: its waves, and each tenant that failed."""
    _print(rollouts.show(Catalog.open(settings.current()), rollout), as_json=as_json)


@app.command()
def pause(rollout: Id, *, as_json: output.AsJson = False) -> None:
    """Hand out no more tenants; those at hand go through."""
    catalog = Catalog.open(settings.current())
    rollouts.pause(catalog, rollout)
    _print(rollouts.show(catalog, rollout), as_json=as_json)


@app.command()
def resume(rollout: Id, *, wait: Wait = False, as_json: output.AsJson = False) -> None:
    """Let a rollout go on that was paused, halted or interrupted."""
    now = settings.current()
    rollouts.resume(Catalog.open(now), rollout)
    _carry_on(rollout, now, wait=wait, as_json=as_json)


@app.command()
def retry(
    rollout: Id,
    *,
    tenant: Annotated[str | None, typer.Option(help="Only this one, also if it was rolled back.")] = None,
    wait: Wait = False,
    as_json: output.AsJson = False,
) -> None:
    """Give the tenants that failed another turn."""
    now = settings.current()
    rollouts.retry(Catalog.open(now), rollout, tenant=tenant and ids.canonical(tenant))
    _carry_on(rollout, now, wait=wait, as_json=as_json)


@app.command()
def rollback(
    rollout: Id,
    *,
    tenant: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    discard_since: Annotated[
        bool, typer.Option("--discard-since", help="Drop what the older schema can't hold.")
    ] = False,
    wait: Wait = False,
    as_json: output.AsJson = False,
) -> None:
    """Bring every tenant back to the schema that it came with, with the writes made since."""
    now = settings.current()
    catalog = Catalog.open(now)
    if tenant is None:
        rollouts.turn_back(catalog, rollout, discard_since=discard_since)
        _carry_on(rollout, now, wait=wait, as_json=as_json)
        return
    rollouts.turn_back_tenant(rollout, ids.canonical(tenant), settings=now, discard_since=discard_since)
    _print(rollouts.show(catalog, rollout), as_json=as_json)


def _refuse_at(at: str | None, now: Settings) -> None:
    """Nobody would be there at that time: without a broker nothing runs in the background."""
    if at is None:
        return
    if now.broker_url is None:
        raise typer.BadParameter(
            "--at needs a broker (TENANTDB_BROKER_URL): without one nothing waits for the time"
        )
    raise typer.BadParameter("--at is not in this version")


def _read(schema: str) -> engine.Schema:
    return engine.loads(sys.stdin.read()) if schema == "-" else engine.load(schema)


@contextlib.contextmanager
def _bad_input() -> Iterator[None]:
    try:
        yield
    except InvalidWaves as error:
        raise typer.BadParameter(str(error)) from None


def _carry_on(rollout: str, now: Settings, *, wait: bool, as_json: bool) -> None:
    """Let it run, here or by the workers where there is a broker; then say how it stands."""
    catalog = Catalog.open(now)
    if now.broker_url is None:
        with watching(catalog, rollout) as watch, _stopping_is_interrupting():
            coordinator.drive(rollout, settings=now, watch=watch)
    else:
        from workers import tasks  # noqa: PLC0415 - brings Celery, which only a fleet with a broker needs

        tasks.step.delay(rollout)
        if wait:
            _wait(catalog, rollout)
    view = rollouts.show(catalog, rollout)
    _print(view, as_json=as_json)
    if not view.whole and (wait or now.broker_url is None):
        raise typer.Exit(failures.PARTLY_DONE)


def _wait(catalog: Catalog, rollout: str) -> None:
    with watching(catalog, rollout) as watch:
        while rollouts.show(catalog, rollout).state in {RolloutState.RUNNING, RolloutState.ROLLING_BACK}:
            watch()
            time.sleep(POLL_SECONDS)
        watch()


@contextlib.contextmanager
def _stopping_is_interrupting() -> Iterator[None]:
    """Let SIGTERM pause the rollout as Ctrl-C does: a service manager stops it that way."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _document(view: View) -> dict[str, Any]:
    return asdict(view)


def _print(view: View, *, as_json: bool) -> None:
    if as_json:
        output.document(_document(view))
        return
    output.say(f"Rollout {view.id} is {view.state.replace('_', ' ')}: {tally(view.counts)}")
    if view.waves:
        output.say("")
        output.table(
            ["wave", "tenants", "outcome"],
            [(wave.label, wave.size, tally(wave.counts)) for wave in view.waves],
        )
    for failure in view.failures:
        output.say("", f"{failure.tenant}: {failure.error}")
    if advice := _advice(view):
        output.say("", f"Try next:  {advice}")


def _advice(view: View) -> str | None:
    if view.state in {RolloutState.PAUSED, RolloutState.HALTED}:
        return f"tenantdb rollout resume {view.id}"
    if view.failures and view.state is RolloutState.DONE:
        return f"tenantdb rollout retry {view.id}"
    if view.failures and view.state is RolloutState.ROLLED_BACK:
        return f"tenantdb rollout rollback {view.id} --discard-since"
    return None


def _preview_document(preview: Preview) -> dict[str, Any]:
    return {
        "schema": preview.schema,
        "same": preview.same,
        "pairs": [asdict(pair) for pair in preview.pairs],
        "waves": [
            {"label": wave.label, "size": len(wave.tenants), "tenants": wave.tenants}
            for wave in preview.waves
        ],
    }


def _print_preview(preview: Preview) -> None:
    output.say(f"To schema {preview.schema[:12]}; {_tenants(preview.same)} at it already")
    for pair in preview.pairs:
        output.say("", f"{_tenants(pair.tenants)} from schema {(pair.from_schema or 'unknown')[:12]}:")
        output.say(*_steps(pair))
    output.say("")
    output.table(["wave", "tenants"], [(wave.label, len(wave.tenants)) for wave in preview.waves])


def _tenants(count: int) -> str:
    return "1 tenant" if count == 1 else f"{count} tenants"


def _steps(pair: Pair) -> list[str]:
    if pair.steps is None:
        return ["  each file is looked at in its turn"]
    said = [f"  {step}" for step in pair.steps]
    return [*said, *(f"  destroys {loss} (needs --allow-destructive)" for loss in pair.destroys)]


def _day(view: View) -> str:
    return datetime.fromtimestamp(view.created_at, tz=UTC).strftime("%Y-%m-%d %H:%M")
