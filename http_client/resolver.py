"""The addresses of a host, within a time limit.

The operating system's own look-up (`getaddrinfo`) takes as long as the name servers make it take, half a minute and
more, and cannot be interrupted, so the owner of a name could block a thread for as long. c-ares asks the same servers,
and reads the same files, without a thread.
"""

import socket
from concurrent.futures import Future
from functools import cached_property
from typing import Any

import pycares

__all__ = ["Resolver"]

#: For one look-up, all its questions and name servers together, seconds.
LOOKUP_SECONDS = 3.0
#: For one question to one name server, seconds; and how many times it is asked, each time waiting longer.
_QUESTION_SECONDS, _TRIES = 1.0, 2


class Resolver:
    """Safe to share between threads. `options` are of `pycares.Channel`, in place of /etc/resolv.conf."""

    def __init__(self, lookup_seconds: float = LOOKUP_SECONDS, **options: Any) -> None:
        self._lookup_seconds = lookup_seconds
        self._options = options

    def __call__(self, host: str, port: int) -> list[str]:
        """In the order to try them in. Raises OSError, and TimeoutError when none came in time."""
        answer: Future[list[str]] = Future()

        def take(result: Any, error: int | None) -> None:
            if error is None:
                answer.set_result([node.addr[0].decode() for node in result.nodes])
            else:
                answer.set_exception(_failure(error))

        self._channel.getaddrinfo(host, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, callback=take)
        return answer.result(self._lookup_seconds)

    @cached_property
    def _channel(self) -> pycares.Channel:
        return pycares.Channel(timeout=_QUESTION_SECONDS, tries=_TRIES, **self._options)


def _failure(error: int) -> OSError:
    if error == pycares.errno.ARES_ETIMEOUT:
        return TimeoutError(pycares.errno.strerror(error))
    return socket.gaierror(error, pycares.errno.strerror(error))
