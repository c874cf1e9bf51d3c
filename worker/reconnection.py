"""Coming back soon: how often the worker tries to reach Redis again after it has lost it."""

import time
from collections.abc import Callable
from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection

from worker.runtime import runtime

__all__ = ["PromptAmqp", "PromptConnection"]

#: Between two tries, seconds. Left to itself Celery waits 2, 4, 6, … up to 30 s, and so is deaf for up to half a
#: minute after Redis is back; no setting of Celery's changes that. One refused connection a second harms nobody.
RETRY_SECONDS = 1


class PromptConnection(Connection):
    """kombu's connection, whose tries are evenly spaced: those of one, and the first tries of one after another."""

    _begun = float("-inf")  #: the last time that one was made, in this process

    def ensure_connection(
        self, errback: Callable[..., Any] | None = None, max_retries: int | None = None, *_: Any, **options: Any
    ) -> Any:
        self._take_time()
        spacing = {"interval_start": RETRY_SECONDS, "interval_step": 0, "interval_max": RETRY_SECONDS}
        return super().ensure_connection(errback, max_retries, **{**options, **spacing})  # type: ignore[no-untyped-call]

    @classmethod
    def _take_time(cls) -> None:
        """While Redis lets it in and refuses commands, Celery's consumer starts again some hundred times a second."""
        runtime().stopping.wait(max(0.0, cls._begun + RETRY_SECONDS - time.monotonic()))
        cls._begun = time.monotonic()


class PromptAmqp(AMQP):
    """Has Celery use it: `Celery(amqp=…)`."""

    Connection = PromptConnection
