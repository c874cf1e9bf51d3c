"""Coming back soon: how often the worker tries to reach Redis again after it has lost it."""

import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from celery.app.amqp import AMQP
from kombu.connection import Connection

from worker.runtime import runtime

__all__ = ["PromptAmqp", "PromptConnection", "UnhurriedStep"]

#: Between two tries, seconds. Left to itself Celery waits 2, 4, 6, … up to 30 s, and so is deaf for up to half a
#: minute after Redis is back; no setting of Celery's changes that. One refused connection a second harms nobody.
RETRY_SECONDS = 1


class PromptConnection(Connection):
    """kombu's connection, whose tries are evenly spaced."""

    def ensure_connection(
        self, errback: Callable[..., Any] | None = None, max_retries: int | None = None, *_: Any, **options: Any
    ) -> Any:
        spacing = {"interval_start": RETRY_SECONDS, "interval_step": 0, "interval_max": RETRY_SECONDS}
        return super().ensure_connection(errback, max_retries, **{**options, **spacing})  # type: ignore[no-untyped-call]


class PromptAmqp(AMQP):
    """Has Celery use it: `Celery(amqp=…)`."""

    Connection = PromptConnection


class UnhurriedStep(bootsteps.StartStopStep):
    """A part of Celery's consumer. While Redis takes connections and refuses commands, that starts again at once, some
    hundred times a second."""

    def __init__(self, _: Any, **__: Any) -> None:
        self._started = float("-inf")

    def start(self, _: Any) -> None:
        runtime().stopping.wait(max(0.0, self._started + RETRY_SECONDS - time.monotonic()))
        self._started = time.monotonic()

    def stop(self, _: Any) -> None:
        pass
