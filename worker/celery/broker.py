"""The ledger's Redis as Celery's broker: its URL, and how often a lost connection is tried again.

kombu reads URLs by its own rules, so it gets the parts already read.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import quote

from celery.app.amqp import AMQP
from celery.worker.state import maybe_shutdown
from kombu.connection import Connection

from ledger.redis_url import RedisUrl, written_address
from worker.runtime import runtime
from worker.watchdog import CONSUMER

__all__ = ["FastReconnectAMQP", "FastReconnectConnection", "broker_url_of", "tls_of", "transport_options_of"]

log = logging.getLogger(__name__)

#: The options that kombu itself needs: it has its own timers for these.
_TIMES = ("socket_timeout", "socket_connect_timeout", "health_check_interval")


def broker_url_of(url: RedisUrl) -> str:
    """What kombu chooses its transport by, and prints. User and password bypass it: `message_filter`."""
    if url.path:
        return f"redis+socket://{quote(url.path)}?virtual_host={url.db}"
    scheme = "sentinel" if url.service else url.scheme
    return f"{scheme}://{written_address(url.addresses[0])}/{url.db}"


def tls_of(url: RedisUrl) -> dict[str, Any] | None:
    """Celery's `broker_use_ssl`. By default kombu does not check the server's certificate."""
    return {"ssl_cert_reqs": "required", **url.tls_options} if url.tls else None


def transport_options_of(url: RedisUrl) -> dict[str, Any]:
    return {name: url.options[name] for name in _TIMES if name in url.options}


#: Between two tries, seconds. By default Celery waits 2, 4, 6, … up to 30 s, and so receives nothing for up to half a
#: minute after Redis is back; no Celery setting changes that. One refused connection a second does no harm.
RETRY_SECONDS = 1
#: This many connections may be made within this many seconds: a consumer that starts makes one or two. At five starts
#: within a second Celery prints a traceback.
AT_ONCE, AT_ONCE_SECONDS = 4, 2


class FastReconnectConnection(Connection):
    """kombu's connection, with evenly spaced tries: of one connection, and the first tries of one after another.

    All of kombu's reconnections go through `_ensure_connection`; its public form is only one caller. The worker's first
    event comes through another, which neither logs that it waits nor checks whether the worker should stop. This does.
    """

    _made: ClassVar[deque[float]] = deque(maxlen=AT_ONCE)  #: when the last of this process were, by the monotonic clock

    def ensure_connection(self, *arguments: Any, **options: Any) -> Any:
        """What a consumer calls that starts."""
        self._take_time()
        return super().ensure_connection(*arguments, **options)  # type: ignore[no-untyped-call]

    def _ensure_connection(
        self, errback: Callable[..., Any] | None = None, max_retries: int | None = None, *_: Any, **options: Any
    ) -> Any:
        def failed(*arguments: Any) -> Any:
            runtime().watchdog.beat(CONSUMER)
            return (errback or _log)(*arguments)

        spacing = {"interval_start": RETRY_SECONDS, "interval_step": 0, "interval_max": RETRY_SECONDS}
        options = {"callback": maybe_shutdown, **options, **spacing}
        return super()._ensure_connection(failed, max_retries, **options)  # type: ignore[no-untyped-call]

    @classmethod
    def _take_time(cls) -> None:
        """While Redis accepts connections but refuses commands, Celery's consumer restarts a hundred times a second."""
        runtime().watchdog.beat(CONSUMER)  # its event loop does not run meanwhile
        if len(cls._made) == AT_ONCE:
            runtime().stopping.wait(max(0.0, cls._made[0] + AT_ONCE_SECONDS - time.monotonic()))
        cls._made.append(time.monotonic())


def _log(error: BaseException, seconds: float) -> None:
    log.error("Cannot connect to Redis: %s. Trying again in %.0f s", error, seconds)


class FastReconnectAMQP(AMQP):
    """Makes Celery use it: `Celery(amqp=…)`."""

    Connection = FastReconnectConnection
