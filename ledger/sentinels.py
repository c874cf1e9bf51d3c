"""Asking sentinels for the primary, with at most a second per silent one, and a short reason for each in an error."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from ledger.redis_url import RedisUrl, written_address

__all__ = ["Sentinels"]

#: For a sentinel to take a connection, and again for it to answer, seconds. The next one knows as much.
SILENT_SECONDS = 1.0
#: A search that found nothing holds for so long, seconds. A client searches three times in a row, within less.
HOLDS_SECONDS = 1.0


class Sentinels(Sentinel):
    """redis-py's, but for how it asks. One is shared by all threads: it begins with the sentinel that answered last.

    redis-py's own moves that one to the front of its list in two steps, between which another thread may lose one.
    """

    def __init__(self, url: RedisUrl, password: str) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            url.addresses, sentinel_kwargs={**_of_connections(url), "password": password or None}
        )
        self._asked_first = 0
        self._found_nothing, self._problem = float("-inf"), ""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Raises MasterNotFoundError, which gives a reason for each sentinel."""
        if time.monotonic() < self._found_nothing + HOLDS_SECONDS:
            raise MasterNotFoundError(self._problem)
        problems = []
        for place, sentinel in self._in_turn():
            try:
                found = sentinel.sentinel_masters().get(service_name)
            except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError) as error:
                problems.append(f"{_address_of(sentinel)} {_problem(error)}")
                continue
            if found and self.check_master_state(found, service_name):  # type: ignore[no-untyped-call]
                self._asked_first = place
                return found["ip"], found["port"]
            problems.append(f"{_address_of(sentinel)} {'considers it down' if found else 'does not know it'}")
        self._problem = f"no sentinel names a primary of {service_name!r}: {'; '.join(problems)}"
        self._found_nothing = time.monotonic()
        raise MasterNotFoundError(self._problem)

    def _in_turn(self) -> Iterator[tuple[int, Any]]:
        first = self._asked_first
        numbered = list(enumerate(self.sentinels))
        yield from numbered[first:]
        yield from numbered[:first]


def _of_connections(url: RedisUrl) -> Mapping[str, Any]:
    """redis-py's own retry would be three more tries with pauses of seconds."""
    shared = {name: value for name, value in url.options.items() if name.startswith("ssl_") or name == "protocol"}
    return {
        **shared,
        "ssl": url.tls,
        "socket_timeout": SILENT_SECONDS,
        "socket_connect_timeout": SILENT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }


def _address_of(sentinel: Any) -> str:
    arguments = sentinel.connection_pool.connection_kwargs
    return written_address((arguments["host"], arguments["port"]))


def _problem(error: redis.RedisError) -> str:
    text = str(error)
    if isinstance(error, AuthenticationError) or text.startswith(("NOAUTH", "NOPERM")):
        return "refuses DESKBELL_SENTINEL_PASSWORD, or needs one"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "has a certificate that is not trusted: see ssl_ca_certs"
    if isinstance(error, redis.TimeoutError) or "imed out" in text:
        return "is silent"
    return "is not reached"
