"""Waiting for an fsync without waiting for the server's next tick.

Valkey and Redis fsync in a thread of their own, and tell those who wait for it (WAITAOF) when their main thread turns
its loop the next time: when any client says something, or at the next tick of `hz`, which by default is every 100 ms.
So whoever waits keeps the loop turning by a PING on another connection.
"""

import time
from contextlib import suppress
from typing import Any

import redis
from redis.client import Pipeline

__all__ = ["PipelineUntilFsynced"]

#: Between two nudges. An fsync takes from 0.2 ms to some ms, and a PING costs the server about 10 µs.
NUDGE_SECONDS = 0.002
#: For an answer on a connection without a timeout of its own: longer than any WAITAOF here.
_ANSWER_SECONDS = 30
_WAITS = frozenset({"WAITAOF", "WAIT"})


class PipelineUntilFsynced(Pipeline):
    """A pipeline, no transaction, whose WAITAOF and WAIT end when what they wait for has happened."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client.connection_pool, client.response_callbacks, False, None)
        self._client = client

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        if command_name in _WAITS:
            self._keep_turning(connection)
        return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]

    def _keep_turning(self, connection: Any) -> None:
        """Until the answer is there, or overdue: the other connection may be well while this one is half open. Reading
        then raises TimeoutError."""
        overdue = time.monotonic() + (connection.socket_timeout or _ANSWER_SECONDS)
        while not connection.can_read(NUDGE_SECONDS) and time.monotonic() < overdue:
            self._nudge()

    def _nudge(self) -> None:
        # A server whose disk is full refuses even a PING, and its loop has turned all the same. Raised from here the
        # refusal would count as the answer, and the answer itself would be left for whoever uses the connection next.
        with suppress(redis.ResponseError):
            self._client.ping()
