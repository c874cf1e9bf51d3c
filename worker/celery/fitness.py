"""A worker starts only on a server that it can use; otherwise it ends and says why."""

import logging
from contextlib import suppress
from typing import Any

import redis
from celery import bootsteps
from celery.worker import WorkController

from ledger.cluster import refuse_cluster
from ledger.errors import LedgerUnwritable
from worker.runtime import runtime

__all__ = ["FitnessStep"]

log = logging.getLogger(__name__)


class FitnessStep(bootsteps.StartStopStep):
    """Runs before the consumer, which would restart several times a second, for ever."""

    requires = ("celery.worker.components:Pool",)

    def start(self, _: WorkController) -> None:
        try:
            # Redis may be away just now; a worker waits for it.
            with suppress(redis.ConnectionError, redis.TimeoutError):
                refuse_cluster(runtime().redis, runtime().settings.redis)
        except LedgerUnwritable as error:
            log.critical("this worker ends: %s", error)
            raise SystemExit(1) from None

    def stop(self, _: Any) -> None:
        pass
