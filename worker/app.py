"""The Celery application: `celery -A worker worker`."""

import logging
import os
import socket
from collections.abc import Sequence
from typing import Any

from celery import Celery, bootsteps, signals
from celery.worker import WorkController

from ledger.settings import Desk
from worker import logs as _logs  # noqa: F401  connects to Celery's signals
from worker import tasks
from worker.pacer import Pacer
from worker.queues import Queues
from worker.runtime import runtime

__all__ = ["app"]

log = logging.getLogger(__name__)

app = Celery("deskbell", amqp="worker.reconnection:PromptAmqp")
# By name: the settings are read when Celery first needs them, not when this module is imported.
app.config_from_object("worker.celeryconfig")
app.set_default()


class PacerStep(bootsteps.StartStopStep):
    """Runs the pacer in this worker's process, between the pool's start and its stop."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: WorkController, **_: Any) -> None:
        shared = runtime()
        me = f"{socket.gethostname()}:{os.getpid()}:{worker.concurrency}"
        self._queues = Queues(shared.settings.prefix)
        self._pacer = Pacer(
            shared.redis, shared.keys, shared.work, shared.settings.all_desks, self._publish, self._queues.deliver, me
        )
        self._desks = shared.settings.all_desks

    def start(self, _: WorkController) -> None:
        for desk in self._desks.values():
            if desk.missing:
                log.error("no credentials: %s", ", ".join(desk.missing), extra={"desk": desk.name})
        self._pacer.start()

    def stop(self, _: WorkController) -> None:
        self._pacer.stop()

    def _publish(self, desk: Desk, batches: Sequence[Sequence[str]]) -> None:
        with app.producer_pool.acquire(block=True) as producer:
            for ids in batches:
                tasks.deliver.apply_async((desk.name, list(ids)), producer=producer, retry=False)


app.steps["worker"].add(PacerStep)


@signals.worker_shutting_down.connect
def _begin_no_more_calls(**_: Any) -> None:
    """Calls in flight finish and are recorded; what was only claimed goes back to its lane."""
    runtime().stopping.set()
