"""The Celery app, for fleets with a broker.

    celery -A workers.app worker -Q server.<ID>,control
    celery -A workers.app beat

Messages are hints: everything they set off reads the catalog first and may happen twice, late or never. What
was never set off, the sweeps of the schedule set off again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, cast

from celery import Celery

from tenantdb.errors import CatalogUnavailable
from tenantdb.settings import current

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

CONTROL = "control"
"""The queue of steps and sweeps; each server has one of its own for the work on its files."""

VISIBILITY_SECONDS = 12 * 3600
"""After this long Redis hands an unfinished task to a second worker; longer than any batch should take.

It may happen all the same: leases and tokens decide who works on a tenant, not the broker.
"""


class Hint(Protocol[P]):
    """A task: calling it does the work, the methods send a message that asks a worker to."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Do it here and now."""

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> object:
        """Ask a worker of the control queue."""

    def apply_async(self, args: list[Any], *, queue: str) -> object:
        """Ask a worker of that queue."""


def hint(name: str) -> Callable[[Callable[P, None]], Hint[P]]:
    """Make a function a task of that name; a catalog that does not answer is tried again."""
    again = app.task(name=name, autoretry_for=(CatalogUnavailable,), retry_backoff=True, max_retries=5)
    return cast("Callable[[Callable[P, None]], Hint[P]]", again)


def server_queue(server: str) -> str:
    """The queue of the workers that are on a server."""
    return f"server.{server}"


def _make() -> Celery:
    settings = current()
    celery = Celery("tenantdb", include=["workers.tasks"])
    celery.conf.update(
        broker_url=settings.broker_url and settings.broker_url.get_secret_value(),
        # Said in each of the places where Celery looks for it; one that is forgotten means an hour.
        broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
        result_backend_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
        visibility_timeout=VISIBILITY_SECONDS,
        broker_connection_retry_on_startup=True,
        # Acknowledged when done, and given back when the process dies: a kill loses no batch.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # One at a time: what a worker hoards, no other worker does.
        worker_prefetch_multiplier=1,
        # Results are rows of the catalog.
        task_ignore_result=True,
        task_default_queue=CONTROL,
        worker_max_tasks_per_child=500,
        beat_schedule_filename=str(settings.home / "beat"),
        beat_schedule={
            "recover": {"task": "workers.recover", "schedule": 30.0},
            "sweep": {"task": "workers.sweep", "schedule": 10.0},
        },
    )
    return celery


app = _make()
