"""The Celery application: `celery -A worker worker`."""

import logging
import os
import socket
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from celery import Celery, bootsteps, signals
from celery.worker import WorkController

from http_client.egress import Egress
from ledger.callback_format import signing_key
from ledger.callbacks import Callbacks
from ledger.cluster import refuse_cluster
from ledger.errors import LedgerUnwritable
from ledger.gc_tuning import tune_gc
from ledger.tracing import export_traces
from ledger.unresolved import Unresolved
from worker.callbacks import Poster
from worker.celery import logs as _logs  # noqa: F401  connects to Celery's signals
from worker.celery import tasks as _tasks  # noqa: F401  registers them
from worker.celery.queues import Queues
from worker.metrics import count_swept
from worker.notices import NoticeSender
from worker.pacer import Pacer
from worker.resolver import Resolver
from worker.runtime import runtime
from worker.watchdog import CONSUMER, PACER, TICK_SECONDS

__all__ = ["app"]

log = logging.getLogger(__name__)

app = Celery("deskbell", amqp="worker.celery.broker:FastReconnectAMQP")
# By name: the settings are read when Celery first needs them, not when this module is imported.
app.config_from_object("worker.celery.config")
app.set_default()


class FitnessStep(bootsteps.StartStopStep):
    """Ends a worker whose server it cannot use: its consumer would restart several times a second, for ever."""

    requires = ("celery.worker.components:Pool",)

    def start(self, _: WorkController) -> None:
        try:
            # Redis may be away just now; a worker waits for it.
            with suppress(redis.ConnectionError, redis.TimeoutError):
                refuse_cluster(runtime().redis, runtime().settings)
        except LedgerUnwritable as error:
            log.critical("this worker ends: %s", error)
            raise SystemExit(1) from None


class PacerStep(bootsteps.StartStopStep):
    """Runs the pacer in this worker's process, between the pool's start and its stop."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: WorkController, **_: Any) -> None:
        shared, pacing = runtime(), runtime().pacing
        me = f"{socket.gethostname()}:{os.getpid()}:{worker.concurrency}"
        queues = Queues(shared.settings.prefix)
        self._pacer = Pacer(
            pacing.redis,
            shared.keys,
            pacing,
            shared.settings.desks_here,
            partial(queues.publish, pacing.redis),
            queues.deliver,
            me,
            partial(count_swept, shared.counters),
            shared.call_ms,
            partial(shared.watchdog.beat, PACER),
        )
        self._desks = shared.settings.desks_here

    def start(self, _: WorkController) -> None:
        export_traces("deskbell-worker")
        for desk in self._desks.values():
            if desk.missing:
                log.error("no credentials: %s", ", ".join(desk.missing), extra={"desk": desk.name})
        tune_gc()
        self._pacer.start()

    def stop(self, _: WorkController) -> None:
        self._pacer.stop()


app.steps["worker"].add(FitnessStep)


class WatchdogStep(bootsteps.StartStopStep):
    """Ends this process when its pacer or its consumer is stuck."""

    requires = (PacerStep, "celery.worker.components:Timer")

    def start(self, worker: WorkController) -> None:
        watchdog = runtime().watchdog
        # In the event loop of the consumer, so it is silent when that is stuck.
        worker.timer.call_repeatedly(TICK_SECONDS, watchdog.beat, (CONSUMER,))
        watchdog.start()


app.steps["worker"].add(PacerStep)
app.steps["worker"].add(WatchdogStep)


class CallbacksStep(bootsteps.StartStopStep):
    """Posts callbacks from this worker's process, in separate threads."""

    def __init__(self, _: WorkController, **__: Any) -> None:
        shared = runtime()
        secret = shared.settings.callback_secret.get_secret_value()
        self._poster = Poster(
            Callbacks(shared.ledger),
            signing_key(secret) if secret else None,
            Egress(shared.settings.callback_allow),
        )

    def start(self, _: WorkController) -> None:
        self._poster.start()

    def stop(self, _: WorkController) -> None:
        self._poster.stop()


app.steps["worker"].add(CallbacksStep)


class NoticesStep(bootsteps.StartStopStep):
    """Sends notices from this worker's process, in a separate thread."""

    def __init__(self, _: WorkController, **__: Any) -> None:
        self._sender = NoticeSender(runtime().ledger)

    def start(self, _: WorkController) -> None:
        self._sender.start()

    def stop(self, _: WorkController) -> None:
        self._sender.stop()


app.steps["worker"].add(NoticesStep)


class ResolverStep(bootsteps.StartStopStep):
    """Leads events by e-mail or mobile to their receivers, in separate threads."""

    def __init__(self, _: WorkController, **__: Any) -> None:
        shared = runtime()
        self._resolver = Resolver(Unresolved(shared.settings, shared.redis), shared.settings.desks_here, shared.people)

    def start(self, _: WorkController) -> None:
        self._resolver.start()

    def stop(self, _: WorkController) -> None:
        self._resolver.stop()


app.steps["worker"].add(ResolverStep)


@signals.worker_shutting_down.connect
def _start_no_more_calls(**_: Any) -> None:
    """Calls in flight finish and are recorded; what is only claimed goes back to its lane."""
    runtime().watchdog.stop()
    runtime().stopping.set()


@signals.worker_shutdown.connect
def _write_the_rest_of_the_tally(**_: Any) -> None:
    """After the pool has stopped: calls in flight are counted until then."""
    runtime().counters.close()
